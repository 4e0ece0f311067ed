-- The archive's tables. Read top to bottom: who, what, where it lies, what happened.
-- UIDs, keys and codes compare byte by byte (collate "C"); names compare by the key made from them.

create extension if not exists pg_trgm;

-- Who --------------------------------------------------------------------------------------------

create table trust (
    ods_code   text collate "C" primary key,
    name       text not null,
    place      text not null default '',
    issuer     text not null unique check (issuer <> ''),  -- namespace of its bare identifiers
    successor  text collate "C" references trust,          -- mergers move owners
    created_at timestamptz not null default now()
);

create table peer (
    id                 bigint generated always as identity primary key,
    ae_title           text collate "C" not null check (ae_title <> '' and length(ae_title) <= 16),
    trust              text collate "C" not null references trust,
    host               text,       -- the address it must come from; null for any
    port               integer,    -- where it listens, when it does
    may_store          boolean not null default true,
    may_read           boolean not null default false,
    duplicates         text not null default 'refuse' check (duplicates in ('refuse', 'warn', 'replace')),
    association_limit  integer check (association_limit > 0),
    private_sop_classes text[] not null default '{}',
    created_at         timestamptz not null default now(),
    unique nulls not distinct (ae_title, host)
);

-- A caller we turned away before it could send: what a co-ordinator needs to admit it.
create table refusal (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    calling text not null,
    called  text not null,
    address text not null,
    because text not null
);

create table access_token (
    id         bigint generated always as identity primary key,
    name       text not null unique,
    role       text not null,
    trust      text collate "C" not null default '',
    digest     bytea not null unique,    -- SHA-256 of the token; the token itself is shown once
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);

-- A patient is an identifier and its issuer. An identifier that identifies nobody (empty, a
-- placeholder) makes a patient of one study alone.
create table patient (
    id         bigint generated always as identity primary key,
    identifier text not null,
    issuer     text not null check (issuer <> ''),
    only_study text collate "C",
    unique nulls not distinct (identifier, issuer, only_study)
);

-- What -------------------------------------------------------------------------------------------

create table study (
    id               bigint generated always as identity primary key,
    uid              text collate "C" not null unique,
    study_date       text collate "C",   -- YYYYMMDD, null where missing or malformed
    study_time       text collate "C",   -- HHMMSS.FFFFFF
    accession        text,
    accession_issuer text,
    study_id         text,
    description      text,
    referring        text,               -- key of the referring physician's name
    modalities       text[] not null default '{}',
    series_count     integer not null default 0,
    inconsistent     boolean not null default false,  -- two identifiers, birth dates or trusts
    contested        boolean not null default false,  -- other content waits in quarantine
    json             bytea not null,     -- study attributes as first sent, DICOM JSON, no identity
    created_at       timestamptz not null default now()
);

create index study_by_date on study (study_date desc nulls last, id desc);
create index study_by_accession on study (accession);
create index study_by_modality on study using gin (modalities);
create index study_by_referring on study using gin (referring gin_trgm_ops);
create index study_by_description on study using gin (description gin_trgm_ops);

-- One row for each way in which a study's instances named their patient. `json` and
-- `sent_patient_id` stay as sent; the other columns are current: a correction changes them, its undoing
-- changes them back. Every search matches what is current.
create table identity (
    id              bigint generated always as identity primary key,
    study_id        bigint not null references study,
    digest          bytea not null,      -- of json and trust
    trust           text collate "C" not null,
    sent_patient_id bigint not null references patient,
    patient_id      bigint not null references patient,
    patient_name    text,                -- key of the name, see storage.names
    birth_date      text collate "C",
    sex             text collate "C",
    json            bytea not null,      -- identity attributes as sent, DICOM JSON
    unique (study_id, digest)
);

create index identity_by_patient on identity (patient_id);
create index identity_by_name on identity using gin (patient_name gin_trgm_ops);
create index identity_by_birth_date on identity (birth_date);

create table series (
    id             bigint generated always as identity primary key,
    study_id       bigint not null references study,
    uid            text collate "C" not null unique,
    modality       text collate "C",
    series_number  integer,
    description    text,
    body_part      text,
    series_date    text collate "C",
    performed_date text collate "C",
    performed_time text collate "C",
    json           bytea not null,       -- series attributes as first sent, DICOM JSON
    created_at     timestamptz not null default now()
);

create index series_by_study on series (study_id);

-- How many instances a series has, in parts: several associations that send one series count in rows of
-- their own, so none waits for another's commit. The number is the sum.
create table series_tally (
    series_id bigint not null references series,
    part      smallint not null,
    instances integer not null,
    primary key (series_id, part)
) with (fillfactor = 50);                -- counted in place

create function instances_in(p_series_id bigint) returns bigint language sql stable as $$
    select coalesce(sum(instances), 0)::bigint from series_tally where series_id = p_series_id
$$;

-- Where it lies ----------------------------------------------------------------------------------

-- One row for each durable Part 10 object. The unique key is also the lock between a sweep and a sender
-- that is about to give its bytes a row: the sweep puts a row of its own under a key before it deletes the
-- bytes, so one of the two finds the key taken.
create table object (
    id              bigint generated always as identity primary key,
    key             text collate "C" not null unique,
    size            bigint not null,     -- of the whole Part 10 file
    data_offset     integer not null,    -- where the data set begins, after our file meta
    digest          bytea not null,      -- SHA-256 of the data set as received
    transfer_syntax text collate "C" not null,
    peer            text not null,
    trust           text collate "C" not null,
    received_at     timestamptz not null,
    verified_at     timestamptz,         -- last re-read against its digest
    damaged_at      timestamptz,         -- it differed, or was gone
    swept_at        timestamptz          -- no row knew it: its bytes were deleted
);

