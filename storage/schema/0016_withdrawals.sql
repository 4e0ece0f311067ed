-- Withdrawals: what one person asks to be taken out of use and another approves. What is withdrawn is hidden as
-- by a rejection note (0004), whatever comes under its UID later too; its bytes stay for a time, and an undoing
-- that is asked and approved in the same way brings them back.

create table withdrawal (
    id           bigint generated always as identity primary key,
    restores     bigint references withdrawal,        -- the withdrawal that is to be undone; null: one is asked for
    level        text not null check (level in ('study', 'series', 'instance')),
    study_uid    text collate "C" not null,
    series_uid   text collate "C" check ((series_uid is null) = (level = 'study')),
    instance_uid text collate "C" check ((instance_uid is null) = (level <> 'instance')),
    trusts       text[] not null,                     -- whose it is
    instances    integer not null,                    -- that it named when it was asked for, or was approved
    because      text not null check (because <> ''),
    asked_by     text not null,
    asked_at     timestamptz not null default now(),
    expires_at   timestamptz not null,                -- nobody decides over it any more
    decision     text check (decision in ('approve', 'reject')),
    decided_by   text check (decided_by <> asked_by), -- never one's own
    decided_at   timestamptz,
    keep_until   timestamptz,                         -- of an approved withdrawal: then its bytes may go
    undone_at    timestamptz,                         -- by another row, which says who and why
    purged_at    timestamptz,
    check ((decision is null) = (decided_at is null) and (decision is null) = (decided_by is null))
);

create index withdrawal_open on withdrawal (study_uid) where decision is null;
create index withdrawal_to_purge on withdrawal (keep_until) where undone_at is null;

-- A series or an instance is withdrawn within its study: the same UID in another is another matter.
alter table tombstone drop constraint tombstone_pkey;
alter table tombstone
    add column study_uid text collate "C" not null,
    add column withdrawal_id bigint not null references withdrawal,
    add primary key (uid, level);
create index tombstone_by_withdrawal on tombstone (withdrawal_id);

-- Instances whose bytes are gone.
create table purged (
    uid           text collate "C" primary key,
    withdrawal_id bigint not null references withdrawal,
    at            timestamptz not null default now()
);

create function is_withdrawn(p_study text, p_series text, p_uid text) returns boolean language sql stable as $$
    select exists (select from tombstone t where t.study_uid = p_study
        and (t.uid, t.level) in ((p_study, 'study'), (p_series, 'series'), (p_uid, 'instance')))
$$;

-- As before (0004), and aware of withdrawals. A study of which something was purged goes on being asked what of it
-- shows: perhaps nothing does any more.
create or replace function settle_hidden(p_study text) returns void language plpgsql as $$
declare
    v_study bigint;
begin
    select id into v_study from study where uid = p_study;
    if not found then
        return;
    end if;
    with wanted as (
        select n.id, n.uid, n.series_id, se.uid as series_uid,
            is_hidden(n.uid, p_study, i.trust) or is_withdrawn(p_study, se.uid, n.uid) as hidden
        from series se join instance n on n.series_id = se.id join identity i on i.id = n.identity_id
        where se.study_id = v_study
    ), changed as (
        update instance n set hidden = w.hidden from wanted w where n.id = w.id and n.hidden <> w.hidden
            returning n.uid, n.series_id, w.series_uid, n.hidden
    ), counted as (
        insert into series_tally as t (series_id, part, instances)
            select series_id, 0, sum(case when hidden then -1 else 1 end) from changed group by series_id
            on conflict (series_id, part) do update set instances = t.instances + excluded.instances
    )
    insert into change (epoch, kind, study_uid, series_uid, instance_uid)
        select epoch, case when hidden then 'withdrawn' else 'kept' end, p_study, series_uid, uid
        from changed, feed;
    update study set has_hidden = not has_hidden where id = v_study and has_hidden <> (
        exists (select from series se join instance n on n.series_id = se.id where se.study_id = v_study and n.hidden)
        or exists (select from series se where se.study_id = v_study
            and not exists (select from instance n where n.series_id = se.id)));
end $$;

