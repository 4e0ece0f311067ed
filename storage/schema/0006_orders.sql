-- Orders: what was asked for, what a modality says it did, and which study answers which order.

-- The issuer of a study's accession number as it came, kept when a correction first changes it: it may
-- have been the sender's, which the study's own attributes do not say.
alter table study add column sent_accession_issuer text;

-- One requested procedure of one trust. What was said last of its content and of its status stands,
-- whatever order the messages came in.
create table imaging_order (
    id               bigint generated always as identity primary key,
    trust            text collate "C" not null,
    number           text collate "C" not null,   -- the filler's, else the placer's
    placer           text collate "C" not null default '',
    filler           text collate "C" not null default '',
    accession        text not null default '',
    accession_issuer text not null,
    study_uid        text collate "C" not null,
    patient_id       text not null,
    issuer           text not null,
    birth_date       text collate "C" not null default '',
    first_date       text collate "C",            -- of its steps, YYYYMMDD; null where it has none
    last_date        text collate "C",
    shared_with      text[] not null default '{}',
    content          jsonb not null,              -- exchange.order.Order
    is_content       boolean not null,            -- false: known only from a cancellation or a status
    content_at       timestamptz not null,
    content_by       text not null,
    status           text not null,               -- as its sender says
    status_at        timestamptz not null,
    status_by        text not null,
    performed        text,                        -- as a modality says (MPPS); null until one does
    placed_by        text not null,               -- who brought it: an HL7 sender or an account
    created_at       timestamptz not null default now(),
    unique (trust, number)
);

create index imaging_order_by_placer on imaging_order (trust, placer) where placer <> '';
create index imaging_order_by_study on imaging_order (study_uid);
create index imaging_order_by_accession on imaging_order (accession, accession_issuer) where accession <> '';
create index imaging_order_by_date on imaging_order (last_date, id);

-- Who may send HL7 messages, and in whose name.
create table hl7_sender (
    id        bigint generated always as identity primary key,
    network   cidr not null,
    facility  text not null default '',    -- MSH-4 that its messages bear; '' for any
    trust     text collate "C" not null references trust,
    aliases   text[] not null default '{}', -- assigning authorities that mean the trust's own issuer
    unique (network, facility)
);

-- Every message and what became of it. The bytes stay where a person may need them: kept aside.
create table hl7_message (
    id         bigint generated always as identity primary key,
    at         timestamptz not null default now(),
    address    text not null,
    trust      text collate "C",            -- null: from nobody we know
    type       text not null,
    control_id text not null,
    digest     bytea not null,              -- SHA-256 of the bytes
    answer     text not null check (answer in ('AA', 'AE', 'AR')),
    because    text not null default '',    -- no values
    raw        bytea,                       -- null: taken
    settled_at timestamptz,                 -- a person has dealt with it
    settled_by text
);

create index hl7_message_taken on hl7_message (trust, control_id) where answer = 'AA';
create index hl7_message_aside on hl7_message (id) where raw is not null and settled_at is null;
