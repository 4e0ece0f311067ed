-- Orders: what was asked for, what a modality says it did, and which study answers which order.

-- The issuer of a study's accession number as it came, kept when a correction first changes it: it may
-- have been the sender's, which the study's own attributes do not say.
alter table study add column sent_accession_issuer text;
