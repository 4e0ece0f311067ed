-- Rules: what is routed where, what is coerced, and what waits until its study is complete.

-- Every rule file that was ever in force. The newest is; one with a fault is never written here.
create table rule_set (
    version   bigint generated always as identity primary key,
    text      text not null,              -- TOML, as it was loaded
    loaded_by text not null,
    loaded_at timestamptz not null default now()
);

-- A correction that a rule makes holds for single instances, and is applied before any that a person makes.
alter table correction
    add column of_instances boolean not null default false,  -- only those of correction_instance
    add column read_as jsonb;             -- DICOM JSON: what text means where another character set is declared

create table correction_instance (
    instance_id   bigint not null references instance,
    correction_id bigint not null references correction,
    primary key (instance_id, correction_id)
);

create index correction_instance_by_correction on correction_instance (correction_id);

-- Of the instance whose single corrections an answer about the whole shows: the first. Null: none has any.
alter table identity add column shown_as bigint references instance;
alter table series add column shown_as bigint references instance;

-- What is to be sent of a study that rules match, from the first instance that came after the last order.
create table routing (
    study_id        bigint not null references study,
    destination     text collate "C" not null,
    state           text not null default 'gathering' check (state in ('gathering', 'ordered')),
    rules           text[] not null,      -- by name, that want it
    priority        text not null check (priority in ('low', 'medium', 'high')),
    transfer_syntax text collate "C",
    hold            jsonb,                -- until when nothing is sent; null: nothing is waited for
    orders          integer not null default 0,
    opened_at       timestamptz not null, -- first instance since the last order
    latest_at       timestamptz not null, -- newest
    ordered_at      timestamptz,
    because         text not null default '',  -- why it was ordered, or what keeps it
    released_at     timestamptz,          -- a person sent it on
    released_by     text,
    primary key (study_id, destination)
);

create index routing_gathering on routing (study_id) where state = 'gathering';

-- Steps are found by the study that they make: their Scheduled Step Attributes Sequence (0040,0270) names it.
create index performed_step_by_study on performed_step using gin ((attributes -> '00400270') jsonb_path_ops);

-- The patient's earlier studies that a rule wants at a workstation, looked for once for each new study.
create table prefetch (
    study_id        bigint not null references study,
    destination     text collate "C" not null,
    rule            text not null,
    priority        text not null check (priority in ('low', 'medium', 'high')),
    wanted          jsonb not null,       -- which priors are relevant
    asked_at        timestamptz not null default now(),
    ordered_at      timestamptz,
    priors          text[] not null default '{}',  -- UIDs of the studies that were ordered
    primary key (study_id, destination)
);

create index prefetch_waiting on prefetch (study_id) where ordered_at is null;