-- What a withdrawal has hidden goes for good: the rows of its instances, and whatever was kept beside them. Its
-- objects are marked as swept; returns their keys, whose bytes the caller deletes. The study's lock is taken first.
create function purge_withdrawn(p_withdrawal bigint) returns setof text language plpgsql as $$
declare
    v         withdrawal;
    v_study   bigint;
    v_gone    bigint[];
    v_objects bigint[];
begin
    select * into v from withdrawal where id = p_withdrawal;
    perform lock_studies(array[v.study_uid]);
    select * into v from withdrawal where id = p_withdrawal for update;
    if v.decision is distinct from 'approve' or v.restores is not null or v.undone_at is not null
            or v.keep_until > now() then
        return;
    end if;
    select id into v_study from study where uid = v.study_uid;
    -- A rejection note stays: what it hides would show.
    v_gone := array(
        select n.id from series se join instance n on n.series_id = se.id join object o on o.id = n.object_id
        where se.study_id = v_study and n.hidden
        and o.received_at <= now() - (v.keep_until - v.decided_at)    -- what came since has the same time
        and (v.series_uid is null or se.uid = v.series_uid) and (v.instance_uid is null or n.uid = v.instance_uid)
        and not exists (select from rejection_note t where t.instance_id = n.id));
    v_objects := array(
        select object_id from instance where id = any(v_gone)
        union select object_id from version where instance_id = any(v_gone)
        union select q.object_id from quarantine q join instance n on n.uid = q.sop_instance_uid
            where n.id = any(v_gone));
    insert into purged (uid, withdrawal_id) select uid, p_withdrawal from instance where id = any(v_gone)
        on conflict (uid) do update set withdrawal_id = excluded.withdrawal_id, at = excluded.at;
    update quarantine set instance_id = null where instance_id = any(v_gone);
    update quarantine set decision = 'keep', decided_by = 'withdrawal ' || p_withdrawal, decided_at = now()
        where object_id = any(v_objects) and decided_at is null;
    delete from version where instance_id = any(v_gone);
    delete from forwarded where instance_id = any(v_gone);
    delete from correction_instance where instance_id = any(v_gone);
    update identity set shown_as = null where shown_as = any(v_gone);
    update series set shown_as = null where shown_as = any(v_gone);
    delete from instance where id = any(v_gone);
    update object set swept_at = now() where id = any(v_objects);
    update withdrawal set purged_at = coalesce(purged_at, now()) where id = p_withdrawal;
    -- The rest of what is known of it, unless something else still refers to it.
    begin
        delete from series_tally t using series se where se.id = t.series_id and se.study_id = v_study
            and not exists (select from instance n where n.series_id = se.id);
        delete from series se where se.study_id = v_study
            and not exists (select from instance n where n.series_id = se.id);
        update study s set
                series_count = (select count(*) from series se where se.study_id = v_study),
                modalities = array(select se.modality from series se
                    where se.study_id = v_study and se.modality is not null group by se.modality order by min(se.id)),
                contested = exists (select from quarantine q where q.study_uid = s.uid and q.decided_at is null)
            where s.id = v_study;
        delete from correction k using identity d where d.id = k.identity_id and d.study_id = v_study
            and not is_borne(v_study, d.id)
            and not exists (select from correction_instance c where c.correction_id = k.id);
        delete from identity d where d.study_id = v_study and not is_borne(v_study, d.id);
        perform weigh_identities(v_study);
        if not exists (select from series where study_id = v_study) then
            delete from routing where study_id = v_study;
            delete from prefetch where study_id = v_study;
            delete from correction_instance c using correction k where k.id = c.correction_id and k.study_id = v_study;
            delete from correction where study_id = v_study;
            delete from identity where study_id = v_study;
            delete from study where id = v_study;
        end if;
    exception when foreign_key_violation then
        null;
    end;
    perform settle_hidden(v.study_uid);
    return query select key from object where id = any(v_objects);
end $$;

