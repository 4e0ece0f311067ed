"""What people and programs drew on slides: read as marks, checked against the slide, kept as one object."""
