-- Pulling another archive's studies in (dicom_router.pulling): one row for each source and range of dates,
-- one for each study that the source says it has.

create table pull (
    id         bigint generated always as identity primary key,
    way        text not null check (way in ('get', 'move', 'dicomweb', 'orthanc')),
    source     text not null,                 -- AE title of the peer, or the address; never credentials
    trust      text collate "C" not null references trust,
    first_day  date,                          -- of study dates; null is open
    last_day   date,
    place      bigint not null default 0,     -- in the source's own change feed, where it has one
    gaps       text[] not null default '{}',  -- ranges of which the source never gave a whole answer
    notes      text[] not null default '{}',  -- what no range of dates could ask for, where it cut its answers
    asked_by   text not null,                 -- who started it
    created_at timestamptz not null default now(),
    listed_at  timestamptz,                   -- the source was last asked for everything in the range
    unique nulls not distinct (way, source, trust, first_day, last_day)
);

create table pull_study (
    pull_id    bigint not null references pull,
    study_uid  text collate "C" not null,
    study_date text collate "C" not null default '',
    said       integer,                       -- instances, as the source's list of studies counts them
    expected   integer,                       -- instances, as its own lists and counts of the study come to
    held       integer,                       -- of those, how many are kept here
    listed_at  timestamptz not null,          -- when the source last named it
    state      text not null default 'waiting' check (state in ('waiting', 'held', 'short')),
    series     jsonb not null default '[]',   -- of a short study: each short series, counted, and what it lacks
    because    text not null default '',      -- why it is short, or why the last try failed
    changed_at timestamptz not null default now(),
    primary key (pull_id, study_uid)
);

create index pull_study_by_state on pull_study (pull_id, state, study_date desc, study_uid);