-- Small objects are kept here first, in the commit of their rows, and wait to be put into the object store
-- (storage.staging).
create table staged (
    key       text collate "C" primary key,
    bytes     bytea not null,            -- the whole Part 10 file
    staged_at timestamptz not null default clock_timestamp()
);

alter table staged alter column bytes set storage external;
create index staged_by_age on staged (staged_at);

create index object_by_verification on object (verified_at nulls first, id) where swept_at is null;

create table instance (
    id              bigint generated always as identity primary key,
    series_id       bigint not null references series,
    uid             text collate "C" not null unique,
    identity_id     bigint not null references identity,
    object_id       bigint not null references object,
    sop_class       text collate "C" not null,
    instance_number integer,
    frame_count     integer not null,
    frame_form      smallint not null,   -- storage.frames.Form
    frames          bytea,               -- packed ranges, storage.frames
    problems        text[] not null default '{}',  -- what could not be indexed: tag and why, no values
    -- DICOM JSON without braces or identity, in tag order: groups below 0010, group 0010, above.
    json_before     bytea not null,
    json_patient    bytea not null,
    json_after      bytea not null,
    json_whole      boolean not null     -- false: too large to keep ready, made from the object when read
) with (toast_tuple_target = 8160);      -- ready JSON stays in the row: compressing it costs more than it saves

alter table instance alter column frames set storage external;   -- one range is read by offset
create index instance_by_series on instance (series_id, instance_number);
create index instance_by_object on instance (object_id);

-- What happened ----------------------------------------------------------------------------------

-- Every attempt to store, whatever became of it.
create table arrival (
    id               bigint generated always as identity primary key,
    at               timestamptz not null default now(),
    peer             text not null,
    trust            text collate "C" not null,
    address          text not null,
    called           text not null,
    sop_class        text collate "C" not null,
    sop_instance_uid text collate "C" not null,
    outcome          text not null,
    because          text not null default '',
    object_id        bigint references object
);

create index arrival_by_instance on arrival (sop_instance_uid);
create index arrival_by_day on arrival (trust, peer, at);

-- Kept aside, durable, until a person chooses.
create table quarantine (
    id               bigint generated always as identity primary key,
    object_id        bigint not null unique references object,
    arrival_id       bigint not null references arrival,
    instance_id      bigint references instance,   -- whose UID it has, if any
    sop_instance_uid text collate "C" not null,
    outcome          text not null,
    diff             jsonb not null,               -- tags that differ and how; no values
    decided_at       timestamptz,
    decided_by       text,
    decision         text
);

create index quarantine_by_instance on quarantine (sop_instance_uid, object_id) where decided_at is null;

-- The older contents of an instance whose sender may replace it.
create table version (
    id          bigint generated always as identity primary key,
    instance_id bigint not null references instance,
    object_id   bigint not null unique references object,
    replaced_at timestamptz not null default now()
);

-- Kept beside the object, applied on the way out, undone by a person; never deleted.
create table correction (
    id          bigint generated always as identity primary key,
    study_id    bigint not null references study,
    identity_id bigint references identity,   -- null: the whole study
    attributes  jsonb not null,               -- DICOM JSON: what each becomes
    reason      text not null check (reason in ('CORRECT', 'COERCE')),
    made_at     timestamptz not null default now(),
    made_by     text not null,
    undone_at   timestamptz,
    undone_by   text
);

create index correction_in_force on correction (study_id) where undone_at is null;

-- What is no longer here, and who decided so.
create table tombstone (
    uid         text collate "C" primary key,
    level       text not null check (level in ('study', 'series', 'instance')),
    withdrawn_at timestamptz not null default now(),
    asked_by    text not null,
    approved_by text not null,
    because     text not null
);

-- The ordered feed. A follower sees a change only once no older transaction can still add one
-- before it (storage.changes). `epoch` rises when the rows move to another database cluster,
-- whose transaction numbers begin again.
create table feed (
    epoch             integer not null,
    opened_at         timestamptz not null default now(),  -- what is older may have rows that are not here
    system_identifier bigint not null,
    only_row          boolean primary key default true check (only_row)
);

create table change (
    epoch      integer not null,
    tx         xid8 not null default pg_current_xact_id(),
    number     bigint generated always as identity,
    at         timestamptz not null default now(),
    kind       text not null check (kind in ('kept', 'corrected', 'moved', 'withdrawn')),
    study_uid  text collate "C" not null,
    series_uid text collate "C",
    instance_uid text collate "C",
    primary key (epoch, tx, number)
);

create table place_mark (
    follower text primary key,
    epoch    integer not null,
    tx       xid8 not null,
    number   bigint not null,
    moved_at timestamptz not null default now()
);

-- Who looked, who was refused. Rows are added, never changed.
create table audit (
    id         bigint generated always as identity primary key,
    at         timestamptz not null default now(),
    actor_kind text not null,
    actor      text not null,
    trust      text collate "C" not null,
    address    text not null,
    action     text not null,
    purpose    text not null,
    study_uid  text collate "C",
    outcome    text not null check (outcome in ('allowed', 'refused')),
    because    text not null,
    detail     jsonb not null default '{}'
);

create index audit_by_study on audit (study_uid, at);
create index audit_by_actor on audit (actor, at);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are added, never changed', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger audit_only_grows before update or delete or truncate on audit
    for each statement execute function refuse_change();
create trigger arrival_only_grows before update or delete or truncate on arrival
    for each statement execute function refuse_change();
