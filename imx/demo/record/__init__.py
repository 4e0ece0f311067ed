"""A small care record for the demo and for tests: a FHIR R4 server that keeps what it is told, in memory.

`store.py` is what FHIR says of transactions, conditional updates and versions, on dictionaries; `server.py`
puts it behind HTTP, and can be told to fail in every way that a real one does. No product stands on it.
"""
