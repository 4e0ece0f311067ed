"""Settings, wiring, the supervisor and the command line: the only place that reads the environment.

Imports every package; nothing imports it. Start at `main.py`, which names the commands (each a module of
`commands/`), then `wiring.py`, where the parts meet, then `supervisor.py`, which keeps the processes alive.
"""
