"""Signing in: pages, cookies, and what shows that a browser's request is of our own pages.

Start at `pages.py`, which a person goes through; `shown.py` is what every request shows, and `readers.py`
beside this package asks it. What an account is, and whether a password is right, `exchange` says.
"""
