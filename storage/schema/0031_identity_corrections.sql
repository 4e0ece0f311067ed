-- Which corrections say whose a study is, who holds copies that were sent under others, and what each destination
-- is told then.

create table identity_correction (
    correction_id bigint primary key references correction,
    review_id     bigint references link_review   -- of the person who decided it; null: a trust merged two numbers
);

create index identity_correction_by_review on identity_correction (review_id);

-- How a study names its patient: the identity corrections in force. Two moments with the same, the same names.
create function naming_of(p_study text) returns text language sql stable as $$
    select coalesce(string_agg(c.id::text, ',' order by c.id), '')
    from study s join correction c on c.study_id = s.id join identity_correction i on i.correction_id = c.id
    where s.uid = p_study and c.undone_at is null
$$;

-- That it changed: written with the change, read by whoever looks after copies.
create table renaming (
    id         bigint generated always as identity primary key,
    study_uid  text collate "C" not null,
    was        text collate "C" not null,     -- naming_of, before
    at         timestamptz not null default now(),
    noted_at   timestamptz                    -- the copies that there were are in renamed_copy
);

create index renaming_to_note on renaming (id) where noted_at is null;

-- Copies at destinations, of studies whose names changed once they had them. One is still wrong while it bears
-- other names than its study does here.
create table renamed_copy (
    study_uid      text collate "C" not null,
    destination    text collate "C" not null,
    bears          text collate "C" not null,  -- naming_of, when it was sent
    since          timestamptz not null,       -- when the names changed last
    after_delivery bigint not null,            -- deliveries up to this one were read before that
    ordered_for    text collate "C",           -- naming_of, for which it was ordered again
    round          integer,                    -- as which delivery of the study
    delivery_id    bigint references delivery, -- null with ordered_for: about to be ordered
    wanted_by      text,                       -- who asked for it to be sent again
    settled_at     timestamptz,                -- last seen to be right
    settled_by     text,                       -- null: it was sent again; else who said that it is right
    because        text not null default '',
    primary key (study_uid, destination)
);

alter table destination add column on_correction text not null default 'list'
    check (on_correction in ('list', 'resend', 'reject and resend'));
