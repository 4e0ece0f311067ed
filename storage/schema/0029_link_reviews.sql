-- What people decided over whose a study is: who, why, and how its link stood before, so that it can be undone.
-- Nothing is taken away: what is undone is marked so.

create table link_review (
    id             bigint generated always as identity primary key,
    study_id       bigint not null references study,
    verb           text not null check (verb in ('link', 'reject', 'correct', 'ask', 'answer')),
    person_id      bigint references person_record,  -- linked to, corrected to, or not this one; null: words only
    because        text not null check (because <> ''),  -- why; the question; the answer
    stood          jsonb,                            -- the link before; null where there was none, or it stays
    decided_at     timestamptz not null default now(),
    decided_by     text not null,
    trust          text collate "C" not null,        -- ODS code of who decided, '' for somebody of none
    undone_at      timestamptz,
    undone_by      text,
    undone_because text,
    check ((person_id is null) = (verb in ('ask', 'answer')))
);

create index link_review_by_study on link_review (study_id, id);

-- The worklist, the oldest study first.
create index study_link_waiting on study_link (study_id) where state <> 'linked';
