-- Patients by the numbers of the directory (person_record), which compares them byte by byte: an index serves only
-- its own collation, and patient's other one has the database's.
create index patient_by_number on patient (identifier collate "C", issuer collate "C");
