"""Reports: what a doctor wrote about a study, from HL7 v2, DICOM SR and documents, beside that study.

`report.py` is what a report is, `versions.py` what stands of all that was said of it (pure), `telling.py` the
one door in, `matching.py` to which study it belongs (pure), `considering.py` who asks that, `reading.py` the
way out.
"""
