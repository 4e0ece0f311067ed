-- A study that a fault of ours kept from being decided is due again by itself, ever later, until it is decided.

alter table link_due
    add column heard    text[] not null default '{}',        -- exchange.telling.outbox.Because: what the record is to hear
    add column tries    integer not null default 0,          -- that failed; 0: it is due since the directory heard something
    add column due_at   timestamptz not null default now(),
    add column fault    text not null default '',            -- what failed last, by name: no text of it, which may hold values
    add column since    timestamptz not null default now();

update link_due set heard = '{person}' where of_person;
alter table link_due drop column of_person;
create index link_due_failing on link_due (due_at) where tries > 0;
