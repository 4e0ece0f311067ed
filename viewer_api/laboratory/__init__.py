"""The page on which people add files: whose they are, and what becomes of each. Start at routes.py."""
