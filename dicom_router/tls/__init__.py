"""TLS for DICOM and HL7 (PS3.15 §B.12): its profile, whom we believe, files that change, trouble in words."""
