"""The command line, a module for each group of commands: `peers.py` is `imx peer`, and so on.

`imx.main.COMMANDS` names them all. What they share is in `group.py` (how a command takes options that stand
together), `options.py` (those of many commands, and the settings that they lead to) and `printing.py` (tables
for people, JSON for programs).
Start at `trusts.py`, the plainest of them. The service's own commands are in `imx.serve`.
"""
