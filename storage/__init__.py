"""The shared archive: what is kept, and how it is found again.

Imports nothing of ours. Start at `ingest.py`, the one door in, then `archive.py`, the one way out.
`schema/` holds the tables, `objects.py` the port for bytes, `changes.py` the feed that others follow.
"""
