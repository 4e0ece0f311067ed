"""The DIMSE edge: associations in and out, and where studies go from here.

```
socket ─▶ acceptor ─▶ association ─▶ services/table ─▶ one service ─▶ storage, exchange
                                                                         │ change feed
peer ◀─ sender ◀─ requestor ◀─ deliveries/forwarding ◀─ delivery rows ◀─ rules/routing
```

Imports `storage` and `exchange`. The modules of this folder are the network itself (PS3.7, PS3.8): start
at `acceptor.py`, which gives each association a thread, then `association.py`, its states (`states.py`),
and `messages.py`, which puts messages together from what `wire.py` reads. What is taken is data:
`contexts.py`; how an association can end: `errors.py`. `requestor.py` and `sender.py` call peers.
`services/` answers requests, `rules/` decides what is sent where, `deliveries/` sends it, `pulling/`
fetches.
"""
