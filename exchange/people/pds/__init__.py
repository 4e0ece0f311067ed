"""The Personal Demographics Service, or one shaped like it, asked who somebody is (PDS FHIR API, R4).

It is off until an address is set. `client.py` asks, at the pace that is allowed; `tracing.py` decides what an
answer says of a record, without asking anybody; `due.py` knows whose turn it is; `round.py` does both.
"""
