"""The HTTP edge: DICOMweb today; uploads, FHIR and pages follow.

Imports `storage`, `exchange` and `ologies`. Start at `app.py`; each resource has a module of its name.
"""
