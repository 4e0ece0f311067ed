-- What was said of two identifiers: that one was merged into the other, or that both are one person. Added, never
-- changed: for whom a record stands follows from all of it, whatever order it came in (exchange.people.standing).

create table person_statement (
    id         bigint generated always as identity primary key,
    kind       text collate "C" not null check (kind in ('merged', 'apart', 'linked', 'unlinked')),
    -- merged: this one gave way to the other. apart: no longer; it stands for itself. linked, unlinked: the two.
    from_id    bigint not null references person_record,
    into_id    bigint references person_record,
    said_at    timestamptz not null,
    said_by    text collate "C" not null,
    created_at timestamptz not null default now(),
    check ((into_id is null) = (kind = 'apart')),
    unique nulls not distinct (from_id, into_id, kind, said_at, said_by)
);

create index person_statement_by_into on person_statement (into_id);
create trigger person_statement_only_grows before update or delete or truncate on person_statement
    for each statement execute function refuse_change();

