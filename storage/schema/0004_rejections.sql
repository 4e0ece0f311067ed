-- Rejection notes (IHE RAD TF, Imaging Object Change Management): what they name is hidden, and nothing deleted.
-- What is hidden is written on the instance's own row, and no longer counted in its series: a read of a study
-- that has nothing hidden costs nothing more.

-- What each kind of note does. Changed by a person (imx rejection view).
create table rejection_view (
    code            text collate "C" primary key,    -- of the note's title, DCM (PS3.16 CID 7011)
    hides_instances boolean not null,
    hides_note      boolean not null,
    changed_at      timestamptz,
    changed_by      text,
    settled         boolean not null default true    -- false until every study obeys the last change
);

-- A note shows where it hides, so that routing passes it on and other archives hide too; one of data retention
-- is each archive's own affair.
insert into rejection_view (code, hides_instances, hides_note) values
    ('113001', true, false),    -- Rejected for Quality Reasons
    ('113037', true, false),    -- Rejected for Patient Safety Reasons
    ('113038', true, false),    -- Incorrect Modality Worklist Entry
    ('113039', true, true);     -- Data Retention Policy Expired

create table rejection_note (
    id          bigint generated always as identity primary key,
    instance_id bigint not null unique references instance,
    uid         text collate "C" not null unique,
    code        text collate "C" not null references rejection_view,
    peer        text not null,
    trust       text collate "C" not null,      -- it rejects what is this trust's own
    noted_at    timestamptz not null default now(),
    decision    text check (decision in ('accept', 'undo')),   -- a person's, over all that it names
    decided_at  timestamptz,
    decided_by  text,
    check ((decision is null) = (decided_at is null))
);

-- Every decision and every undoing, for ever; the note holds the last.
create table rejection_decision (
    id       bigint generated always as identity primary key,
    note_id  bigint not null references rejection_note,
    at       timestamptz not null default now(),
    decision text not null check (decision in ('accept', 'undo')),
    by       text not null
);

create trigger rejection_decision_only_grows before update or delete or truncate on rejection_decision
    for each statement execute function refuse_change();

-- What a note names, whether it is here already or not, and the note itself.
create table rejected (
    uid        text collate "C" not null,       -- SOP Instance UID
    note_id    bigint not null references rejection_note,
    study_uid  text collate "C" not null,       -- where the note says it is: elsewhere, the note is mistaken
    series_uid text collate "C" not null,
    is_note    boolean not null,
    lifted_at  timestamptz,                     -- sent again, after its retention had expired
    lifted_by  text,
    primary key (uid, note_id)
);

create index rejected_by_note on rejected (note_id);

alter table instance add hidden boolean not null default false;
alter table study add has_hidden boolean not null default false;
comment on column series_tally.instances is 'of instances that show';

-- Who owns what a trust owned: mergers move owners.
create function heir_of(p_trust text) returns text language plpgsql stable as $$
declare
    v_heir text := p_trust;
    v_next text;
begin
    for each in 1..16 loop
        select successor into v_next from trust where ods_code = v_heir;
        exit when v_next is null;
        v_heir := v_next;
    end loop;
    return v_heir;
end $$;

-- Whether an instance of a trust, in a study, is to be hidden now. The one place that decides.
create function is_hidden(p_uid text, p_study text, p_trust text) returns boolean language sql stable as $$
    select exists (
        select from rejected j join rejection_note t on t.id = j.note_id join rejection_view v on v.code = t.code
        where j.uid = p_uid and j.study_uid = p_study and j.lifted_at is null
        and t.decision is distinct from 'undo'
        and case when j.is_note then v.hides_note else v.hides_instances end
        and (t.decision = 'accept' or t.trust = p_trust or heir_of(t.trust) = heir_of(p_trust)))
$$;

-- Every instance of a study as the notes, decisions and views of now have it. The caller holds the study's lock.
create function settle_hidden(p_study text) returns void language plpgsql as $$
declare
    v_study bigint;
