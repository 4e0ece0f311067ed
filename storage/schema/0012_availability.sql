-- Instance Availability Notification (PS3.4 §R): which peer is yet to hear of which study.

create table availability (
    study_uid   text collate "C" not null,
    peer_id     bigint not null references peer on delete cascade,
    changes     bigint not null default 1,               -- counted, so that one that comes meanwhile is not lost
    opened_at   timestamptz not null default now(),      -- the first change that was not told yet
    next_at     timestamptz not null,                    -- once the study is quiet; the next try
    tries       integer not null default 0,
    because     text not null default '',                -- why the last try failed
    told_at     timestamptz,
    given_up_at timestamptz,
    primary key (study_uid, peer_id)
);

create index availability_due on availability (next_at) where told_at is null and given_up_at is null;
