"""e-Xchange: whose study is this, what may be shared, who was told, who looked.

Imports `storage` only. Start at `policy.py`, the one function that every read and write asks.
"""
