"""The HTTP edge: DICOMweb, pictures, and the desk at which people ask and decide.

Imports `storage`, `exchange` and `ologies`. Start at `app.py`; each resource has a module of its name,
and `desk.py` is what those of the service's own registers share.
"""
