-- Who in the record is told of studies, and what each of them was told. A row for each study and subscriber holds
-- what stands there now; whoever tells compares it with how things are, and tells the difference (exchange.telling).

create table subscriber (
    name         text collate "C" primary key check (name <> ''),
    kind         text not null check (kind in ('fhir', 'mhd', 'hl7', 'nrl')),
    address      text not null check (address <> ''),  -- a FHIR base, or mllp://host:port
    account      text not null default '',             -- the name it knows us by, where it asks for one
    secret_file  text,                                 -- the file that holds our token or password
    manner       jsonb not null default '{}',          -- exchange.telling.subscriber.Manner
    added_at     timestamptz not null default now(),
    -- Its circuit breaker.
    failures     integer not null default 0,           -- one after the other
    open_until   timestamptz,                          -- not tried before
    last_error   text not null default '',
    failed_at    timestamptz,
    -- Who tells it now, one at a time over all processes: a lease whose holder has died ends by itself.
    lease        uuid,
    leased_until timestamptz
);

create table telling (
    id         bigint generated always as identity primary key,
    subscriber text collate "C" not null,
    study_uid  text collate "C" not null,
    things     jsonb not null default '[]',            -- what it was told and holds now: exchange.telling.thing.Thing
    state      text not null default 'waiting' check (state in ('waiting', 'told', 'dead', 'cancelled')),
    because    text not null,                          -- what changed last
    changes    integer not null default 1,             -- how often: more while it is told, and there is more to tell
    tries      smallint not null default 0,            -- that failed through its own fault
    since      timestamptz not null default now(),     -- it waits
    due_at     timestamptz not null default now(),     -- when it is told, or tried again
    told_at    timestamptz,                            -- when it last was as it should be
    last_error text not null default '',               -- in words, without patient data
    unique (subscriber, study_uid)
);

-- What a subscriber holds already goes first: it may be of somebody else by now.
create index telling_due on telling (subscriber, (things = '[]'::jsonb), due_at) where state = 'waiting';
create index telling_dead on telling (subscriber) where state = 'dead';
create index telling_by_study on telling (study_uid);

-- What was told to whom, of whom: added, never changed.
create table told (
    id         bigint generated always as identity primary key,
    at         timestamptz not null default now(),
    subscriber text collate "C" not null,
    study_uid  text collate "C" not null,
    thing      text not null,                          -- which: 'study', 'document', 'report/…'
    act        text not null check (act in ('told', 'replaced', 'retracted')),
    person     uuid not null                           -- of whom, by the uid of their record
);

create index told_by_study on told (study_uid, id);
create index told_by_person on told (person, id);
create trigger told_only_grows before update or delete or truncate on told
    for each statement execute function refuse_change();

-- What a person decided about a telling.
create table telling_decision (
    id         bigint generated always as identity primary key,
    telling_id bigint not null references telling,
    at         timestamptz not null default now(),
    decided_by text not null,
    decision   text not null check (decision in ('replay', 'cancel'))
);

create index telling_decision_by_telling on telling_decision (telling_id);
