-- What the linker finds studies by, whenever the directory hears something new of somebody.

-- Numbers in a study beside its Patient ID as sent: those of its Other Patient IDs Sequence, and an NHS number as
-- the directory writes it. Kept by the linker.
create table study_identifier (
    study_id bigint not null references study on delete cascade,
    issuer   text collate "C" not null,
    value    text collate "C" not null,
    primary key (study_id, issuer, value)
);

create index study_identifier_by_value on study_identifier (issuer, value);

-- Studies to be looked at again, since what is known of somebody changed; a row goes when that is done.
create table link_due (
    study_id  bigint primary key references study on delete cascade,
    of_person boolean not null              -- whether it is whom the study is linked to
);

create function proposed_in(p_evidence jsonb) returns bigint[] language sql immutable parallel safe
return (select coalesce(array_agg(id::bigint), '{}') from jsonb_array_elements_text(p_evidence -> 'proposed') id);

alter table study_link
    add column proposed bigint[] generated always as (proposed_in(evidence)) stored,
    -- What the linker says of a link that a person decided, where that is news to them: a Decided, as stored.
    add column objection jsonb,
    add column objected_at timestamptz;

create index study_link_by_proposed on study_link using gin (proposed);
create index study_link_objected on study_link (study_id) where objection is not null;

-- Studies and people of one birth date and family name (person_record.family: plain words).
create index identity_by_birth_date_and_family on identity
    (birth_date, ltrim(plain_name(split_part(patient_name, '^', 1)))) where birth_date is not null;

-- A study that was withdrawn and purged goes with its link. Decisions over it stay as they are, of a study that is
-- no more: they are added, never changed.
alter table study_link drop constraint study_link_study_id_fkey,
    add constraint study_link_study_id_fkey foreign key (study_id) references study on delete cascade;
alter table link_decision drop constraint link_decision_study_id_fkey;
alter table link_review drop constraint link_review_study_id_fkey;
