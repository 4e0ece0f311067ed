"""Whose study is this: what waits for a person, what they decide, and what a correction does."""
