-- Under which system a trust's patient numbers are known to others over FHIR, where that is not one that we make
-- of its issuer (exchange.fhir.identifiers).

alter table trust add column number_system text collate "C" not null default '';  -- absolute URI; '': one of ours
create unique index trust_by_number_system on trust (number_system) where number_system <> '';
