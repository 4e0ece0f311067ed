"""Scripted dialogues with a DICOM server, ours or any other, and what came of each.

A dialogue is a function that asks, looks, and raises `Broken` where the standard says otherwise, or
`NotOffered` where the peer declines what it need not offer. Start reading at `verdicts`; the tables
are at the end of `searching`, `retrieving`, `storing` (DICOMweb), `finding`, `fetching`, `sending` (DIMSE).
"""
