"""A region's identity provider (OpenID Connect): whom it vouches for, and how we know its word.

Start at `claims.py`, which decides; `provider.py` brings its words and keys, and `settings.py` says whom we
believe. The steps of a browser are in `steps.py`, what programs show in `bearers.py`.
"""
