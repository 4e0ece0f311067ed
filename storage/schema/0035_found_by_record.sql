-- How the record's readers find studies (viewer_api.fhir): by ids that tell nobody of what they are, and by when
-- what is known of a study changed last.

-- The FHIR id of a resource, by its kind and its own name: a UUID of version 8 (RFC 9562 §B.2), the same that
-- exchange.fhir.identifiers makes. Names are ASCII.
create function fhir_id(kind text, name text) returns uuid immutable strict parallel safe language sql as $$
    select encode(set_byte(set_byte(digest, 6, get_byte(digest, 6) & 15 | 128),
                           8, get_byte(digest, 8) & 63 | 128), 'hex')::uuid
    from (select substring(sha256(decode(kind || ' ' || name, 'escape')) for 16) as digest) made
$$;

create index study_by_fhir_id on study (fhir_id('ImagingStudy', uid));
create index imaging_order_by_fhir_id on imaging_order (fhir_id('ServiceRequest', id::text));
create index imaging_order_by_patient on imaging_order (patient_id, issuer);

-- When what the record should know of a study changed: added with each row of `outbox`, which its reader takes
-- away. Rows that a later one outdates go with the next change, but for those that somebody else holds.
create table record_change (
    id        bigint generated always as identity primary key,
    study_uid text collate "C" not null,
    at        timestamptz not null default clock_timestamp()
);

create index record_change_by_study on record_change (study_uid, at);
create index record_change_by_time on record_change (at);

create function note_record_change() returns trigger language plpgsql as $$
begin
    delete from record_change where id in (
        select earlier.id from record_change earlier
        where earlier.study_uid in (select study_uid from added) for update skip locked
    );
    insert into record_change (study_uid) select distinct study_uid from added;
    return null;
end $$;

create trigger outbox_is_a_record_change after insert on outbox referencing new table as added
    for each statement execute function note_record_change();
