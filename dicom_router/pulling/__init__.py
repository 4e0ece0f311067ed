"""Bringing another archive's studies in: migration and mirror (`imx pull`).

A source says what it has (`source`), a run compares it with what we hold, asks for what is missing and
writes down what is still short (`run`, `jobs`). Everything comes in through the archive's one door.
Start reading at `run.py`; one module for each way to ask a source: `dimse` with `getting` and `moving`,
`dicomweb`, `orthanc`.
"""
