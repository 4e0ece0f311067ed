"""Reports: what a doctor wrote about a study, from HL7 v2, DICOM SR and documents, beside that study.

`report.py` is what a report is, `versions.py` what stands of all that was said of it (pure), `telling.py` the
one door in, `matching.py` to which study it belongs (pure), `considering.py` when it is asked, `deciding.py`
a person's word, `reading.py` the way out. Documents of the archive: `titles.py` says which are reports,
`documents.py` what one says (both pure), `following.py` follows them. Messages: exchange.hl7.observations;
those about documents: exchange.hl7.documents, `notice.py`, `chains.py`.
"""
