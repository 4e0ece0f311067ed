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
    done_steps       text[] not null default '{}', -- Scheduled Procedure Step IDs that are performed
    is_considered    boolean not null default false, -- whether studies that came before were looked for
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

-- What a modality says it does: one Modality Performed Procedure Step.
create table performed_step (
    uid        text collate "C" primary key,
    trust      text collate "C" not null,
    peer       text not null,
    state      text not null check (state in ('IN PROGRESS', 'COMPLETED', 'DISCONTINUED')),
    attributes jsonb not null,                -- DICOM JSON, as created and then set
    order_id   bigint references imaging_order,  -- null: unscheduled, or untied
    steps      text[] not null default '{}',  -- Scheduled Procedure Step IDs that it performs
    because    text not null,                 -- why it belongs to that order, or to none
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);

create index performed_step_by_order on performed_step (order_id);

-- To which peer each trust's performed steps are told: its RIS.
create table performed_listener (
    trust    text collate "C" not null references trust,
    ae_title text collate "C" not null,
    primary key (trust, ae_title)
);

-- What is to be told, in order, until it is heard.
create table performed_news (
    id         bigint generated always as identity primary key,
    step       text collate "C" not null references performed_step,
    is_new     boolean not null,              -- N-CREATE, else N-SET
    attributes jsonb not null,
    trust      text collate "C" not null,
    ae_title   text collate "C" not null,
    tries      integer not null default 0,
    due_at     timestamptz not null default now(),
    told_at    timestamptz,
    given_up_at timestamptz,
    because    text not null default ''
);

create index performed_news_due on performed_news (trust, ae_title, id)
    where told_at is null and given_up_at is null;

-- Which study answers which order: tied, or in doubt until a person decides.
create table order_tie (
    id            bigint generated always as identity primary key,
    order_id      bigint not null references imaging_order,
    study_uid     text collate "C" not null,
    state         text not null check (state in ('tied', 'doubt', 'dismissed', 'untied')),
    because       text not null,
    correction_id bigint references correction,
    at            timestamptz not null default now(),
    decided_at    timestamptz,                -- by a person
    decided_by    text,
    unique (order_id, study_uid)
);

create index order_tie_by_study on order_tie (study_uid);
create index order_tie_in_doubt on order_tie (id) where state = 'doubt';
create index imaging_order_new on imaging_order (id) where not is_considered;
