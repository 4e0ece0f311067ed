"""How fast, beside other people's programs in the same run. docs/benchmarks.md says what the figures mean.

Each benchmark is a command (`python -m benchmarks.ingest`); `--quick` runs a little of everything it does.
"""
