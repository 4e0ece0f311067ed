"""Telling the record (e-Xchange) of studies: at least once, in order, and never of two people at once.

`outbox.py` keeps what changed, in the transaction of the change. `tellings.py` makes of it a row for each
subscriber and study, with what the subscriber holds of it; `teller.py` reads the story of a study as it
stands (`story.py`), has the subscriber's adapter say what should be held (`port.py`), and tells the
difference (`thing.py`, pure). `subscriber.py` is the register, `desk.py` for those who operate the service.
"""
