-- Who changed the registry, and when: rows that are added and never changed.
create table registry_change (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    by     text not null,      -- account, or user of the command line
    what   text not null check (what in ('trust added', 'trust changed', 'trust removed',
                                         'peer added', 'peer changed', 'peer removed')),
    name   text not null,      -- ODS code or AE title
    entry  jsonb not null      -- as it is since; as it was, where it was removed
);

create trigger registry_change_only_grows before update or delete or truncate on registry_change
    for each statement execute function refuse_change();
