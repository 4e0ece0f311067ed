-- Reports: what was said about studies, by HL7 v2 or by documents of the archive (exchange.reports).

-- One report as it stands: what was said of it last, and to which study it belongs.
create table report (
    id          bigint generated always as identity primary key,
    uid         uuid not null unique default gen_random_uuid(),  -- its FHIR id: says nothing of anybody
    trust       text collate "C" not null,
    source      text not null check (source in ('HL7', 'SR', 'PDF', 'CDA')),
    assigner    text collate "C" not null,       -- the system that gave out its number; '' for a document's UID
    number      text collate "C" not null,       -- the filler's, or the SOP Instance UID
    merged_into bigint references report,        -- documents of one chain that came apart from one another
    status      text not null,                   -- FHIR diagnostic-report-status
    version     integer not null,                -- how many times something was said of it
    content     jsonb not null,                  -- exchange.reports.report.Content
    study_named text collate "C" not null,       -- Study Instance UID that it names, or ''
    accessions  text[] collate "C" not null,     -- accession numbers that it names
    accession_issuer text collate "C" not null,
    -- To which study it belongs, if any.
    state       text not null default 'unmatched' check (state in ('matched', 'doubt', 'unmatched')),
    study_uid   text collate "C",
    because     text not null default 'nobody has looked yet',  -- no values
    decided_by  text,                            -- the person who decided it; null: the rules did
    decided_for bytea,                           -- of whom the study was when they did (SHA-256)
    changed_at  timestamptz not null default now(),
    created_at  timestamptz not null default now(),
    unique (trust, source, assigner, number),
    check ((state = 'matched') = (study_uid is not null))
);

create index report_by_study on report (study_uid) where study_uid is not null;
create index report_by_study_named on report (study_named) where study_named <> '';
create index report_by_accession on report using gin (accessions);
create index report_to_decide on report (id) where state <> 'matched';

-- Everything that was ever said of a report: added, never changed.
create table report_version (
    id           bigint generated always as identity primary key,
    report_id    bigint not null references report,
    said_at      timestamptz not null,
    said_by      text not null,                  -- message control ID, or the document's UID
    status       text not null,                  -- as its source said
    content      jsonb not null,                 -- exchange.reports.report.Content
    digest       bytea not null,                 -- of all of that: the same is said once
    instance_uid text collate "C",               -- the document, where it is one of the archive
    kept_at      timestamptz not null default now(),
    unique (report_id, digest)
);

create unique index report_version_by_instance on report_version (instance_uid) where instance_uid is not null;

-- Documents that messages brought with them, by what they are.
create table report_document (
    digest  bytea primary key,                   -- SHA-256 of the bytes
    bytes   bytea not null,
    kept_at timestamptz not null default now()
);

alter table report_document alter column bytes set storage external;  -- a PDF is compressed already

-- Whom reports name, for when the directory learns something of them.
create table report_patient (
    report_id bigint not null references report,
    issuer    text collate "C" not null,
    value     text collate "C" not null,
    primary key (report_id, issuer, value)
);

create index report_patient_by_number on report_patient (issuer, value);

-- Every decision there was to which study a report belongs: added, never changed.
create table report_decision (
    id         bigint generated always as identity primary key,
    report_id  bigint not null references report,
    state      text not null,
    study_uid  text collate "C",
    because    text not null,
    decided_at timestamptz not null default now(),
    decided_by text not null
);

create index report_decision_by_report on report_decision (report_id, id);
create trigger report_decision_only_grows before update or delete or truncate on report_decision
    for each statement execute function refuse_change();

-- Reports of which it is to be looked at anew to which study they belong. Whoever adds a row waits for nobody.
create table report_to_consider (
    id        bigint generated always as identity primary key,
    report_id bigint not null references report
);

-- What the directory or the linker decides of people may move reports; it says so in its own transaction.
create function reports_follow_person() returns trigger language plpgsql as $$
begin
    insert into report_to_consider (report_id)
        select p.report_id from report_patient p where p.issuer = new.issuer and p.value = new.value;
    return null;
end $$;

create trigger reports_follow_person after update of current_id on person_record
    for each row when (old.current_id is distinct from new.current_id) execute function reports_follow_person();

create function reports_follow_link() returns trigger language plpgsql as $$
begin
    insert into report_to_consider (report_id)
        select r.id from study s join report r on r.study_uid = s.uid or r.study_named = s.uid
            or (s.accession <> '' and r.accessions @> array[s.accession] collate "C")
        where s.id = new.study_id;
    return null;
end $$;

create trigger reports_follow_link after insert or update on study_link
    for each row execute function reports_follow_link();
