"""What peers may ask for, one module a service.

`table.py` says which service answers which request. `store.py` is C-STORE, the fast path; `finding.py`
C-FIND, `getting.py` and `moving.py` C-GET and C-MOVE with what they share in `retrieving.py` and
`suboperations.py`; `worklist.py` and `performing.py` what modalities do; `commitment.py` and
`availability.py` what peers are told.
"""
