"""HL7 v2 over MLLP: how a trust's systems tell us who people are, what was ordered and what was reported.

`framing.py` cuts a stream into messages and `message.py` reads one; both are pure. `desk.py` takes a message:
it knows who may send (`namespace.py`: in whose name), what came before, and which handler a message type has;
`answers.py` writes what is answered. `listener.py` is the sockets. What a message means is a module for each
type: `orders.py`, `admissions.py`, `observations.py` …
"""
