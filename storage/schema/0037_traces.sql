-- Numbers that the PDS is asked about: what became of it, and when it is to be asked again (exchange.people.pds).

create table person_trace (
    issuer    text collate "C" not null,
    value     text collate "C" not null,
    due_at    timestamptz default now(),      -- null: not until what its source says changes
    asked_at  timestamptz,                    -- last, and what became of it:
    outcome   text collate "C" not null default '' check (outcome in ('', 'verified', 'superseded', 'differs',
        'nobody', 'several', 'invalidated', 'too little to ask by', 'refused')),
    version   text not null default '',       -- of the PDS's record, as its ETag has it
    heard_at  timestamptz,                    -- person_record.said_at by then
    linked_to text collate "C" not null default '',  -- the NHS number that it was found to be of
    primary key (issuer, value)
);

create index person_trace_due on person_trace (due_at) where due_at is not null;
create index person_trace_of_trusts on person_trace (issuer, value) where issuer <> 'NHS';
-- Those whose source says that a trace is required.
create index person_record_to_trace on person_record (id) where number_status = '03' and issuer <> 'NHS';
create index study_link_by_decision on study_link (decided_at);
