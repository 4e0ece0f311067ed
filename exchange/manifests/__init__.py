"""What a study holds and where it can be opened, as one document: a DICOM Key Object Selection, or FHIR.

`manifest` says it once, `kos` and `fhir` write and read it. Start with `reading.manifest_for`.
"""
