-- Whose study each is: the person, or why it is not known. Decided by exchange.linking, or by a person, whose
-- word the linker leaves as it is.

create table study_link (
    study_id    bigint primary key references study,
    state       text not null check (state in ('linked', 'ambiguous', 'unmatched', 'conflicting')),
    person_id   bigint references person_record,  -- as decided; for whom that stands now is its current_id
    evidence    jsonb not null,                   -- exchange.linking.link.Evidence
    decided_at  timestamptz not null default now(),
    decided_by  text not null,                    -- the linker, or who
    is_by_hand  boolean not null default false,
    check ((state = 'linked') = (person_id is not null))
);

create index study_link_by_person on study_link (person_id);
create index study_link_to_review on study_link (decided_at) where state <> 'linked';

-- Every decision there was, the linker's and people's: added, never changed.
create table link_decision (
    id          bigint generated always as identity primary key,
    study_id    bigint not null references study,
    state       text not null,
    person_id   bigint references person_record,
    evidence    jsonb not null,
    decided_at  timestamptz not null default now(),
    decided_by  text not null,
    because     text not null default ''          -- what a person said
);

create index link_decision_by_study on link_decision (study_id, id);
create trigger link_decision_only_grows before update or delete or truncate on link_decision
    for each statement execute function refuse_change();
