-- The directory of people: what each source says of each identifier it gives out, and for whom that identifier
-- stands now. An NHS number is an identifier like any other, of the issuer NHS; a trust's own numbers are of the
-- trust's issuer. Nothing is ever overwritten by something that was said earlier (exchange.people).

create table person_record (
    id            bigint generated always as identity primary key,
    uid           uuid not null unique default gen_random_uuid(),  -- its FHIR id: says nothing of anybody
    issuer        text collate "C" not null check (issuer <> ''),
    value         text collate "C" not null check (value <> ''),
    -- What its source said last; of a number that is only named by others, nothing.
    nhs_number    text collate "C",          -- that its source holds for it
    number_status text collate "C" not null default '07' check (number_status in ('01','02','03','04','05','06','07','08')),
    sensitivity   text collate "C" not null default 'N' check (sensitivity in ('N', 'R', 'V')),
    demographics  jsonb,                     -- exchange.people.person.Demographics; null: nobody said any
    said_at       timestamptz,
    said_by       text not null default '',
    -- What searches match, made from the demographics.
    family        text,                      -- plain words (storage.names)
    given         text,
    birth_date    text collate "C",          -- YYYYMMDD, or as much of it as is known
    sex           text collate "C",
    postcode      text collate "C",          -- without spaces
    -- For whom it stands: itself, or whom it was merged into, or whom its verified NHS number names.
    current_id    bigint references person_record,
    is_considered boolean not null default false,  -- whether the linker has seen what it says now
    created_at    timestamptz not null default now(),
    unique (issuer, value)
);

create index person_record_current on person_record (current_id);
create index person_record_by_number on person_record (nhs_number) where nhs_number is not null;
create index person_record_by_birth_date on person_record (birth_date, family);
create index person_record_to_consider on person_record (id) where not is_considered;
