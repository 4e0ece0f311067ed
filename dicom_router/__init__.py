"""The DIMSE edge: associations in and out.

Imports `storage` and `exchange`. Start at `acceptor.py`, which gives each association a thread,
then `association.py`, its states (PS3.8 §9.2), then `store.py`, the C-STORE service.
"""
