"""The DIMSE edge: associations in and out.

Imports `storage` and `exchange`. Start at `acceptor.py`, which gives each association a thread,
then `association.py`, its states (PS3.8 §9.2), then `services.py`, which answers requests, and `store.py`,
the C-STORE service. Below them `messages.py` puts messages together from what `wire.py` reads.
What is taken is data: `contexts.py`; how an association can end: `errors.py`.
"""
