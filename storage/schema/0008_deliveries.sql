-- What is to be sent where, and what became of it. The rows are the truth: the queue's jobs only wake the work.

create table destination (
    name         text collate "C" primary key check (name <> ''),
    kind         text not null check (kind in ('dimse', 'dicomweb', 'orthanc', 'folder')),
    address      text not null check (address <> ''),    -- a peer's AE title, a URL, a folder
    trust        text collate "C" not null references trust,  -- whose identifiers leave for it
    account      text not null default '',               -- the name it knows us by, where it asks for one
    secret_file  text,                                   -- the file that holds our token or password
    is_asked     boolean not null,                       -- after sending: does it hold what it took?
    associations smallint not null default 2 check (associations between 1 and 64),  -- at one time
    created_at   timestamptz not null default now()
);

-- Most urgent first, as DIMSE names them (PS3.7 §9.1.1.1.4).
create type delivery_priority as enum ('high', 'medium', 'low');

create table delivery (
    id              bigint generated always as identity primary key,
    destination     text collate "C" not null,           -- of a destination, or a peer's AE title
    study_uid       text collate "C" not null,
    round           integer not null default 1,          -- the same study again, all of it
    state           text not null default 'waiting'
                    check (state in ('waiting', 'sending', 'delivered', 'dead', 'cancelled')),
    priority        delivery_priority not null,
    because         text not null,                       -- the rule or person that wants it
    transfer_syntax text collate "C",                    -- what it is to be sent in; null as it is
    orders          integer not null default 1,          -- how often it was ordered: more while it is sent
                                                         -- means that there may be more to send
    tries           smallint not null default 0,         -- that failed, since it was ordered or replayed
    next_try        timestamptz not null default now(),
    give_up_from    timestamptz not null default now(),  -- since when its destination's patience counts
    claim           uuid,                                -- of the turn in which it is sent
    last_error      text,                                -- in words, without patient data
    ordered_at      timestamptz not null default now(),
    ended_at        timestamptz,                         -- delivered, dead or cancelled
    unique (destination, study_uid, round)
);

create index delivery_due on delivery (destination, priority, next_try) where state = 'waiting';
create index delivery_under_way on delivery (claim) where state = 'sending';
create index delivery_dead on delivery (ended_at) where state = 'dead';
create index delivery_by_study on delivery (study_uid);

-- What rules have ordered goes on waiting where its study came in doubt since: until that is settled, or a person
-- releases it.
create function is_in_doubt(p_study text, p_destination text) returns boolean language sql stable as $$
    select exists (select from study s join routing r on r.study_id = s.id and r.destination = p_destination
        where s.uid = p_study and (s.contested or s.inconsistent) and r.released_at is null)
$$;

-- What a destination has taken. What a study holds beyond these rows is missing: a study of a thousand slices
-- is ordered by one row, a broken try repeats exactly the rest, and each row is evidence of custody.
create table forwarded (
    delivery_id bigint not null references delivery,
    instance_id bigint not null references instance,
    object_id   bigint not null references object,       -- other content is missing again
    at          timestamptz not null default clock_timestamp(),
    primary key (delivery_id, instance_id)
);

create index forwarded_by_instance on forwarded (instance_id);

-- The ledger reads a day of arrivals, and what we answered for.
create index arrival_by_time on arrival using brin (at);
create index commitment_instance_committed on commitment_instance (uid) where reason = 0;

-- What a person decided about a delivery.
create table delivery_decision (
    id          bigint generated always as identity primary key,
    delivery_id bigint not null references delivery,
    at          timestamptz not null default now(),
    decided_by  text not null,
    decision    text not null check (decision in ('replay', 'cancel'))
);

create index delivery_decision_by_delivery on delivery_decision (delivery_id);

-- A destination that fails again and again is left alone for a while, then tried with one delivery.
create table breaker (
    destination text collate "C" primary key,
    failures    integer not null default 0,              -- one after the other
    open_until  timestamptz,                             -- not tried before
    last_error  text,
    failed_at   timestamptz
);

-- Who sends to a destination now: as many rows hold as it takes associations, over all processes. A turn
-- whose holder has died ends by itself, and what it had claimed waits again.
create table turn (
    destination text collate "C" not null,
    number      smallint not null,
    token       uuid not null unique,
    until       timestamptz not null,
    primary key (destination, number)
);
