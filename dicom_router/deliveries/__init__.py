"""Sending studies on, until they have arrived or a person has looked.

`ordering.py` writes the row, `waking.py` the job that wakes the work. `dispatch.py` runs in the worker
and has `forwarding.py` look after one destination: `claims.py` says what is due, `turns.py` and
`breakers.py` whether it may be sent now, `batch.py` sends it. `exchange.backoff` decides when to try again.
`destinations/` has an adapter for each kind of place.
"""
