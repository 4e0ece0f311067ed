"""Where instances are sent: one port, and an adapter for each kind of destination.

Start at `port.py`; `opening.py` makes one of an entry.
"""