-- As before (0004), and aware of withdrawals.
create or replace function keep(
    -- the object
    p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text,
    -- the origin
    p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamptz,
    -- the identity
    p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text,
    p_identity_digest bytea, p_identity_json bytea,
    -- the study
    p_study text, p_study_date text, p_study_time text, p_accession text, p_accession_issuer text,
    p_study_id text, p_study_description text, p_referring text, p_study_json bytea,
    -- the series
    p_series text, p_modality text, p_series_number integer, p_series_description text, p_body_part text,
    p_series_date text, p_performed_date text, p_performed_time text, p_series_json bytea,
    -- the instance
    p_instance text, p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer,
    p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea,
    p_json_whole boolean,
    -- the whole object where it is small, null where it is in the object store
    p_bytes bytea
) returns keep_answer language plpgsql as $$
declare
    answer      keep_answer;
    v_study     bigint;
    v_series    bigint;
    v_identity  bigint;
    v_object    bigint;
begin
    -- A rejection note waits for the senders of the studies that it names, and they for it: one of the two
    -- then sees what the other wrote.
    perform pg_advisory_xact_lock_shared(hashtextextended(p_study, 1));
    -- The same UID again: the caller compares, nothing is written here.
    select i.id, i.object_id, st.uid into answer
        from instance i join series se on se.id = i.series_id join study st on st.id = se.study_id
        where i.uid = p_instance;
    if found then
        return answer;
    end if;
    -- A series belongs to one study.
    select se.id, se.study_id, st.uid into v_series, v_study, answer.held_study
        from series se join study st on st.id = se.study_id where se.uid = p_series;
    if found and answer.held_study <> p_study then
        return answer;
    end if;
    answer.held_study := null;

    if v_study is null then
        v_study := study_named(p_study, p_study_date, p_study_time, p_accession, p_accession_issuer,
            p_study_id, p_study_description, p_referring, p_study_json);
    end if;
    select id into v_identity from identity where study_id = v_study and digest = p_identity_digest;
    if not found then
        v_identity := identity_named(v_study, p_study, p_trust, p_identifier, p_issuer, p_name, p_birth_date,
            p_sex, p_identity_digest, p_identity_json);
    end if;
    if v_series is null then
        v_series := series_named(v_study, p_series, p_modality, p_series_number, p_series_description,
            p_body_part, p_series_date, p_performed_date, p_performed_time, p_series_json);
    end if;

    insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)
        values (p_key, p_size, p_data_offset, p_digest, p_syntax, p_peer, p_trust, p_received_at)
        returning id into v_object;
    if p_bytes is not null then
        insert into staged (key, bytes) values (p_key, p_bytes);
    end if;
    insert into instance (series_id, uid, identity_id, object_id, sop_class, instance_number, frame_count,
            frame_form, frames, problems, json_before, json_patient, json_after, json_whole)
        values (v_series, p_instance, v_identity, v_object, p_sop_class, p_instance_number, p_frame_count,
            p_frame_form, p_frames, p_problems, p_json_before, p_json_patient, p_json_after, p_json_whole)
        returning id into answer.instance_id;
    if exists (select from study where id = v_study and has_versions and not inconsistent) then
        perform weigh_identities(v_study);
    end if;
    insert into series_tally as t (series_id, part, instances) values (v_series, pg_backend_pid() % 16, 1)
        on conflict (series_id, part) do update set instances = t.instances + 1;
    insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, object_id)
        values (p_peer, p_trust, p_address, p_called, p_sop_class, p_instance, 'kept', v_object);
    insert into change (epoch, kind, study_uid, series_uid, instance_uid)
        select epoch, 'kept', p_study, p_series, p_instance from feed;
    if is_withdrawn(p_study, p_series, p_instance)
            or (exists (select from rejected where uid = p_instance) and is_hidden(p_instance, p_study, p_trust)) then
        update instance set hidden = true where id = answer.instance_id;
        update series_tally set instances = instances - 1
            where series_id = v_series and part = pg_backend_pid() % 16;
        update study set has_hidden = true where id = v_study and not has_hidden;
        insert into change (epoch, kind, study_uid, series_uid, instance_uid)
            select epoch, 'withdrawn', p_study, p_series, p_instance from feed;
    end if;
    return answer;
end $$;
