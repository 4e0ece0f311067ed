"""A small PDS, for tests and the demonstration: it answers as the real one's sandbox does.

Nothing here is for use with people. `server.py` is the service, `records.py` whom it holds, `running.py`
runs it.
"""
