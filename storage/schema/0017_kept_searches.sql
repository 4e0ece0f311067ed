-- What people look for, for a shift: the address of a page holds a key, and no patient's name.

create table kept_search (
    key         text collate "C" primary key,  -- random; counts for its maker alone
    actor_kind  text not null,
    actor       text not null,
    trust       text not null,                 -- ODS code, or ''
    criteria    jsonb not null,                -- the filled-in fields of viewer_api.study_list.criteria
    kept_at     timestamptz not null default now()
);

create index kept_search_by_time on kept_search (kept_at);
