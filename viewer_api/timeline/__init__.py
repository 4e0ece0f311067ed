"""A person's record: found by number or name, and all their studies as a line in time. Start at `routes`."""
