-- By which certificate an HL7 sender is known.

alter table hl7_sender add column fingerprint text collate "C"
    check (fingerprint ~ '^[0-9a-f]{64}$');  -- SHA-256, hex; null: over TLS, any that our authorities signed
