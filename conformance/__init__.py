"""What we promise and how anyone checks it. Reads the tables of all packages; nothing imports it."""
