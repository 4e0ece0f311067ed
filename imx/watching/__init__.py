"""A folder that scanners write into: whole files are wrapped, kept, and moved to done/ or failed/.

Start at `watch.py`; `sightings.py` says when a file is whole, `folder.py` what goes together and where,
`cases.py` whose it is.
"""
