"""Routing and coercion: what a region's rules want done with what has come.

Rules are values (`rule.py`, `criteria.py`, `coercion.py`), read from TOML by `parsing.py`; what they want
of a study is decided in `wishes.py` and `holding.py`. These are pure. `routing.py` follows the change
feed, asks them, and orders deliveries; `book.py` holds the rules in force, `desk.py` is what people do.
"""