begin
    select id into v_study from study where uid = p_study;
    if not found then
        return;
    end if;
    with wanted as (
        select n.id, n.uid, n.series_id, se.uid as series_uid, is_hidden(n.uid, p_study, i.trust) as hidden
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
    update study set has_hidden = not has_hidden where id = v_study and has_hidden <> exists (
        select from series se join instance n on n.series_id = se.id where se.study_id = v_study and n.hidden);
end $$;

-- Nobody adds to these studies until the transaction ends. In one order, so that two wait for one another.
create function lock_studies(p_uids text[]) returns void language plpgsql as $$
declare
    v_key bigint;
begin
    for v_key in select distinct hashtextextended(uid, 1) as key from unnest(p_uids) uid order by key loop
        perform pg_advisory_xact_lock(v_key);
    end loop;
end $$;

-- A note that was kept, or whose content was replaced (p_code is null where it is no rejection note any more):
-- what it names is hidden when this is committed.
create function note_rejection(
    p_instance_id bigint, p_code text, p_peer text, p_trust text,
    p_studies text[], p_series text[], p_uids text[]
) returns void language plpgsql as $$
declare
    v_note    bigint;
    v_uid     text;
    v_study   text;
    v_series  text;
    v_touched text[];
begin
    select n.uid, st.uid, se.uid into v_uid, v_study, v_series from instance n
        join series se on se.id = n.series_id join study st on st.id = se.study_id where n.id = p_instance_id;
    v_touched := array[v_study] || p_studies || array(
        select j.study_uid from rejected j join rejection_note t on t.id = j.note_id
        where t.instance_id = p_instance_id);
    perform lock_studies(v_touched);
    -- Whoever changes what such notes do waits for this one, and then finds it.
    perform 1 from rejection_view where code = p_code for share;
    delete from rejected j using rejection_note t where t.id = j.note_id and t.instance_id = p_instance_id;
    if p_code is not null then
        insert into rejection_note as t (instance_id, uid, code, peer, trust)
            values (p_instance_id, v_uid, p_code, p_peer, p_trust)
            on conflict (instance_id) do update set code = p_code, peer = p_peer, trust = p_trust
            returning id into v_note;
        insert into rejected (uid, note_id, study_uid, series_uid, is_note)
            select uid, v_note, study, series, uid = v_uid
            from (select v_study, v_series, v_uid
                  union all select * from unnest(p_studies, p_series, p_uids)) named (study, series, uid)
            on conflict do nothing;
    end if;
    perform settle_hidden(study) from (select distinct unnest(v_touched) as study) touched;
end $$;

-- A person's decision over a note: in force, whoever sent it, or not.
create function decide_rejection(p_note bigint, p_decision text, p_by text) returns void
language plpgsql as $$
declare
    v_touched text[] := array(select distinct study_uid from rejected where note_id = p_note order by study_uid);
begin
    perform lock_studies(v_touched);
    if v_touched <> array(select distinct study_uid from rejected where note_id = p_note order by study_uid) then
        raise exception 'the note has other content now' using errcode = 'serialization_failure';
    end if;
    update rejection_note set decision = p_decision, decided_at = now(), decided_by = p_by where id = p_note;
    insert into rejection_decision (note_id, decision, by) values (p_note, p_decision, p_by);
    perform settle_hidden(study) from unnest(v_touched) study;
end $$;

-- A kept instance was sent again. Where its retention had expired, somebody wants it kept anew.
create function sent_again(p_uid text, p_peer text, p_trust text) returns void language plpgsql as $$
declare
    v_touched text[];
begin
    v_touched := array(
        select distinct j.study_uid from rejected j join rejection_note t on t.id = j.note_id
        where j.uid = p_uid and not j.is_note and j.lifted_at is null and t.code = '113039'
        and (t.trust = p_trust or heir_of(t.trust) = heir_of(p_trust)));
    if v_touched = '{}' then
        return;
    end if;
    perform lock_studies(v_touched);
    update rejected j set lifted_at = now(), lifted_by = p_peer || ' of ' || p_trust from rejection_note t
        where t.id = j.note_id and t.code = '113039' and j.uid = p_uid and not j.is_note and j.lifted_at is null
        and (t.trust = p_trust or heir_of(t.trust) = heir_of(p_trust));
    perform settle_hidden(study) from unnest(v_touched) study;
end $$;

-- A study in which other content has become current may have identities that no instance bears any more.
alter table study add has_versions boolean not null default false;
update study s set has_versions = true where exists (
    select from series r join instance n on n.series_id = r.id join version v on v.instance_id = n.id
    where r.study_id = s.id);

-- Whether an instance bears it.
create function is_borne(p_study bigint, p_identity bigint) returns boolean language sql stable as $$
    select exists (select from series r join instance n on n.series_id = r.id
        where r.study_id = p_study and n.identity_id = p_identity)
$$;

-- Whether those that instances bear contradict one another. The study's row is the lock.
create function weigh_identities(p_study bigint) returns void language plpgsql as $$
begin
    perform 1 from study where id = p_study for no key update;
    update study set inconsistent = (
            select count(distinct (d.patient_id, d.trust, d.birth_date)) > 1 from identity d
            where d.study_id = p_study and is_borne(p_study, d.id))
        where id = p_study;
end $$;

-- As before (0002), and aware of notes, and of identities that nothing bore any more.
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
    if exists (select from rejected where uid = p_instance) and is_hidden(p_instance, p_study, p_trust) then
        update instance set hidden = true where id = answer.instance_id;
        update series_tally set instances = instances - 1
            where series_id = v_series and part = pg_backend_pid() % 16;
        update study set has_hidden = true where id = v_study and not has_hidden;
        insert into change (epoch, kind, study_uid, series_uid, instance_uid)
            select epoch, 'withdrawn', p_study, p_series, p_instance from feed;
    end if;
    return answer;
end $$;

