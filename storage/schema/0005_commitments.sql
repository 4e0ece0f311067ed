-- Storage commitment (PS3.4 §J): what peers asked us to answer for, and what they heard. A row before the answer.

create table commitment (
    id              bigint generated always as identity primary key,
    transaction_uid text collate "C" not null,
    peer_id         bigint not null,     -- its entry when it asked; 0 for an open service's strangers
    peer            text collate "C" not null,
    trust           text collate "C" not null,
    called          text not null,       -- the report goes out in this name
    on_association  boolean not null,    -- the report goes on an association of the peer's
    asked_at        timestamptz not null default now(),
    waits_until     timestamptz not null,                 -- what is unknown may still arrive
    next_at         timestamptz not null default now(),   -- the next look, or try; later while somebody is at it
    settled_at      timestamptz,         -- every instance has its answer
    tries           integer not null default 0,
    because         text not null default '',             -- why the last try failed
    delivered_at    timestamptz,
    given_up_at     timestamptz,
    unique (trust, peer, transaction_uid)
);

create index commitment_due on commitment (next_at) where delivered_at is null and given_up_at is null;
create index commitment_undelivered on commitment (peer, trust) where delivered_at is null;

create table commitment_instance (
    commitment_id bigint not null references commitment,
    place         integer not null,
    sop_class     text collate "C" not null,
    uid           text collate "C" not null,
    reason        integer,               -- null: not known yet; 0: committed; else Failure Reason (0008,1197)
    primary key (commitment_id, place)
);

create index commitment_instance_open on commitment_instance (commitment_id, place) where reason is null;
