-- Original files: what a department's own file was, before DICOM was made of it. Their bytes are objects of their
-- own kind (storage.original); no search finds them, nothing sends them on, and few may have them back.

create table original (
    id               bigint generated always as identity primary key,
    object_id        bigint not null unique references object,
    digest           bytea not null,                  -- SHA-256 of the file
    study_uid        text collate "C" not null,
    series_uids      text[] collate "C" not null,
    instance_uids    text[] collate "C" not null check (cardinality(instance_uids) > 0),  -- what was made of it
    kind             text not null,                   -- what it was recognised as
    name             text not null,                   -- of the file: it may name a patient
    kept_by          text not null,                   -- the person or account that had it wrapped
    -- Whose its case said it is, and of which encounter; '' where it did not say.
    identifier       text not null,
    issuer           text not null,
    nhs_number       text not null,
    birth_date       text collate "C" not null,       -- YYYYMMDD
    accession        text not null,
    visit            text not null,
    encounter_issuer text not null                    -- of both numbers
);

-- The same file, made into the same, is kept once.
create unique index original_once on original (study_uid, digest, (instance_uids[1]));
create index original_by_accession on original (accession, encounter_issuer) where accession <> '';
create index original_by_visit on original (visit, encounter_issuer) where visit <> '';

-- Whether it may be had: it holds whatever each of its instances holds, so where one of them is hidden or
-- withdrawn, it is too.
create function original_shows(f original) returns boolean language sql stable as $$
    select not exists (select from tombstone t where t.study_uid = f.study_uid and case t.level
            when 'study' then true
            when 'series' then t.uid = any(f.series_uids)
            else t.uid = any(f.instance_uids) end)
        and not exists (select from instance n where n.uid = any(f.instance_uids) and n.hidden)
$$;

create function is_withdrawn_with(f original, w withdrawal) returns boolean language sql stable as $$
    select f.study_uid = w.study_uid and case w.level
        when 'study' then true
        when 'series' then w.series_uid = any(f.series_uids)
        else w.instance_uid = any(f.instance_uids) end
$$;

-- With a withdrawal whose retention is over, the originals that it covers go for good. Their objects are marked as
-- swept; returns their keys, whose bytes the caller deletes.
create function purge_originals(p_withdrawal bigint) returns setof text language plpgsql as $$
declare
    w withdrawal;
begin
    select * into w from withdrawal where id = p_withdrawal for update;
    if w.decision is distinct from 'approve' or w.restores is not null or w.undone_at is not null
            or w.keep_until > now() then
        return;
    end if;
    return query
        with gone as (
            delete from original f using object b
            where b.id = f.object_id and f.study_uid = w.study_uid and is_withdrawn_with(f, w)
            and b.received_at <= now() - (w.keep_until - w.decided_at)    -- what came since has the same time
            returning f.object_id
        )
        update object b set swept_at = now() from gone where b.id = gone.object_id returning b.key;
end $$;
