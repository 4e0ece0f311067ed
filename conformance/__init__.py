"""What we promise and how anyone checks it. Reads the tables of all packages but `imx`; nothing imports it.

`python -m conformance.statement` writes docs/conformance-statement.md from those tables.
"""
