-- What encounters were called, and which study each makes: written down before its file is wrapped, and again, of
-- what stands before the bytes, with its original.

create table encounter (
    id               bigint generated always as identity primary key,
    study_uid        text collate "C" not null,
    -- As a file's case named them; '' where it did not say.
    identifier       text not null,
    issuer           text not null,
    nhs_number       text not null,
    birth_date       text collate "C" not null,       -- YYYYMMDD
    accession        text not null,
    visit            text not null,
    encounter_issuer text not null,                   -- of both numbers
    unique (study_uid, accession, visit, encounter_issuer, identifier, issuer, nhs_number, birth_date)
);

create index encounter_by_accession on encounter (accession, encounter_issuer) where accession <> '';
create index encounter_by_visit on encounter (visit, encounter_issuer) where visit <> '';

insert into encounter (study_uid, identifier, issuer, nhs_number, birth_date, accession, visit, encounter_issuer)
    select study_uid, identifier, issuer, nhs_number, birth_date, accession, visit, encounter_issuer
    from original where accession <> '' or visit <> '' order by id on conflict do nothing;

alter table original drop column identifier, drop column issuer, drop column nhs_number, drop column birth_date,
    drop column accession, drop column visit, drop column encounter_issuer;

-- As before (0019); a study that is gone takes along what its encounter was called.
create or replace function purge_originals(p_withdrawal bigint) returns setof text language plpgsql as $$
declare
    w withdrawal;
begin
    select * into w from withdrawal where id = p_withdrawal for update;
    if w.decision is distinct from 'approve' or w.restores is not null or w.undone_at is not null
            or w.keep_until > now() then
        return;
    end if;
    delete from encounter where study_uid = w.study_uid and w.level = 'study';
    return query
        with gone as (
            delete from original f using object b
            where b.id = f.object_id and f.study_uid = w.study_uid and is_withdrawn_with(f, w)
            and b.received_at <= now() - (w.keep_until - w.decided_at)    -- what came since has the same time
            returning f.object_id
        )
        update object b set swept_at = now() from gone where b.id = gone.object_id returning b.key;
end $$;
