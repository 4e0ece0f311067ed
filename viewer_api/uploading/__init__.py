"""Files that people send to become DICOM: the tus protocol, and what becomes of each. Start at routes.py."""
