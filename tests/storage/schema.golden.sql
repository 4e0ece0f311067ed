CREATE EXTENSION IF NOT EXISTS fuzzystrmatch WITH SCHEMA public;
COMMENT ON EXTENSION fuzzystrmatch IS 'determine similarities and distance between strings';
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';
CREATE TYPE public.delivery_priority AS ENUM (
    'high',
    'medium',
    'low'
);
CREATE TYPE public.keep_answer AS (
	instance_id bigint,
	held_object bigint,
	held_study text
);
CREATE TYPE public.procrastinate_job_event_type AS ENUM (
    'deferred',
    'started',
    'deferred_for_retry',
    'failed',
    'succeeded',
    'cancelled',
    'abort_requested',
    'aborted',
    'scheduled',
    'retried'
);
CREATE TYPE public.procrastinate_job_status AS ENUM (
    'todo',
    'doing',
    'succeeded',
    'failed',
    'cancelled',
    'aborting',
    'aborted'
);
CREATE TYPE public.procrastinate_job_to_defer_v1 AS (
	queue_name character varying,
	task_name character varying,
	priority integer,
	lock text,
	queueing_lock text,
	args jsonb,
	scheduled_at timestamp with time zone
);
CREATE FUNCTION public.decide_rejection(p_note bigint, p_decision text, p_by text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.fhir_id(kind text, name text) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
    select encode(set_byte(set_byte(digest, 6, get_byte(digest, 6) & 15 | 128),
                           8, get_byte(digest, 8) & 63 | 128), 'hex')::uuid
    from (select substring(sha256(decode(kind || ' ' || name, 'escape')) for 16) as digest) made
$$;
CREATE FUNCTION public.heir_of(p_trust text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
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
CREATE FUNCTION public.identity_named(p_study_id bigint, p_study text, p_trust text, p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text, p_digest bytea, p_json bytea) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_patient bigint := patient_named(p_identifier, p_issuer, case when p_identifier = '' then p_study end);
    v_id      bigint;
begin
    insert into identity (study_id, digest, trust, sent_patient_id, patient_id, patient_name, birth_date, sex, json)
        values (p_study_id, p_digest, p_trust, v_patient, v_patient, p_name, p_birth_date, p_sex, p_json)
        on conflict (study_id, digest) do nothing returning id into v_id;
    if v_id is null then
        select id into v_id from identity where study_id = p_study_id and digest = p_digest;
        return v_id;
    end if;
    -- One Study Instance UID under two identifiers, birth dates or trusts. Two such first instances at
    -- once must not miss each other: the study's row is the lock.
    perform 1 from study where id = p_study_id for no key update;
    update study set inconsistent = true
        where id = p_study_id and not inconsistent and exists (
            select from identity other
            where other.study_id = p_study_id and other.id <> v_id
            and (other.sent_patient_id, other.trust, other.birth_date)
                is distinct from (v_patient, p_trust, p_birth_date)
            and (not has_versions or is_borne(p_study_id, other.id)));
    return v_id;
end $$;
CREATE FUNCTION public.instances_in(p_series_id bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    select coalesce(sum(instances), 0)::bigint from series_tally where series_id = p_series_id
$$;
CREATE TABLE public.renamed_copy (
    study_uid text NOT NULL COLLATE pg_catalog."C",
    destination text NOT NULL COLLATE pg_catalog."C",
    bears text NOT NULL COLLATE pg_catalog."C",
    since timestamp with time zone NOT NULL,
    after_delivery bigint NOT NULL,
    ordered_for text COLLATE pg_catalog."C",
    round integer,
    delivery_id bigint,
    wanted_by text,
    settled_at timestamp with time zone,
    settled_by text,
    because text DEFAULT ''::text NOT NULL,
    adt_for text COLLATE pg_catalog."C",
    adt_says text DEFAULT ''::text NOT NULL,
    adt_cannot text DEFAULT ''::text NOT NULL,
    told_as text DEFAULT ''::text NOT NULL
);
CREATE FUNCTION public.is_begun(c public.renamed_copy, p_is_done boolean) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from delivery d where d.study_uid = c.study_uid and d.destination = c.destination
        and d.id > c.after_delivery and (d.state = 'delivered') = p_is_done
        and (p_is_done or exists (select from forwarded f where f.delivery_id = d.id)))
$$;
CREATE FUNCTION public.is_borne(p_study bigint, p_identity bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from series r join instance n on n.series_id = r.id
        where r.study_id = p_study and n.identity_id = p_identity)
$$;
CREATE FUNCTION public.is_hidden(p_uid text, p_study text, p_trust text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select from rejected j join rejection_note t on t.id = j.note_id join rejection_view v on v.code = t.code
        where j.uid = p_uid and j.study_uid = p_study and j.lifted_at is null
        and t.decision is distinct from 'undo'
        and case when j.is_note then v.hides_note else v.hides_instances end
        and (t.decision = 'accept' or t.trust = p_trust or heir_of(t.trust) = heir_of(p_trust)))
$$;
CREATE FUNCTION public.is_in_doubt(p_study text, p_destination text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from study s join routing r on r.study_id = s.id and r.destination = p_destination
        where s.uid = p_study and (s.contested or s.inconsistent) and r.released_at is null)
$$;
CREATE FUNCTION public.is_withdrawn(p_study text, p_series text, p_uid text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (select from tombstone t where t.study_uid = p_study
        and (t.uid, t.level) in ((p_study, 'study'), (p_series, 'series'), (p_uid, 'instance')))
$$;
CREATE TABLE public.original (
    id bigint NOT NULL,
    object_id bigint NOT NULL,
    digest bytea NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    series_uids text[] NOT NULL COLLATE pg_catalog."C",
    instance_uids text[] NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    name text NOT NULL,
    kept_by text NOT NULL,
    CONSTRAINT original_instance_uids_check CHECK ((cardinality(instance_uids) > 0))
);
CREATE TABLE public.withdrawal (
    id bigint NOT NULL,
    restores bigint,
    level text NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    series_uid text COLLATE pg_catalog."C",
    instance_uid text COLLATE pg_catalog."C",
    trusts text[] NOT NULL,
    instances integer NOT NULL,
    because text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decision text,
    decided_by text,
    decided_at timestamp with time zone,
    keep_until timestamp with time zone,
    undone_at timestamp with time zone,
    purged_at timestamp with time zone,
    CONSTRAINT withdrawal_because_check CHECK ((because <> ''::text)),
    CONSTRAINT withdrawal_check CHECK (((series_uid IS NULL) = (level = 'study'::text))),
    CONSTRAINT withdrawal_check1 CHECK (((instance_uid IS NULL) = (level <> 'instance'::text))),
    CONSTRAINT withdrawal_check2 CHECK ((decided_by <> asked_by)),
    CONSTRAINT withdrawal_check3 CHECK ((((decision IS NULL) = (decided_at IS NULL)) AND ((decision IS NULL) = (decided_by IS NULL)))),
    CONSTRAINT withdrawal_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'reject'::text]))),
    CONSTRAINT withdrawal_level_check CHECK ((level = ANY (ARRAY['study'::text, 'series'::text, 'instance'::text])))
);
CREATE FUNCTION public.is_withdrawn_with(f public.original, w public.withdrawal) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select f.study_uid = w.study_uid and case w.level
        when 'study' then true
        when 'series' then w.series_uid = any(f.series_uids)
        else w.instance_uid = any(f.instance_uids) end
$$;
CREATE FUNCTION public.keep(p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text, p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamp with time zone, p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text, p_identity_digest bytea, p_identity_json bytea, p_study text, p_study_date text, p_study_time text, p_accession text, p_accession_issuer text, p_study_id text, p_study_description text, p_referring text, p_study_json bytea, p_series text, p_modality text, p_series_number integer, p_series_description text, p_body_part text, p_series_date text, p_performed_date text, p_performed_time text, p_series_json bytea, p_instance text, p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer, p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea, p_json_whole boolean, p_bytes bytea) RETURNS public.keep_answer
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.keep_record_view_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into record_view_change (audience, version, content, changed_at, changed_by)
    values (new.audience, new.version, new.content, new.changed_at, new.changed_by);
    return null;
end $$;
CREATE FUNCTION public.lock_studies(p_uids text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_key bigint;
begin
    for v_key in select distinct hashtextextended(uid, 1) as key from unnest(p_uids) uid order by key loop
        perform pg_advisory_xact_lock(v_key);
    end loop;
end $$;
CREATE FUNCTION public.lock_study_of(p_instance_id bigint) RETURNS void
    LANGUAGE sql
    AS $$
    select lock_studies(array[st.uid]) from instance n join series se on se.id = n.series_id
        join study st on st.id = se.study_id where n.id = p_instance_id
$$;
CREATE FUNCTION public.make_current(p_instance_id bigint, p_held_object bigint, p_object bigint, p_trust text, p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text, p_identity_digest bytea, p_identity_json bytea, p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer, p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea, p_json_whole boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_identity bigint;
    v_study    study;
    v_series   text;
    v_uid      text;
    v_former   identity;
begin
    perform lock_study_of(p_instance_id);    -- before the instance, as whoever settles what is hidden
    select i.uid, se.uid into v_uid, v_series from instance i join series se on se.id = i.series_id
        where i.id = p_instance_id and i.object_id = p_held_object for no key update of i;
    if not found then
        return false;
    end if;
    select st.* into v_study from instance i join series se on se.id = i.series_id
        join study st on st.id = se.study_id where i.id = p_instance_id;
    select d.* into v_former from instance i join identity d on d.id = i.identity_id where i.id = p_instance_id;
    select id into v_identity from identity where study_id = v_study.id and digest = p_identity_digest;
    if not found then
        v_identity := identity_named(v_study.id, v_study.uid, p_trust, p_identifier, p_issuer, p_name,
            p_birth_date, p_sex, p_identity_digest, p_identity_json);
    end if;
    delete from version where object_id = p_object;
    insert into version (instance_id, object_id) values (p_instance_id, p_held_object);
    update instance set identity_id = v_identity, object_id = p_object, sop_class = p_sop_class,
            instance_number = p_instance_number, frame_count = p_frame_count, frame_form = p_frame_form,
            frames = p_frames, problems = p_problems, json_before = p_json_before,
            json_patient = p_json_patient, json_after = p_json_after, json_whole = p_json_whole
        where id = p_instance_id;
    insert into change (epoch, kind, study_uid, series_uid, instance_uid)
        select epoch, 'kept', v_study.uid, v_series, v_uid from feed;
    -- Its identity may contradict another now, or no longer.
    update study set has_versions = true where id = v_study.id and not has_versions;
    if v_identity <> v_former.id then
        perform weigh_identities(v_study.id);
    end if;
    -- It may be no rejection note any more; and a note's trust may own it now, or no longer.
    if p_sop_class <> '1.2.840.10008.5.1.4.1.1.88.59'
            and exists (select from rejection_note where instance_id = p_instance_id) then
        perform note_rejection(p_instance_id, null, null, null, '{}', '{}', '{}');
    end if;
    if v_former.trust <> p_trust then
        perform settle_hidden(v_study.uid);
    end if;
    return true;
end $$;
CREATE FUNCTION public.name_sounds(p_plain text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg(DISTINCT sound.sound), '{}'::text[]) AS "coalesce" FROM unnest(string_to_array(name_sounds.p_plain, ' '::text)) word(word), LATERAL unnest(ARRAY[public.dmetaphone(word.word), public.dmetaphone_alt(word.word)]) sound(sound) WHERE ((word.word ~ '^[a-z]{3,}$'::text) AND (length(sound.sound) > 1)));
CREATE FUNCTION public.naming_of(p_study text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select coalesce(string_agg(c.id::text, ',' order by c.id), '')
    from study s join correction c on c.study_id = s.id join identity_correction i on i.correction_id = c.id
    where s.uid = p_study and c.undone_at is null
$$;
CREATE FUNCTION public.note_person_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.changed_at := clock_timestamp();
    return new;
end $$;
CREATE FUNCTION public.note_person_left() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    update person_record set changed_at = clock_timestamp() where id = old.current_id;
    return null;
end $$;
CREATE FUNCTION public.note_record_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    delete from record_change where id in (
        select earlier.id from record_change earlier
        where earlier.study_uid in (select study_uid from added) for update skip locked
    );
    insert into record_change (study_uid) select distinct study_uid from added;
    return null;
end $$;
CREATE FUNCTION public.note_refusal(p_reason text, p_calling text, p_called text, p_address text, p_is_tls boolean, p_fingerprint text, p_because text) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    update refusal set times = times + 1, last_at = now(), because = p_because
        where address = p_address and calling = p_calling and called = p_called and reason = p_reason
        and is_tls = p_is_tls and fingerprint = p_fingerprint;
    if found then
        return;
    end if;
    if (select count(*) from refusal where address = p_address) >= 50 then
        p_calling := '';
        p_called := '';
        p_fingerprint := '';
    end if;
    insert into refusal (reason, calling, called, address, is_tls, fingerprint, because)
        values (p_reason, p_calling, p_called, p_address, p_is_tls, p_fingerprint, p_because)
        on conflict (address, calling, called, reason, is_tls, fingerprint)
        do update set times = refusal.times + 1, last_at = now(), because = excluded.because;
end $$;
CREATE FUNCTION public.note_rejection(p_instance_id bigint, p_code text, p_peer text, p_trust text, p_studies text[], p_series text[], p_uids text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.note_requests() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.requests := requests_in(new.json);
    return new;
end $$;
CREATE FUNCTION public.note_upload_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.changed := nextval('upload_change');
    return new;
end $$;
CREATE FUNCTION public.original_shows(f public.original) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select not exists (select from tombstone t where t.study_uid = f.study_uid and case t.level
            when 'study' then true
            when 'series' then t.uid = any(f.series_uids)
            else t.uid = any(f.instance_uids) end)
        and not exists (select from instance n where n.uid = any(f.instance_uids) and n.hidden)
$$;
CREATE FUNCTION public.patient_named(p_identifier text, p_issuer text, p_only_study text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_id bigint;
begin
    select id into v_id from patient
        where identifier = p_identifier and issuer = p_issuer and only_study is not distinct from p_only_study;
    if not found then
        insert into patient (identifier, issuer, only_study) values (p_identifier, p_issuer, p_only_study)
            on conflict do nothing returning id into v_id;
        if v_id is null then
            select id into v_id from patient
                where identifier = p_identifier and issuer = p_issuer
                and only_study is not distinct from p_only_study;
        end if;
    end if;
    return v_id;
end $$;
CREATE FUNCTION public.plain_name(p_key text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN rtrim((' '::text || ltrim(regexp_replace(replace(replace(replace(translate(NORMALIZE(regexp_replace(NORMALIZE(p_key, NFKD), '[\u0300-\u036F''’`]'::text, ''::text, 'g'::text), NFC), 'øłđðħı'::text, 'olddhi'::text), 'æ'::text, 'ae'::text), 'œ'::text, 'oe'::text), 'þ'::text, 'th'::text), '[\u0001-\u0020^=,.;:()/\\"*?_-]+'::text, ' '::text, 'g'::text))));
CREATE FUNCTION public.procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;
CREATE FUNCTION public.procrastinate_defer_jobs_v1(jobs public.procrastinate_job_to_defer_v1[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;
    RETURN job_ids;
END;
$$;
CREATE FUNCTION public.procrastinate_defer_periodic_job_v2(_queue_name character varying, _lock character varying, _queueing_lock character varying, _task_name character varying, _priority integer, _periodic_id character varying, _defer_timestamp bigint, _args jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;
    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;
    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;
    RETURN _job_id;
END;
$$;
CREATE TABLE public.procrastinate_jobs (
    id bigint NOT NULL,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    status public.procrastinate_job_status DEFAULT 'todo'::public.procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint,
    CONSTRAINT check_not_todo_abort_requested CHECK ((NOT ((status = 'todo'::public.procrastinate_job_status) AND (abort_requested = true))))
);
CREATE FUNCTION public.procrastinate_fetch_job_v2(target_queue_names character varying[], p_worker_id bigint) RETURNS public.procrastinate_jobs
    LANGUAGE plpgsql
    AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;
 RETURN found_jobs;
END;
$$;
CREATE FUNCTION public.procrastinate_finish_job_v1(job_id bigint, end_status public.procrastinate_job_status, delete_job boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_notify_queue_abort_job_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_notify_queue_job_inserted_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat double precision) RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;
CREATE FUNCTION public.procrastinate_register_worker_v1() RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;
CREATE FUNCTION public.procrastinate_retry_job_v1(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_retry_job_v2(job_id bigint, retry_at timestamp with time zone, new_priority integer, new_queue_name character varying, new_lock character varying) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_trigger_function_status_events_update_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;
CREATE FUNCTION public.procrastinate_unlink_periodic_defers_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;
CREATE FUNCTION public.procrastinate_unregister_worker_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;
CREATE FUNCTION public.procrastinate_update_heartbeat_v1(worker_id bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;
CREATE FUNCTION public.proposed_in(p_evidence jsonb) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT COALESCE(array_agg((id.value)::bigint), '{}'::bigint[]) AS "coalesce" FROM jsonb_array_elements_text((proposed_in.p_evidence -> 'proposed'::text)) id(value));
CREATE FUNCTION public.purge_originals(p_withdrawal bigint) RETURNS SETOF text
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.purge_withdrawn(p_withdrawal bigint) RETURNS SETOF text
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.quarantine_decided(p_id bigint, p_decision text, p_by text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_study text;
begin
    update quarantine set decision = p_decision, decided_by = case when p_decision is not null then p_by end,
            decided_at = case when p_decision is not null then now() end
        where id = p_id returning study_uid into v_study;
    insert into quarantine_decision (quarantine_id, decision, by) values (p_id, coalesce(p_decision, 'undo'), p_by);
    -- Locked by a statement of its own: the next one then sees whatever was set aside meanwhile.
    perform 1 from study where uid = v_study for no key update;
    update study set contested = exists (
            select from quarantine q where q.study_uid = v_study and q.decided_at is null)
        where uid = v_study;
end $$;
CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    object_id bigint NOT NULL,
    arrival_id bigint NOT NULL,
    instance_id bigint,
    sop_instance_uid text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL,
    diff jsonb NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    decision text,
    study_uid text COLLATE pg_catalog."C",
    CONSTRAINT quarantine_check CHECK (((decided_at IS NULL) = (decision IS NULL))),
    CONSTRAINT quarantine_decision_check CHECK ((decision = ANY (ARRAY['keep'::text, 'take'::text])))
);
CREATE FUNCTION public.quarantine_locked(p_id bigint) RETURNS public.quarantine
    LANGUAGE plpgsql
    AS $$
declare
    v quarantine;
begin
    select * into v from quarantine where id = p_id;
    perform pg_advisory_xact_lock(hashtextextended(v.sop_instance_uid, 0));
    select * into v from quarantine where id = p_id for update;
    return v;
end $$;
CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'rows of % are added, never changed', tg_table_name using errcode = 'restrict_violation';
end $$;
CREATE FUNCTION public.replace_content(p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text, p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamp with time zone, p_instance_id bigint, p_held_object bigint, p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text, p_identity_digest bytea, p_identity_json bytea, p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer, p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea, p_json_whole boolean) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_object bigint;
begin
    -- The locks first: without them nothing may be written.
    perform lock_study_of(p_instance_id);
    perform 1 from instance where id = p_instance_id and object_id = p_held_object for no key update;
    if not found then
        return false;    -- replaced by another meanwhile: the caller compares again
    end if;
    insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)
        values (p_key, p_size, p_data_offset, p_digest, p_syntax, p_peer, p_trust, p_received_at)
        returning id into v_object;
    perform make_current(p_instance_id, p_held_object, v_object, p_trust, p_identifier, p_issuer, p_name,
        p_birth_date, p_sex, p_identity_digest, p_identity_json, p_sop_class, p_instance_number, p_frame_count,
        p_frame_form, p_frames, p_problems, p_json_before, p_json_patient, p_json_after, p_json_whole);
    insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, object_id)
        select p_peer, p_trust, p_address, p_called, p_sop_class, uid, 'replaced', v_object
            from instance where id = p_instance_id;
    return true;
end $$;
CREATE FUNCTION public.reports_follow_link() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into report_to_consider (report_id)
        select reports_naming(s) from study s where s.id = new.study_id;
    return null;
end $$;
CREATE FUNCTION public.reports_follow_new_people() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from report) then
        insert into report_to_consider (report_id)
            select p.report_id from came n
                join report_patient p on p.issuer = n.issuer and p.value = n.value where n.current_id is not null
            union select reports_naming(s) from came n
                join patient p on p.identifier = n.value and p.issuer = n.issuer
                join identity i on i.patient_id = p.id join study s on s.id = i.study_id
                where n.current_id is not null;
    end if;
    return null;
end $$;
CREATE FUNCTION public.reports_follow_people() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from report) then
        insert into report_to_consider (report_id)
            with moved as (
                select n.issuer, n.value from now_so n join was_so o on o.id = n.id
                where o.current_id is distinct from n.current_id
            )
            select p.report_id from moved n
                join report_patient p on p.issuer = n.issuer and p.value = n.value
            union select reports_naming(s) from moved n
                join patient p on p.identifier = n.value and p.issuer = n.issuer
                join identity i on i.patient_id = p.id join study s on s.id = i.study_id;
    end if;
    return null;
end $$;
CREATE TABLE public.study (
    id bigint NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    study_date text COLLATE pg_catalog."C",
    study_time text COLLATE pg_catalog."C",
    accession text,
    accession_issuer text,
    study_id text,
    description text,
    referring text,
    modalities text[] DEFAULT '{}'::text[] NOT NULL,
    series_count integer DEFAULT 0 NOT NULL,
    inconsistent boolean DEFAULT false NOT NULL,
    contested boolean DEFAULT false NOT NULL,
    "json" bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    has_hidden boolean DEFAULT false NOT NULL,
    has_versions boolean DEFAULT false NOT NULL,
    sent_accession_issuer text
);
CREATE FUNCTION public.reports_naming(s public.study) RETURNS SETOF bigint
    LANGUAGE sql STABLE
    AS $$
    select r.id from report r where r.study_uid = s.uid
    union select r.id from report r where r.study_named = s.uid
    union select r.id from report r where s.accession <> '' and r.accessions @> array[s.accession] collate "C"
$$;
CREATE FUNCTION public.requests_in(p_json bytea) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN ((POSITION(('\x22303034303032373522'::bytea) IN (p_json)) > 0) AND (POSITION(('\x5c7530303030'::bytea) IN (p_json)) = 0)) THEN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('step', (item.value #>> '{00400009,Value,0}'::text[]), 'procedure', (item.value #>> '{00401001,Value,0}'::text[])))) AS jsonb_agg FROM json_array_elements((((('{'::text || convert_from(requests_in.p_json, 'UTF8'::name)) || '}'::text))::json #> '{00400275,Value}'::text[])) item(value)) ELSE NULL::jsonb END;
CREATE FUNCTION public.sent_again(p_uid text, p_peer text, p_trust text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.series_named(p_study_id bigint, p_uid text, p_modality text, p_number integer, p_description text, p_body_part text, p_date text, p_performed_date text, p_performed_time text, p_json bytea) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_id bigint;
    v_study bigint;
begin
    -- The study's row first, as identity_named takes it: in the other order two could wait for each other.
    perform 1 from study where id = p_study_id for no key update;
    insert into series (study_id, uid, modality, series_number, description, body_part, series_date,
            performed_date, performed_time, json)
        values (p_study_id, p_uid, p_modality, p_number, p_description, p_body_part, p_date,
            p_performed_date, p_performed_time, p_json)
        on conflict (uid) do nothing returning id into v_id;
    if v_id is null then
        select id, study_id into v_id, v_study from series where uid = p_uid;
        if v_study <> p_study_id then
            -- Two studies brought this series at once: the caller tries again and finds it placed.
            raise exception 'series placed meanwhile' using errcode = 'serialization_failure';
        end if;
        return v_id;
    end if;
    update study set series_count = series_count + 1,
            modalities = case when p_modality is null or p_modality = any (modalities) then modalities
                              else array_append(modalities, p_modality) end
        where id = p_study_id;
    return v_id;
end $$;
CREATE FUNCTION public.set_aside(p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text, p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamp with time zone, p_sop_class text, p_instance text, p_outcome text, p_because text, p_diff jsonb, p_contested_study text) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
declare
    v_object  bigint;
    v_key     text;
    v_arrival bigint;
    v_held    bigint;
begin
    -- The same bytes, twice at once, wait for each other here; so does a decision.
    perform pg_advisory_xact_lock(hashtextextended(p_instance, 0));
    select o.id, o.key into v_object, v_key from quarantine q join object o on o.id = q.object_id
        where q.sop_instance_uid = p_instance and o.digest = p_digest and o.transfer_syntax = p_syntax
        order by q.id limit 1;
    if v_object is null then    -- or it was current once, and another was chosen
        select o.id, o.key into v_object, v_key from instance i join version v on v.instance_id = i.id
            join object o on o.id = v.object_id
            where i.uid = p_instance and o.digest = p_digest and o.transfer_syntax = p_syntax
            order by v.id limit 1;
    end if;
    if v_key = p_key then
        return true;    -- the object itself, adopted while its sender's rows were committed
    end if;
    if v_object is not null then
        insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, because, object_id)
            values (p_peer, p_trust, p_address, p_called, p_sop_class, p_instance, p_outcome, p_because, v_object);
        return false;
    end if;
    insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)
        values (p_key, p_size, p_data_offset, p_digest, p_syntax, p_peer, p_trust, p_received_at)
        returning id into v_object;
    insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, because, object_id)
        values (p_peer, p_trust, p_address, p_called, p_sop_class, p_instance, p_outcome, p_because, v_object)
        returning id into v_arrival;
    select id into v_held from instance where uid = p_instance;
    -- The study's row is the lock: a decision over another of its instances must not miss this one.
    perform 1 from study where uid = p_contested_study for no key update;
    insert into quarantine (object_id, arrival_id, instance_id, sop_instance_uid, outcome, diff, study_uid)
        values (v_object, v_arrival, v_held, p_instance, p_outcome, p_diff, p_contested_study);
    update study set contested = true where not contested and uid = p_contested_study;
    return true;
end $$;
CREATE FUNCTION public.settle_hidden(p_study text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.study_named(p_uid text, p_date text, p_time text, p_accession text, p_accession_issuer text, p_study_id text, p_description text, p_referring text, p_json bytea) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_id bigint;
begin
    select id into v_id from study where uid = p_uid;
    if found then
        return v_id;
    end if;
    insert into study (uid, study_date, study_time, accession, accession_issuer, study_id, description,
            referring, json)
        values (p_uid, p_date, p_time, p_accession, p_accession_issuer, p_study_id, p_description, p_referring,
            p_json)
        on conflict (uid) do nothing returning id into v_id;
    if v_id is null then
        select id into v_id from study where uid = p_uid;
    end if;
    return v_id;
end $$;
CREATE FUNCTION public.weigh_identities(p_study bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform 1 from study where id = p_study for no key update;
    update study set inconsistent = (
            select count(distinct (d.patient_id, d.trust, d.birth_date)) > 1 from identity d
            where d.study_id = p_study and is_borne(p_study, d.id))
        where id = p_study;
end $$;
CREATE TABLE public.access_token (
    id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    trust text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    account bigint
);
ALTER TABLE public.access_token ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.access_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.account (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    issuer text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    subject text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL,
    trust text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    password_hash text,
    password_by text DEFAULT ''::text NOT NULL,
    password_at timestamp with time zone,
    totp_secret text,
    totp_step bigint,
    recovery bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signed_in_at timestamp with time zone,
    disabled_at timestamp with time zone,
    CONSTRAINT account_check CHECK (((issuer = ''::text) = (subject = ''::text)))
);
CREATE TABLE public.account_change (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    by text NOT NULL,
    name text NOT NULL,
    did text NOT NULL
);
ALTER TABLE public.account_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.account ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.arrival (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    peer text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    called text NOT NULL,
    sop_class text NOT NULL COLLATE pg_catalog."C",
    sop_instance_uid text NOT NULL COLLATE pg_catalog."C",
    outcome text NOT NULL,
    because text DEFAULT ''::text NOT NULL,
    object_id bigint
);
ALTER TABLE public.arrival ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.arrival_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    action text NOT NULL,
    purpose text NOT NULL,
    study_uid text COLLATE pg_catalog."C",
    outcome text NOT NULL,
    because text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    fold uuid,
    person uuid,
    CONSTRAINT audit_outcome_check CHECK ((outcome = ANY (ARRAY['allowed'::text, 'refused'::text])))
);
CREATE TABLE public.audit_count (
    audit bigint NOT NULL,
    times bigint NOT NULL,
    last_at timestamp with time zone NOT NULL
);
ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.availability (
    study_uid text NOT NULL COLLATE pg_catalog."C",
    peer_id bigint NOT NULL,
    changes bigint DEFAULT 1 NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    next_at timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    because text DEFAULT ''::text NOT NULL,
    told_at timestamp with time zone,
    given_up_at timestamp with time zone
);
CREATE TABLE public.breaker (
    destination text NOT NULL COLLATE pg_catalog."C",
    failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    last_error text,
    failed_at timestamp with time zone
);
CREATE TABLE public.change (
    epoch integer NOT NULL,
    tx xid8 DEFAULT pg_current_xact_id() NOT NULL,
    number bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    series_uid text COLLATE pg_catalog."C",
    instance_uid text COLLATE pg_catalog."C",
    CONSTRAINT change_kind_check CHECK ((kind = ANY (ARRAY['kept'::text, 'corrected'::text, 'moved'::text, 'withdrawn'::text])))
);
ALTER TABLE public.change ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.change_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.commitment (
    id bigint NOT NULL,
    transaction_uid text NOT NULL COLLATE pg_catalog."C",
    peer_id bigint NOT NULL,
    peer text NOT NULL COLLATE pg_catalog."C",
    trust text NOT NULL COLLATE pg_catalog."C",
    called text NOT NULL,
    on_association boolean NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    waits_until timestamp with time zone NOT NULL,
    next_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    because text DEFAULT ''::text NOT NULL,
    delivered_at timestamp with time zone,
    given_up_at timestamp with time zone
);
ALTER TABLE public.commitment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.commitment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.commitment_instance (
    commitment_id bigint NOT NULL,
    place integer NOT NULL,
    sop_class text NOT NULL COLLATE pg_catalog."C",
    uid text NOT NULL COLLATE pg_catalog."C",
    reason integer
);
CREATE TABLE public.correction (
    id bigint NOT NULL,
    study_id bigint NOT NULL,
    identity_id bigint,
    attributes jsonb NOT NULL,
    reason text NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    made_by text NOT NULL,
    undone_at timestamp with time zone,
    undone_by text,
    of_instances boolean DEFAULT false NOT NULL,
    read_as jsonb,
    CONSTRAINT correction_reason_check CHECK ((reason = ANY (ARRAY['CORRECT'::text, 'COERCE'::text])))
);
ALTER TABLE public.correction ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.correction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.correction_instance (
    instance_id bigint NOT NULL,
    correction_id bigint NOT NULL
);
CREATE TABLE public.delivery (
    id bigint NOT NULL,
    destination text NOT NULL COLLATE pg_catalog."C",
    study_uid text NOT NULL COLLATE pg_catalog."C",
    round integer DEFAULT 1 NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    priority public.delivery_priority NOT NULL,
    because text NOT NULL,
    transfer_syntax text COLLATE pg_catalog."C",
    orders integer DEFAULT 1 NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    next_try timestamp with time zone DEFAULT now() NOT NULL,
    give_up_from timestamp with time zone DEFAULT now() NOT NULL,
    claim uuid,
    last_error text,
    ordered_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT delivery_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sending'::text, 'delivered'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.delivery_decision (
    id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    decision text NOT NULL,
    CONSTRAINT delivery_decision_decision_check CHECK ((decision = ANY (ARRAY['replay'::text, 'cancel'::text])))
);
ALTER TABLE public.delivery_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.delivery_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.destination (
    name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    address text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    account text DEFAULT ''::text NOT NULL,
    secret_file text,
    is_asked boolean NOT NULL,
    associations smallint DEFAULT 2 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    on_correction text DEFAULT 'list'::text NOT NULL,
    told_by text COLLATE pg_catalog."C",
    CONSTRAINT destination_address_check CHECK ((address <> ''::text)),
    CONSTRAINT destination_associations_check CHECK (((associations >= 1) AND (associations <= 64))),
    CONSTRAINT destination_kind_check CHECK ((kind = ANY (ARRAY['dimse'::text, 'dicomweb'::text, 'orthanc'::text, 'folder'::text]))),
    CONSTRAINT destination_name_check CHECK ((name <> ''::text)),
    CONSTRAINT destination_on_correction_check CHECK ((on_correction = ANY (ARRAY['list'::text, 'resend'::text, 'reject and resend'::text])))
);
CREATE TABLE public.encounter (
    id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    identifier text NOT NULL,
    issuer text NOT NULL,
    nhs_number text NOT NULL,
    birth_date text NOT NULL COLLATE pg_catalog."C",
    accession text NOT NULL,
    visit text NOT NULL,
    encounter_issuer text NOT NULL
);
ALTER TABLE public.encounter ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.encounter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.feed (
    epoch integer NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    system_identifier bigint NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT feed_only_row_check CHECK (only_row)
);
CREATE TABLE public.forwarded (
    delivery_id bigint NOT NULL,
    instance_id bigint NOT NULL,
    object_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE public.hl7_message (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    address text NOT NULL,
    trust text COLLATE pg_catalog."C",
    type text NOT NULL,
    control_id text NOT NULL,
    digest bytea NOT NULL,
    answer text NOT NULL,
    because text DEFAULT ''::text NOT NULL,
    raw bytea,
    settled_at timestamp with time zone,
    settled_by text,
    CONSTRAINT hl7_message_answer_check CHECK ((answer = ANY (ARRAY['AA'::text, 'AE'::text, 'AR'::text])))
);
ALTER TABLE public.hl7_message ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.hl7_message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.hl7_sender (
    id bigint NOT NULL,
    network cidr NOT NULL,
    facility text DEFAULT ''::text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    aliases text[] DEFAULT '{}'::text[] NOT NULL,
    fingerprint text COLLATE pg_catalog."C",
    status_field text DEFAULT 'PID-32'::text NOT NULL,
    sensitivity_field text DEFAULT 'PD1-12'::text NOT NULL,
    CONSTRAINT hl7_sender_fingerprint_check CHECK ((fingerprint ~ '^[0-9a-f]{64}$'::text))
);
ALTER TABLE public.hl7_sender ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.hl7_sender_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.identity (
    id bigint NOT NULL,
    study_id bigint NOT NULL,
    digest bytea NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    sent_patient_id bigint NOT NULL,
    patient_id bigint NOT NULL,
    patient_name text,
    birth_date text COLLATE pg_catalog."C",
    sex text COLLATE pg_catalog."C",
    "json" bytea NOT NULL,
    shown_as bigint,
    patient_plain text GENERATED ALWAYS AS (public.plain_name(patient_name)) STORED,
    patient_sounds text[] GENERATED ALWAYS AS (public.name_sounds(public.plain_name(patient_name))) STORED
);
CREATE TABLE public.identity_correction (
    correction_id bigint NOT NULL,
    review_id bigint
);
ALTER TABLE public.identity ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.identity_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.imaging_order (
    id bigint NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    number text NOT NULL COLLATE pg_catalog."C",
    placer text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    filler text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    accession text DEFAULT ''::text NOT NULL,
    accession_issuer text NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    patient_id text NOT NULL,
    issuer text NOT NULL,
    birth_date text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    first_date text COLLATE pg_catalog."C",
    last_date text COLLATE pg_catalog."C",
    shared_with text[] DEFAULT '{}'::text[] NOT NULL,
    content jsonb NOT NULL,
    is_content boolean NOT NULL,
    content_at timestamp with time zone NOT NULL,
    content_by text NOT NULL,
    status text NOT NULL,
    status_at timestamp with time zone NOT NULL,
    status_by text NOT NULL,
    performed text,
    done_steps text[] DEFAULT '{}'::text[] NOT NULL,
    is_considered boolean DEFAULT false NOT NULL,
    placed_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.imaging_order ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.imaging_order_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.instance (
    id bigint NOT NULL,
    series_id bigint NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    identity_id bigint NOT NULL,
    object_id bigint NOT NULL,
    sop_class text NOT NULL COLLATE pg_catalog."C",
    instance_number integer,
    frame_count integer NOT NULL,
    frame_form smallint NOT NULL,
    frames bytea,
    problems text[] DEFAULT '{}'::text[] NOT NULL,
    json_before bytea NOT NULL,
    json_patient bytea NOT NULL,
    json_after bytea NOT NULL,
    json_whole boolean NOT NULL,
    hidden boolean DEFAULT false NOT NULL
)
WITH (toast_tuple_target='8160');
ALTER TABLE ONLY public.instance ALTER COLUMN frames SET STORAGE EXTERNAL;
ALTER TABLE public.instance ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.instance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.kept_search (
    key text NOT NULL COLLATE pg_catalog."C",
    actor_kind text NOT NULL,
    actor text NOT NULL,
    trust text NOT NULL,
    criteria jsonb NOT NULL,
    kept_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.known_browser (
    digest bytea NOT NULL,
    account bigint NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.link_decision (
    id bigint NOT NULL,
    study_id bigint NOT NULL,
    state text NOT NULL,
    person_id bigint,
    evidence jsonb NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    because text DEFAULT ''::text NOT NULL
);
ALTER TABLE public.link_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.link_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.link_due (
    study_id bigint NOT NULL,
    heard text[] DEFAULT '{}'::text[] NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    fault text DEFAULT ''::text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.link_review (
    id bigint NOT NULL,
    study_id bigint NOT NULL,
    verb text NOT NULL,
    person_id bigint,
    because text NOT NULL,
    stood jsonb,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    undone_at timestamp with time zone,
    undone_by text,
    undone_because text,
    together bigint,
    ties jsonb,
    CONSTRAINT link_review_because_check CHECK ((because <> ''::text)),
    CONSTRAINT link_review_check CHECK (((person_id IS NULL) = (verb = ANY (ARRAY['ask'::text, 'answer'::text])))),
    CONSTRAINT link_review_verb_check CHECK ((verb = ANY (ARRAY['link'::text, 'reject'::text, 'correct'::text, 'ask'::text, 'answer'::text])))
);
ALTER TABLE public.link_review ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.link_review_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.merge_correction (
    correction_id bigint NOT NULL,
    issuer text NOT NULL COLLATE pg_catalog."C",
    gone text NOT NULL COLLATE pg_catalog."C",
    survivor_issuer text NOT NULL COLLATE pg_catalog."C",
    survivor text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.merge_held (
    study_uid text NOT NULL COLLATE pg_catalog."C",
    issuer text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    said_at timestamp with time zone
);
CREATE TABLE public.merge_place (
    only_one boolean DEFAULT true NOT NULL,
    statement bigint NOT NULL,
    CONSTRAINT merge_place_only_one_check CHECK (only_one)
);
CREATE TABLE public.migration (
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.object (
    id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    data_offset integer NOT NULL,
    digest bytea NOT NULL,
    transfer_syntax text NOT NULL COLLATE pg_catalog."C",
    peer text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    received_at timestamp with time zone NOT NULL,
    verified_at timestamp with time zone,
    damaged_at timestamp with time zone,
    swept_at timestamp with time zone
);
ALTER TABLE public.object ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.object_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.order_tie (
    id bigint NOT NULL,
    order_id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    because text NOT NULL,
    correction_id bigint,
    at timestamp with time zone DEFAULT now() NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    CONSTRAINT order_tie_state_check CHECK ((state = ANY (ARRAY['tied'::text, 'doubt'::text, 'dismissed'::text, 'untied'::text])))
);
ALTER TABLE public.order_tie ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.order_tie_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.original ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.original_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    because text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.patient (
    id bigint NOT NULL,
    identifier text NOT NULL,
    issuer text NOT NULL,
    only_study text COLLATE pg_catalog."C",
    CONSTRAINT patient_issuer_check CHECK ((issuer <> ''::text))
);
ALTER TABLE public.patient ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.patient_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.peer (
    id bigint NOT NULL,
    ae_title text NOT NULL COLLATE pg_catalog."C",
    trust text NOT NULL COLLATE pg_catalog."C",
    host text,
    port integer,
    may_store boolean DEFAULT true NOT NULL,
    may_read boolean DEFAULT false NOT NULL,
    duplicates text DEFAULT 'refuse'::text NOT NULL,
    association_limit integer,
    private_sop_classes text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    networks text[] DEFAULT '{}'::text[] NOT NULL,
    called_titles text[] DEFAULT '{}'::text[] NOT NULL,
    uses_tls boolean DEFAULT false NOT NULL,
    plain_allowed boolean DEFAULT false NOT NULL,
    fingerprint text,
    certificate_name text,
    commitment_host text,
    commitment_port integer,
    commitment_on_association boolean DEFAULT false NOT NULL,
    identifier_issuer text,
    coercions text[] DEFAULT '{}'::text[] NOT NULL,
    may_commit boolean DEFAULT true NOT NULL,
    may_query_worklist boolean DEFAULT false NOT NULL,
    may_perform boolean DEFAULT false NOT NULL,
    wants_availability boolean DEFAULT false NOT NULL,
    associations_out integer DEFAULT 2 NOT NULL,
    association_rate integer,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT peer_ae_title_check CHECK (((ae_title <> ''::text) AND (length(ae_title) <= 16))),
    CONSTRAINT peer_association_limit_check CHECK ((association_limit > 0)),
    CONSTRAINT peer_association_rate_check CHECK ((association_rate > 0)),
    CONSTRAINT peer_associations_out_check CHECK ((associations_out > 0)),
    CONSTRAINT peer_certificate_name_check CHECK ((certificate_name <> ''::text)),
    CONSTRAINT peer_commitment_port_check CHECK (((commitment_port >= 1) AND (commitment_port <= 65535))),
    CONSTRAINT peer_duplicates_check CHECK ((duplicates = ANY (ARRAY['refuse'::text, 'warn'::text, 'replace'::text]))),
    CONSTRAINT peer_fingerprint_check CHECK ((fingerprint ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT peer_identifier_issuer_check CHECK ((identifier_issuer <> ''::text))
);
ALTER TABLE public.peer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.peer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.performed_listener (
    trust text NOT NULL COLLATE pg_catalog."C",
    ae_title text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.performed_news (
    id bigint NOT NULL,
    step text NOT NULL COLLATE pg_catalog."C",
    is_new boolean NOT NULL,
    attributes jsonb NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    ae_title text NOT NULL COLLATE pg_catalog."C",
    tries integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    told_at timestamp with time zone,
    given_up_at timestamp with time zone,
    because text DEFAULT ''::text NOT NULL
);
ALTER TABLE public.performed_news ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.performed_news_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.performed_step (
    uid text NOT NULL COLLATE pg_catalog."C",
    trust text NOT NULL COLLATE pg_catalog."C",
    peer text NOT NULL,
    state text NOT NULL,
    attributes jsonb NOT NULL,
    order_id bigint,
    steps text[] DEFAULT '{}'::text[] NOT NULL,
    because text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT performed_step_state_check CHECK ((state = ANY (ARRAY['IN PROGRESS'::text, 'COMPLETED'::text, 'DISCONTINUED'::text])))
);
CREATE TABLE public.person_record (
    id bigint NOT NULL,
    uid uuid DEFAULT gen_random_uuid() NOT NULL,
    issuer text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    nhs_number text COLLATE pg_catalog."C",
    number_status text DEFAULT '07'::text NOT NULL COLLATE pg_catalog."C",
    sensitivity text DEFAULT 'N'::text NOT NULL COLLATE pg_catalog."C",
    demographics jsonb,
    said_at timestamp with time zone,
    said_by text DEFAULT ''::text NOT NULL,
    family text,
    given text,
    birth_date text COLLATE pg_catalog."C",
    sex text COLLATE pg_catalog."C",
    postcode text COLLATE pg_catalog."C",
    current_id bigint,
    is_considered boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sensitivity_at timestamp with time zone,
    sensitivity_by text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    changed_at timestamp with time zone DEFAULT clock_timestamp(),
    CONSTRAINT person_record_issuer_check CHECK ((issuer <> ''::text)),
    CONSTRAINT person_record_number_status_check CHECK ((number_status = ANY (ARRAY['01'::text, '02'::text, '03'::text, '04'::text, '05'::text, '06'::text, '07'::text, '08'::text]))),
    CONSTRAINT person_record_sensitivity_check CHECK ((sensitivity = ANY (ARRAY['N'::text, 'R'::text, 'V'::text]))),
    CONSTRAINT person_record_value_check CHECK ((value <> ''::text))
);
ALTER TABLE public.person_record ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.person_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.person_statement (
    id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    from_id bigint NOT NULL,
    into_id bigint,
    said_at timestamp with time zone NOT NULL,
    said_by text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_statement_check CHECK (((into_id IS NULL) = (kind = 'apart'::text))),
    CONSTRAINT person_statement_kind_check CHECK ((kind = ANY (ARRAY['merged'::text, 'apart'::text, 'linked'::text, 'unlinked'::text])))
);
ALTER TABLE public.person_statement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.person_statement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.person_trace (
    issuer text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    due_at timestamp with time zone DEFAULT now(),
    asked_at timestamp with time zone,
    outcome text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    version text DEFAULT ''::text NOT NULL,
    heard_at timestamp with time zone,
    linked_to text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT person_trace_outcome_check CHECK ((outcome = ANY (ARRAY[''::text, 'verified'::text, 'superseded'::text, 'differs'::text, 'nobody'::text, 'several'::text, 'invalidated'::text, 'too little to ask by'::text, 'refused'::text, 'unreadable'::text])))
);
CREATE TABLE public.place_mark (
    follower text NOT NULL,
    epoch integer NOT NULL,
    tx xid8 NOT NULL,
    number bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.prefetch (
    study_id bigint NOT NULL,
    destination text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL,
    priority text NOT NULL,
    wanted jsonb NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    ordered_at timestamp with time zone,
    priors text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT prefetch_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text])))
);
CREATE TABLE public.procrastinate_events (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    type public.procrastinate_job_event_type,
    at timestamp with time zone DEFAULT now()
);
CREATE SEQUENCE public.procrastinate_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_events_id_seq OWNED BY public.procrastinate_events.id;
CREATE SEQUENCE public.procrastinate_jobs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_jobs_id_seq OWNED BY public.procrastinate_jobs.id;
CREATE TABLE public.procrastinate_periodic_defers (
    id bigint NOT NULL,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint,
    periodic_id character varying(128) DEFAULT ''::character varying NOT NULL
);
CREATE SEQUENCE public.procrastinate_periodic_defers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.procrastinate_periodic_defers_id_seq OWNED BY public.procrastinate_periodic_defers.id;
CREATE TABLE public.procrastinate_workers (
    id bigint NOT NULL,
    last_heartbeat timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.procrastinate_workers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.procrastinate_workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.pull (
    id bigint NOT NULL,
    way text NOT NULL,
    source text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    first_day date,
    last_day date,
    place bigint DEFAULT 0 NOT NULL,
    gaps text[] DEFAULT '{}'::text[] NOT NULL,
    notes text[] DEFAULT '{}'::text[] NOT NULL,
    asked_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    listed_at timestamp with time zone,
    CONSTRAINT pull_way_check CHECK ((way = ANY (ARRAY['get'::text, 'move'::text, 'dicomweb'::text, 'orthanc'::text])))
);
ALTER TABLE public.pull ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.pull_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.pull_study (
    pull_id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    study_date text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    said integer,
    expected integer,
    held integer,
    listed_at timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    series jsonb DEFAULT '[]'::jsonb NOT NULL,
    because text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT pull_study_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'held'::text, 'short'::text])))
);
CREATE TABLE public.purged (
    uid text NOT NULL COLLATE pg_catalog."C",
    withdrawal_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.quarantine_decision (
    id bigint NOT NULL,
    quarantine_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    decision text NOT NULL,
    by text NOT NULL,
    CONSTRAINT quarantine_decision_decision_check CHECK ((decision = ANY (ARRAY['keep'::text, 'take'::text, 'undo'::text])))
);
ALTER TABLE public.quarantine_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.record_change (
    id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE public.record_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.record_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.record_view (
    audience text NOT NULL,
    content jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_by text NOT NULL,
    CONSTRAINT record_view_audience_check CHECK ((audience = ANY (ARRAY['practitioner'::text, 'person'::text, 'carer'::text])))
);
CREATE TABLE public.record_view_change (
    id bigint NOT NULL,
    audience text NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by text NOT NULL
);
ALTER TABLE public.record_view_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.record_view_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.refusal (
    id bigint NOT NULL,
    reason text NOT NULL,
    calling text NOT NULL,
    called text NOT NULL,
    address text NOT NULL,
    is_tls boolean NOT NULL,
    fingerprint text DEFAULT ''::text NOT NULL,
    because text NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    times bigint DEFAULT 1 NOT NULL
);
ALTER TABLE public.refusal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.refusal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.registry_change (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    by text NOT NULL,
    what text NOT NULL,
    name text NOT NULL,
    entry jsonb NOT NULL,
    CONSTRAINT registry_change_what_check CHECK ((what = ANY (ARRAY['trust added'::text, 'trust changed'::text, 'trust removed'::text, 'peer added'::text, 'peer changed'::text, 'peer removed'::text])))
);
ALTER TABLE public.registry_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.registry_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rejected (
    uid text NOT NULL COLLATE pg_catalog."C",
    note_id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    series_uid text NOT NULL COLLATE pg_catalog."C",
    is_note boolean NOT NULL,
    lifted_at timestamp with time zone,
    lifted_by text
);
CREATE TABLE public.rejection_decision (
    id bigint NOT NULL,
    note_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    decision text NOT NULL,
    by text NOT NULL,
    CONSTRAINT rejection_decision_decision_check CHECK ((decision = ANY (ARRAY['accept'::text, 'undo'::text])))
);
ALTER TABLE public.rejection_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejection_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rejection_note (
    id bigint NOT NULL,
    instance_id bigint NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL COLLATE pg_catalog."C",
    peer text NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    decision text,
    decided_at timestamp with time zone,
    decided_by text,
    CONSTRAINT rejection_note_check CHECK (((decision IS NULL) = (decided_at IS NULL))),
    CONSTRAINT rejection_note_decision_check CHECK ((decision = ANY (ARRAY['accept'::text, 'undo'::text])))
);
ALTER TABLE public.rejection_note ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rejection_note_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.rejection_view (
    code text NOT NULL COLLATE pg_catalog."C",
    hides_instances boolean NOT NULL,
    hides_note boolean NOT NULL,
    changed_at timestamp with time zone,
    changed_by text,
    settled boolean DEFAULT true NOT NULL
);
CREATE TABLE public.renaming (
    id bigint NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    was text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT now() NOT NULL,
    noted_at timestamp with time zone
);
ALTER TABLE public.renaming ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.renaming_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.report (
    id bigint NOT NULL,
    uid uuid DEFAULT gen_random_uuid() NOT NULL,
    trust text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL,
    assigner text NOT NULL COLLATE pg_catalog."C",
    number text NOT NULL COLLATE pg_catalog."C",
    merged_into bigint,
    status text NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    study_named text NOT NULL COLLATE pg_catalog."C",
    accessions text[] NOT NULL COLLATE pg_catalog."C",
    accession_issuer text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'unmatched'::text NOT NULL,
    study_uid text COLLATE pg_catalog."C",
    because text DEFAULT 'nobody has looked yet'::text NOT NULL,
    decided_by text,
    decided_for bytea,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    same_as bigint,
    said_at timestamp with time zone,
    CONSTRAINT report_check CHECK (((state = 'matched'::text) = (study_uid IS NOT NULL))),
    CONSTRAINT report_source_check CHECK ((source = ANY (ARRAY['HL7'::text, 'MDM'::text, 'SR'::text, 'PDF'::text, 'CDA'::text]))),
    CONSTRAINT report_state_check CHECK ((state = ANY (ARRAY['matched'::text, 'doubt'::text, 'unmatched'::text])))
);
CREATE TABLE public.report_decision (
    id bigint NOT NULL,
    report_id bigint NOT NULL,
    state text NOT NULL,
    study_uid text COLLATE pg_catalog."C",
    because text NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    verb text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    trust text DEFAULT ''::text NOT NULL,
    CONSTRAINT report_decision_verb_check CHECK ((verb = ANY (ARRAY[''::text, 'match'::text, 'dismiss'::text, 'undo'::text])))
);
ALTER TABLE public.report_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.report_document (
    digest bytea NOT NULL,
    bytes bytea NOT NULL,
    kept_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.report_document ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE public.report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.report_patient (
    report_id bigint NOT NULL,
    issuer text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.report_to_consider (
    id bigint NOT NULL,
    report_id bigint NOT NULL
);
ALTER TABLE public.report_to_consider ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_to_consider_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.report_version (
    id bigint NOT NULL,
    report_id bigint NOT NULL,
    said_at timestamp with time zone NOT NULL,
    said_by text NOT NULL,
    status text NOT NULL,
    content jsonb NOT NULL,
    digest bytea NOT NULL,
    instance_uid text COLLATE pg_catalog."C",
    kept_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.report_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.routing (
    study_id bigint NOT NULL,
    destination text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'gathering'::text NOT NULL,
    rules text[] NOT NULL,
    priority text NOT NULL,
    transfer_syntax text COLLATE pg_catalog."C",
    hold jsonb,
    orders integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL,
    ordered_at timestamp with time zone,
    because text DEFAULT ''::text NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    CONSTRAINT routing_priority_check CHECK ((priority = ANY (ARRAY['low'::text, 'medium'::text, 'high'::text]))),
    CONSTRAINT routing_state_check CHECK ((state = ANY (ARRAY['gathering'::text, 'ordered'::text])))
);
CREATE TABLE public.rule_set (
    version bigint NOT NULL,
    text text NOT NULL,
    loaded_by text NOT NULL,
    loaded_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.rule_set ALTER COLUMN version ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.rule_set_version_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.series (
    id bigint NOT NULL,
    study_id bigint NOT NULL,
    uid text NOT NULL COLLATE pg_catalog."C",
    modality text COLLATE pg_catalog."C",
    series_number integer,
    description text,
    body_part text,
    series_date text COLLATE pg_catalog."C",
    performed_date text COLLATE pg_catalog."C",
    performed_time text COLLATE pg_catalog."C",
    "json" bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    shown_as bigint,
    requests jsonb
);
COMMENT ON COLUMN public.series.requests IS 'items of what was requested: step and procedure; current';
ALTER TABLE public.series ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.series_tally (
    series_id bigint NOT NULL,
    part smallint NOT NULL,
    instances integer NOT NULL
)
WITH (fillfactor='50');
COMMENT ON COLUMN public.series_tally.instances IS 'of instances that show';
CREATE TABLE public.session (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    account bigint NOT NULL,
    stage text NOT NULL,
    address text NOT NULL,
    browser text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
ALTER TABLE public.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.sign_in_attempt (
    bucket bytea NOT NULL,
    name bytea,
    failures integer DEFAULT 0 NOT NULL,
    wait_until timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.staged (
    key text NOT NULL COLLATE pg_catalog."C",
    bytes bytea NOT NULL,
    staged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY public.staged ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE public.study ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.study_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.study_identifier (
    study_id bigint NOT NULL,
    issuer text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.study_link (
    study_id bigint NOT NULL,
    state text NOT NULL,
    person_id bigint,
    evidence jsonb NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    is_by_hand boolean DEFAULT false NOT NULL,
    proposed bigint[] GENERATED ALWAYS AS (public.proposed_in(evidence)) STORED,
    objection jsonb,
    objected_at timestamp with time zone,
    CONSTRAINT study_link_check CHECK (((state = 'linked'::text) = (person_id IS NOT NULL))),
    CONSTRAINT study_link_state_check CHECK ((state = ANY (ARRAY['linked'::text, 'ambiguous'::text, 'unmatched'::text, 'conflicting'::text])))
);
CREATE TABLE public.subscriber (
    name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    address text NOT NULL,
    account text DEFAULT ''::text NOT NULL,
    secret_file text,
    manner jsonb DEFAULT '{}'::jsonb NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    open_until timestamp with time zone,
    last_error text DEFAULT ''::text NOT NULL,
    failed_at timestamp with time zone,
    lease uuid,
    leased_until timestamp with time zone,
    CONSTRAINT subscriber_address_check CHECK ((address <> ''::text)),
    CONSTRAINT subscriber_kind_check CHECK ((kind = ANY (ARRAY['fhir'::text, 'mhd'::text, 'hl7'::text, 'nrl'::text, 'adt'::text]))),
    CONSTRAINT subscriber_name_check CHECK ((name <> ''::text))
);
CREATE TABLE public.telling (
    id bigint NOT NULL,
    subscriber text NOT NULL COLLATE pg_catalog."C",
    study_uid text NOT NULL COLLATE pg_catalog."C",
    things jsonb DEFAULT '[]'::jsonb NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    because text NOT NULL,
    changes integer DEFAULT 1 NOT NULL,
    tries smallint DEFAULT 0 NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT now() NOT NULL,
    told_at timestamp with time zone,
    last_error text DEFAULT ''::text NOT NULL,
    CONSTRAINT telling_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'told'::text, 'dead'::text, 'cancelled'::text])))
);
CREATE TABLE public.telling_decision (
    id bigint NOT NULL,
    telling_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    decided_by text NOT NULL,
    decision text NOT NULL,
    CONSTRAINT telling_decision_decision_check CHECK ((decision = ANY (ARRAY['replay'::text, 'cancel'::text])))
);
ALTER TABLE public.telling_decision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.telling_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.telling ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.telling_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.told (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    subscriber text NOT NULL COLLATE pg_catalog."C",
    study_uid text NOT NULL COLLATE pg_catalog."C",
    thing text NOT NULL,
    act text NOT NULL,
    person uuid NOT NULL,
    CONSTRAINT told_act_check CHECK ((act = ANY (ARRAY['told'::text, 'replaced'::text, 'retracted'::text])))
);
ALTER TABLE public.told ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.told_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.tombstone (
    uid text NOT NULL COLLATE pg_catalog."C",
    level text NOT NULL,
    withdrawn_at timestamp with time zone DEFAULT now() NOT NULL,
    asked_by text NOT NULL,
    approved_by text NOT NULL,
    because text NOT NULL,
    study_uid text NOT NULL COLLATE pg_catalog."C",
    withdrawal_id bigint NOT NULL,
    CONSTRAINT tombstone_level_check CHECK ((level = ANY (ARRAY['study'::text, 'series'::text, 'instance'::text])))
);
CREATE TABLE public.trust (
    ods_code text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    place text DEFAULT ''::text NOT NULL,
    issuer text NOT NULL,
    successor text COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    nhs_number_status text DEFAULT '02'::text NOT NULL COLLATE pg_catalog."C",
    number_system text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT trust_does_not_succeed_itself CHECK ((successor <> ods_code)),
    CONSTRAINT trust_issuer_check CHECK ((issuer <> ''::text)),
    CONSTRAINT trust_nhs_number_status_check CHECK ((nhs_number_status = ANY (ARRAY['01'::text, '02'::text, '03'::text, '04'::text, '05'::text, '06'::text, '07'::text, '08'::text])))
);
CREATE TABLE public.turn (
    destination text NOT NULL COLLATE pg_catalog."C",
    number smallint NOT NULL,
    token uuid NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.upload_change
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.upload (
    id uuid NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    actor_trust text NOT NULL,
    trust text NOT NULL,
    issuer text NOT NULL,
    address text NOT NULL,
    name text NOT NULL,
    metadata text NOT NULL,
    length bigint NOT NULL,
    received bigint DEFAULT 0 NOT NULL,
    writer uuid,
    state text DEFAULT 'receiving'::text NOT NULL,
    of_case jsonb,
    made jsonb,
    claim uuid,
    until timestamp with time zone,
    done bigint DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    next_try timestamp with time zone DEFAULT now() NOT NULL,
    changed bigint DEFAULT nextval('public.upload_change'::regclass) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    batch text DEFAULT ''::text NOT NULL,
    path text DEFAULT ''::text NOT NULL,
    CONSTRAINT upload_check CHECK (((received >= 0) AND (received <= length)))
);
CREATE TABLE public.upload_piece (
    key text NOT NULL COLLATE pg_catalog."C",
    upload uuid NOT NULL,
    start bigint,
    size bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT upload_piece_check CHECK (((start IS NULL) = (size IS NULL)))
);
CREATE TABLE public.version (
    id bigint NOT NULL,
    instance_id bigint NOT NULL,
    object_id bigint NOT NULL,
    replaced_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.withdrawal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.withdrawal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY public.procrastinate_events ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_events_id_seq'::regclass);
ALTER TABLE ONLY public.procrastinate_jobs ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_jobs_id_seq'::regclass);
ALTER TABLE ONLY public.procrastinate_periodic_defers ALTER COLUMN id SET DEFAULT nextval('public.procrastinate_periodic_defers_id_seq'::regclass);
ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_name_key UNIQUE (name);
ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_change
    ADD CONSTRAINT account_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.arrival
    ADD CONSTRAINT arrival_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.audit_count
    ADD CONSTRAINT audit_count_pkey PRIMARY KEY (audit);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.availability
    ADD CONSTRAINT availability_pkey PRIMARY KEY (study_uid, peer_id);
ALTER TABLE ONLY public.breaker
    ADD CONSTRAINT breaker_pkey PRIMARY KEY (destination);
ALTER TABLE ONLY public.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (epoch, tx, number);
ALTER TABLE ONLY public.commitment_instance
    ADD CONSTRAINT commitment_instance_pkey PRIMARY KEY (commitment_id, place);
ALTER TABLE ONLY public.commitment
    ADD CONSTRAINT commitment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.commitment
    ADD CONSTRAINT commitment_trust_peer_transaction_uid_key UNIQUE (trust, peer, transaction_uid);
ALTER TABLE ONLY public.correction_instance
    ADD CONSTRAINT correction_instance_pkey PRIMARY KEY (instance_id, correction_id);
ALTER TABLE ONLY public.correction
    ADD CONSTRAINT correction_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery_decision
    ADD CONSTRAINT delivery_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_destination_study_uid_round_key UNIQUE (destination, study_uid, round);
ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.destination
    ADD CONSTRAINT destination_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.encounter
    ADD CONSTRAINT encounter_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.encounter
    ADD CONSTRAINT encounter_study_uid_accession_visit_encounter_issuer_identi_key UNIQUE (study_uid, accession, visit, encounter_issuer, identifier, issuer, nhs_number, birth_date);
ALTER TABLE ONLY public.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY public.forwarded
    ADD CONSTRAINT forwarded_pkey PRIMARY KEY (delivery_id, instance_id);
ALTER TABLE ONLY public.hl7_message
    ADD CONSTRAINT hl7_message_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.hl7_sender
    ADD CONSTRAINT hl7_sender_network_facility_key UNIQUE (network, facility);
ALTER TABLE ONLY public.hl7_sender
    ADD CONSTRAINT hl7_sender_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.identity_correction
    ADD CONSTRAINT identity_correction_pkey PRIMARY KEY (correction_id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_study_id_digest_key UNIQUE (study_id, digest);
ALTER TABLE ONLY public.imaging_order
    ADD CONSTRAINT imaging_order_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.imaging_order
    ADD CONSTRAINT imaging_order_trust_number_key UNIQUE (trust, number);
ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.kept_search
    ADD CONSTRAINT kept_search_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.known_browser
    ADD CONSTRAINT known_browser_pkey PRIMARY KEY (digest, account);
ALTER TABLE ONLY public.link_decision
    ADD CONSTRAINT link_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.link_due
    ADD CONSTRAINT link_due_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY public.link_review
    ADD CONSTRAINT link_review_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.merge_correction
    ADD CONSTRAINT merge_correction_pkey PRIMARY KEY (correction_id);
ALTER TABLE ONLY public.merge_held
    ADD CONSTRAINT merge_held_pkey PRIMARY KEY (study_uid, issuer, value);
ALTER TABLE ONLY public.merge_place
    ADD CONSTRAINT merge_place_pkey PRIMARY KEY (only_one);
ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.object
    ADD CONSTRAINT object_key_key UNIQUE (key);
ALTER TABLE ONLY public.object
    ADD CONSTRAINT object_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.order_tie
    ADD CONSTRAINT order_tie_order_id_study_uid_key UNIQUE (order_id, study_uid);
ALTER TABLE ONLY public.order_tie
    ADD CONSTRAINT order_tie_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.original
    ADD CONSTRAINT original_object_id_key UNIQUE (object_id);
ALTER TABLE ONLY public.original
    ADD CONSTRAINT original_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_identifier_issuer_only_study_key UNIQUE NULLS NOT DISTINCT (identifier, issuer, only_study);
ALTER TABLE ONLY public.patient
    ADD CONSTRAINT patient_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.peer
    ADD CONSTRAINT peer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.performed_listener
    ADD CONSTRAINT performed_listener_pkey PRIMARY KEY (trust, ae_title);
ALTER TABLE ONLY public.performed_news
    ADD CONSTRAINT performed_news_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.performed_step
    ADD CONSTRAINT performed_step_pkey PRIMARY KEY (uid);
ALTER TABLE ONLY public.person_record
    ADD CONSTRAINT person_record_issuer_value_key UNIQUE (issuer, value);
ALTER TABLE ONLY public.person_record
    ADD CONSTRAINT person_record_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.person_record
    ADD CONSTRAINT person_record_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.person_statement
    ADD CONSTRAINT person_statement_from_id_into_id_kind_said_at_said_by_key UNIQUE NULLS NOT DISTINCT (from_id, into_id, kind, said_at, said_by);
ALTER TABLE ONLY public.person_statement
    ADD CONSTRAINT person_statement_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.person_trace
    ADD CONSTRAINT person_trace_pkey PRIMARY KEY (issuer, value);
ALTER TABLE ONLY public.place_mark
    ADD CONSTRAINT place_mark_pkey PRIMARY KEY (follower);
ALTER TABLE ONLY public.prefetch
    ADD CONSTRAINT prefetch_pkey PRIMARY KEY (study_id, destination);
ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp);
ALTER TABLE ONLY public.procrastinate_workers
    ADD CONSTRAINT procrastinate_workers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pull
    ADD CONSTRAINT pull_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.pull_study
    ADD CONSTRAINT pull_study_pkey PRIMARY KEY (pull_id, study_uid);
ALTER TABLE ONLY public.pull
    ADD CONSTRAINT pull_way_source_trust_first_day_last_day_key UNIQUE NULLS NOT DISTINCT (way, source, trust, first_day, last_day);
ALTER TABLE ONLY public.purged
    ADD CONSTRAINT purged_pkey PRIMARY KEY (uid);
ALTER TABLE ONLY public.quarantine_decision
    ADD CONSTRAINT quarantine_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_object_id_key UNIQUE (object_id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.record_change
    ADD CONSTRAINT record_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.record_view_change
    ADD CONSTRAINT record_view_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.record_view
    ADD CONSTRAINT record_view_pkey PRIMARY KEY (audience);
ALTER TABLE ONLY public.refusal
    ADD CONSTRAINT refusal_address_calling_called_reason_is_tls_fingerprint_key UNIQUE (address, calling, called, reason, is_tls, fingerprint);
ALTER TABLE ONLY public.refusal
    ADD CONSTRAINT refusal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.registry_change
    ADD CONSTRAINT registry_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rejected
    ADD CONSTRAINT rejected_pkey PRIMARY KEY (uid, note_id);
ALTER TABLE ONLY public.rejection_decision
    ADD CONSTRAINT rejection_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rejection_note
    ADD CONSTRAINT rejection_note_instance_id_key UNIQUE (instance_id);
ALTER TABLE ONLY public.rejection_note
    ADD CONSTRAINT rejection_note_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rejection_note
    ADD CONSTRAINT rejection_note_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.rejection_view
    ADD CONSTRAINT rejection_view_pkey PRIMARY KEY (code);
ALTER TABLE ONLY public.renamed_copy
    ADD CONSTRAINT renamed_copy_pkey PRIMARY KEY (study_uid, destination);
ALTER TABLE ONLY public.renaming
    ADD CONSTRAINT renaming_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.report_decision
    ADD CONSTRAINT report_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.report_document
    ADD CONSTRAINT report_document_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.report_patient
    ADD CONSTRAINT report_patient_pkey PRIMARY KEY (report_id, issuer, value);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.report_to_consider
    ADD CONSTRAINT report_to_consider_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_trust_source_assigner_number_key UNIQUE (trust, source, assigner, number);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.report_version
    ADD CONSTRAINT report_version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.report_version
    ADD CONSTRAINT report_version_report_id_digest_key UNIQUE (report_id, digest);
ALTER TABLE ONLY public.routing
    ADD CONSTRAINT routing_pkey PRIMARY KEY (study_id, destination);
ALTER TABLE ONLY public.rule_set
    ADD CONSTRAINT rule_set_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.series_tally
    ADD CONSTRAINT series_tally_pkey PRIMARY KEY (series_id, part);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sign_in_attempt
    ADD CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (bucket);
ALTER TABLE ONLY public.staged
    ADD CONSTRAINT staged_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.study_identifier
    ADD CONSTRAINT study_identifier_pkey PRIMARY KEY (study_id, issuer, value);
ALTER TABLE ONLY public.study_link
    ADD CONSTRAINT study_link_pkey PRIMARY KEY (study_id);
ALTER TABLE ONLY public.study
    ADD CONSTRAINT study_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.study
    ADD CONSTRAINT study_uid_key UNIQUE (uid);
ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.telling_decision
    ADD CONSTRAINT telling_decision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.telling
    ADD CONSTRAINT telling_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.telling
    ADD CONSTRAINT telling_subscriber_study_uid_key UNIQUE (subscriber, study_uid);
ALTER TABLE ONLY public.told
    ADD CONSTRAINT told_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_pkey PRIMARY KEY (uid, level);
ALTER TABLE ONLY public.trust
    ADD CONSTRAINT trust_issuer_key UNIQUE (issuer);
ALTER TABLE ONLY public.trust
    ADD CONSTRAINT trust_pkey PRIMARY KEY (ods_code);
ALTER TABLE ONLY public.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (destination, number);
ALTER TABLE ONLY public.turn
    ADD CONSTRAINT turn_token_key UNIQUE (token);
ALTER TABLE ONLY public.upload_piece
    ADD CONSTRAINT upload_piece_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_object_id_key UNIQUE (object_id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.withdrawal
    ADD CONSTRAINT withdrawal_pkey PRIMARY KEY (id);
CREATE INDEX access_token_by_account ON public.access_token USING btree (account);
CREATE UNIQUE INDEX account_by_subject ON public.account USING btree (issuer, subject) WHERE (issuer <> ''::text);
CREATE INDEX arrival_by_day ON public.arrival USING btree (trust, peer, at);
CREATE INDEX arrival_by_instance ON public.arrival USING btree (sop_instance_uid);
CREATE INDEX arrival_by_time ON public.arrival USING brin (at);
CREATE INDEX audit_by_actor ON public.audit USING btree (actor, at);
CREATE UNIQUE INDEX audit_by_fold ON public.audit USING btree (fold);
CREATE INDEX audit_by_person ON public.audit USING btree (person, at) WHERE (person IS NOT NULL);
CREATE INDEX audit_by_study ON public.audit USING btree (study_uid, at);
CREATE INDEX availability_due ON public.availability USING btree (next_at) WHERE ((told_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX commitment_due ON public.commitment USING btree (next_at) WHERE ((delivered_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX commitment_instance_committed ON public.commitment_instance USING btree (uid) WHERE (reason = 0);
CREATE INDEX commitment_instance_open ON public.commitment_instance USING btree (commitment_id, place) WHERE (reason IS NULL);
CREATE INDEX commitment_undelivered ON public.commitment USING btree (peer, trust) WHERE (delivered_at IS NULL);
CREATE INDEX correction_in_force ON public.correction USING btree (study_id) WHERE (undone_at IS NULL);
CREATE INDEX correction_instance_by_correction ON public.correction_instance USING btree (correction_id);
CREATE INDEX delivery_by_study ON public.delivery USING btree (study_uid);
CREATE INDEX delivery_dead ON public.delivery USING btree (ended_at) WHERE (state = 'dead'::text);
CREATE INDEX delivery_decision_by_delivery ON public.delivery_decision USING btree (delivery_id);
CREATE INDEX delivery_due ON public.delivery USING btree (destination, priority, next_try) WHERE (state = 'waiting'::text);
CREATE INDEX delivery_under_way ON public.delivery USING btree (claim) WHERE (state = 'sending'::text);
CREATE INDEX encounter_by_accession ON public.encounter USING btree (accession, encounter_issuer) WHERE (accession <> ''::text);
CREATE INDEX encounter_by_visit ON public.encounter USING btree (visit, encounter_issuer) WHERE (visit <> ''::text);
CREATE INDEX forwarded_by_instance ON public.forwarded USING btree (instance_id);
CREATE INDEX hl7_message_aside ON public.hl7_message USING btree (id) WHERE ((raw IS NOT NULL) AND (settled_at IS NULL));
CREATE INDEX hl7_message_taken ON public.hl7_message USING btree (trust, control_id) WHERE (answer = 'AA'::text);
CREATE INDEX identity_by_birth_date ON public.identity USING btree (birth_date);
CREATE INDEX identity_by_birth_date_and_family ON public.identity USING btree (birth_date, ltrim(public.plain_name(split_part(patient_name, '^'::text, 1)))) WHERE (birth_date IS NOT NULL);
CREATE INDEX identity_by_name ON public.identity USING gin (patient_name public.gin_trgm_ops);
CREATE INDEX identity_by_patient ON public.identity USING btree (patient_id);
CREATE INDEX identity_by_plain_name ON public.identity USING gin (patient_plain public.gin_trgm_ops);
CREATE INDEX identity_by_sound ON public.identity USING gin (patient_sounds);
CREATE INDEX identity_correction_by_review ON public.identity_correction USING btree (review_id);
CREATE INDEX idx_procrastinate_jobs_worker_not_null ON public.procrastinate_jobs USING btree (worker_id) WHERE ((worker_id IS NOT NULL) AND (status = 'doing'::public.procrastinate_job_status));
CREATE INDEX idx_procrastinate_workers_last_heartbeat ON public.procrastinate_workers USING btree (last_heartbeat);
CREATE INDEX imaging_order_by_accession ON public.imaging_order USING btree (accession, accession_issuer) WHERE (accession <> ''::text);
CREATE INDEX imaging_order_by_any_filler ON public.imaging_order USING btree (filler) WHERE (filler <> ''::text);
CREATE INDEX imaging_order_by_any_number ON public.imaging_order USING btree (number);
CREATE INDEX imaging_order_by_any_placer ON public.imaging_order USING btree (placer) WHERE (placer <> ''::text);
CREATE INDEX imaging_order_by_date ON public.imaging_order USING btree (last_date, id);
CREATE INDEX imaging_order_by_fhir_id ON public.imaging_order USING btree (public.fhir_id('ServiceRequest'::text, (id)::text));
CREATE INDEX imaging_order_by_patient ON public.imaging_order USING btree (patient_id, issuer);
CREATE INDEX imaging_order_by_placer ON public.imaging_order USING btree (trust, placer) WHERE (placer <> ''::text);
CREATE INDEX imaging_order_by_specimen ON public.imaging_order USING gin (((content -> 'specimens'::text))) WHERE ((content -> 'specimens'::text) <> '[]'::jsonb);
CREATE INDEX imaging_order_by_study ON public.imaging_order USING btree (study_uid);
CREATE INDEX imaging_order_new ON public.imaging_order USING btree (id) WHERE (NOT is_considered);
CREATE INDEX instance_by_object ON public.instance USING btree (object_id);
CREATE INDEX instance_by_series ON public.instance USING btree (series_id, instance_number);
CREATE INDEX kept_search_by_time ON public.kept_search USING btree (kept_at);
CREATE INDEX known_browser_by_account ON public.known_browser USING btree (account);
CREATE INDEX link_decision_by_study ON public.link_decision USING btree (study_id, id);
CREATE INDEX link_due_failing ON public.link_due USING btree (due_at) WHERE (tries > 0);
CREATE INDEX link_review_by_study ON public.link_review USING btree (study_id, id);
CREATE INDEX link_review_together ON public.link_review USING btree (together) WHERE (together IS NOT NULL);
CREATE INDEX merge_correction_by_number ON public.merge_correction USING btree (issuer, gone);
CREATE INDEX object_by_verification ON public.object USING btree (verified_at NULLS FIRST, id) WHERE (swept_at IS NULL);
CREATE INDEX order_tie_by_study ON public.order_tie USING btree (study_uid);
CREATE INDEX order_tie_in_doubt ON public.order_tie USING btree (id) WHERE (state = 'doubt'::text);
CREATE UNIQUE INDEX original_once ON public.original USING btree (study_uid, digest, (instance_uids[1]));
CREATE INDEX outbox_by_study ON public.outbox USING btree (study_uid, id);
CREATE INDEX patient_by_number ON public.patient USING btree (identifier COLLATE "C", issuer COLLATE "C");
CREATE INDEX peer_by_title ON public.peer USING btree (ae_title);
CREATE INDEX performed_news_due ON public.performed_news USING btree (trust, ae_title, id) WHERE ((told_at IS NULL) AND (given_up_at IS NULL));
CREATE INDEX performed_step_by_order ON public.performed_step USING btree (order_id);
CREATE INDEX performed_step_by_study ON public.performed_step USING gin (((attributes -> '00400270'::text)) jsonb_path_ops);
CREATE INDEX person_record_by_birth_date ON public.person_record USING btree (birth_date, family);
CREATE INDEX person_record_by_change ON public.person_record USING btree (COALESCE(changed_at, created_at));
CREATE INDEX person_record_by_name ON public.person_record USING btree (family text_pattern_ops, given text_pattern_ops);
CREATE INDEX person_record_by_number ON public.person_record USING btree (nhs_number) WHERE (nhs_number IS NOT NULL);
CREATE INDEX person_record_by_part_of_name ON public.person_record USING gin (family public.gin_trgm_ops, given public.gin_trgm_ops);
CREATE INDEX person_record_by_postcode ON public.person_record USING btree (postcode) WHERE (postcode IS NOT NULL);
CREATE INDEX person_record_by_value ON public.person_record USING btree (value);
CREATE INDEX person_record_current ON public.person_record USING btree (current_id);
CREATE INDEX person_record_to_consider ON public.person_record USING btree (id) WHERE (NOT is_considered);
CREATE INDEX person_record_to_trace ON public.person_record USING btree (id) WHERE ((number_status = '03'::text) AND (issuer <> 'NHS'::text));
CREATE INDEX person_statement_by_into ON public.person_statement USING btree (into_id);
CREATE INDEX person_trace_due ON public.person_trace USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX person_trace_of_trusts ON public.person_trace USING btree (issuer, value) WHERE (issuer <> 'NHS'::text);
CREATE INDEX prefetch_waiting ON public.prefetch USING btree (study_id) WHERE (ordered_at IS NULL);
CREATE INDEX procrastinate_events_job_id_fkey_v1 ON public.procrastinate_events USING btree (job_id);
CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON public.procrastinate_jobs USING btree (id, lock) WHERE (status = ANY (ARRAY['todo'::public.procrastinate_job_status, 'doing'::public.procrastinate_job_status]));
CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON public.procrastinate_jobs USING btree (lock) WHERE (status = 'doing'::public.procrastinate_job_status);
CREATE INDEX procrastinate_jobs_priority_idx_v1 ON public.procrastinate_jobs USING btree (priority DESC, id) WHERE (status = 'todo'::public.procrastinate_job_status);
CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON public.procrastinate_jobs USING btree (queue_name);
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON public.procrastinate_jobs USING btree (queueing_lock) WHERE (status = 'todo'::public.procrastinate_job_status);
CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON public.procrastinate_periodic_defers USING btree (job_id);
CREATE INDEX pull_study_by_state ON public.pull_study USING btree (pull_id, state, study_date DESC, study_uid);
CREATE INDEX quarantine_by_instance ON public.quarantine USING btree (sop_instance_uid, object_id) WHERE (decided_at IS NULL);
CREATE INDEX quarantine_by_study ON public.quarantine USING btree (study_uid) WHERE (decided_at IS NULL);
CREATE INDEX record_change_by_study ON public.record_change USING btree (study_uid, at);
CREATE INDEX record_change_by_time ON public.record_change USING btree (at);
CREATE INDEX record_view_change_by_audience ON public.record_view_change USING btree (audience, id);
CREATE INDEX rejected_by_note ON public.rejected USING btree (note_id);
CREATE INDEX renamed_copy_to_look_at ON public.renamed_copy USING btree (since) WHERE (settled_at IS NULL);
CREATE INDEX renaming_to_note ON public.renaming USING btree (id) WHERE (noted_at IS NULL);
CREATE INDEX report_by_accession ON public.report USING gin (accessions);
CREATE INDEX report_by_study ON public.report USING btree (study_uid) WHERE (study_uid IS NOT NULL);
CREATE INDEX report_by_study_named ON public.report USING btree (study_named) WHERE (study_named <> ''::text);
CREATE INDEX report_decision_by_report ON public.report_decision USING btree (report_id, id);
CREATE INDEX report_merged ON public.report USING btree (merged_into) WHERE (merged_into IS NOT NULL);
CREATE INDEX report_patient_by_number ON public.report_patient USING btree (issuer, value);
CREATE INDEX report_same ON public.report USING btree (same_as) WHERE (same_as IS NOT NULL);
CREATE INDEX report_to_decide ON public.report USING btree (id) WHERE (state <> 'matched'::text);
CREATE INDEX report_version_by_document ON public.report_version USING btree (((((content -> 'notice'::text) -> 'number'::text) ->> 'value'::text))) WHERE (content ? 'notice'::text);
CREATE INDEX report_version_by_instance ON public.report_version USING btree (instance_uid) WHERE (instance_uid IS NOT NULL);
CREATE INDEX report_version_by_parent ON public.report_version USING btree (((((content -> 'notice'::text) -> 'parent'::text) ->> 'value'::text))) WHERE (content ? 'notice'::text);
CREATE INDEX report_version_by_predecessor ON public.report_version USING gin (((content -> 'predecessors'::text))) WHERE (instance_uid IS NOT NULL);
CREATE INDEX routing_gathering ON public.routing USING btree (study_id) WHERE (state = 'gathering'::text);
CREATE INDEX series_by_request ON public.series USING gin (requests jsonb_path_ops) WHERE (requests IS NOT NULL);
CREATE INDEX series_by_study ON public.series USING btree (study_id);
CREATE INDEX session_by_account ON public.session USING btree (account);
CREATE INDEX sign_in_attempt_by_name ON public.sign_in_attempt USING btree (name);
CREATE INDEX sign_in_attempt_by_time ON public.sign_in_attempt USING btree (last_at);
CREATE INDEX staged_by_age ON public.staged USING btree (staged_at);
CREATE INDEX study_by_accession ON public.study USING btree (accession);
CREATE INDEX study_by_date ON public.study USING btree (study_date DESC NULLS LAST, id DESC);
CREATE INDEX study_by_description ON public.study USING gin (description public.gin_trgm_ops);
CREATE INDEX study_by_fhir_id ON public.study USING btree (public.fhir_id('ImagingStudy'::text, uid));
CREATE INDEX study_by_modality ON public.study USING gin (modalities);
CREATE INDEX study_by_referring ON public.study USING gin (referring public.gin_trgm_ops);
CREATE INDEX study_identifier_by_value ON public.study_identifier USING btree (issuer, value);
CREATE INDEX study_link_by_decision ON public.study_link USING btree (decided_at);
CREATE INDEX study_link_by_person ON public.study_link USING btree (person_id);
CREATE INDEX study_link_by_proposed ON public.study_link USING gin (proposed);
CREATE INDEX study_link_objected ON public.study_link USING btree (study_id) WHERE (objection IS NOT NULL);
CREATE INDEX study_link_to_review ON public.study_link USING btree (decided_at) WHERE (state <> 'linked'::text);
CREATE INDEX study_link_waiting ON public.study_link USING btree (study_id) WHERE (state <> 'linked'::text);
CREATE INDEX telling_by_study ON public.telling USING btree (study_uid);
CREATE INDEX telling_dead ON public.telling USING btree (subscriber) WHERE (state = 'dead'::text);
CREATE INDEX telling_decision_by_telling ON public.telling_decision USING btree (telling_id);
CREATE INDEX telling_due ON public.telling USING btree (subscriber, ((things = '[]'::jsonb)), due_at) WHERE (state = 'waiting'::text);
CREATE INDEX told_by_person ON public.told USING btree (person, id);
CREATE INDEX told_by_study ON public.told USING btree (study_uid, id);
CREATE INDEX tombstone_by_withdrawal ON public.tombstone USING btree (withdrawal_id);
CREATE UNIQUE INDEX trust_by_number_system ON public.trust USING btree (number_system) WHERE (number_system <> ''::text);
CREATE INDEX upload_by_actor ON public.upload USING btree (actor_kind, actor, actor_trust);
CREATE INDEX upload_by_batch ON public.upload USING btree (batch) WHERE (batch <> ''::text);
CREATE INDEX upload_piece_by_upload ON public.upload_piece USING btree (upload, start);
CREATE INDEX upload_to_convert ON public.upload USING btree (next_try) WHERE (state = ANY (ARRAY['waiting'::text, 'converting'::text]));
CREATE INDEX upload_to_remove ON public.upload USING btree (expires_at);
CREATE INDEX withdrawal_open ON public.withdrawal USING btree (study_uid) WHERE (decision IS NULL);
CREATE INDEX withdrawal_to_purge ON public.withdrawal USING btree (keep_until) WHERE (undone_at IS NULL);
CREATE TRIGGER account_change_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.account_change FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER arrival_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.arrival FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER audit_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER link_decision_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.link_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER outbox_is_a_record_change AFTER INSERT ON public.outbox REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.note_record_change();
CREATE TRIGGER person_record_changes BEFORE UPDATE OF nhs_number, number_status, sensitivity, demographics, current_id ON public.person_record FOR EACH ROW WHEN ((((((old.nhs_number IS DISTINCT FROM new.nhs_number) OR (old.number_status IS DISTINCT FROM new.number_status)) OR (old.sensitivity IS DISTINCT FROM new.sensitivity)) OR (old.demographics IS DISTINCT FROM new.demographics)) OR (old.current_id IS DISTINCT FROM new.current_id))) EXECUTE FUNCTION public.note_person_change();
CREATE TRIGGER person_record_leaves AFTER UPDATE OF current_id ON public.person_record FOR EACH ROW WHEN (((old.current_id IS DISTINCT FROM new.current_id) AND (old.current_id <> old.id))) EXECUTE FUNCTION public.note_person_left();
CREATE TRIGGER person_statement_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.person_statement FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN (((old.abort_requested = false) AND (new.abort_requested = true) AND (new.status = 'doing'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_notify_queue_abort_job_v1();
CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_notify_queue_job_inserted_v1();
CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1 AFTER UPDATE OF abort_requested ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.abort_requested = true)) EXECUTE FUNCTION public.procrastinate_trigger_abort_requested_events_procedure_v1();
CREATE TRIGGER procrastinate_trigger_delete_jobs_v1 BEFORE DELETE ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_unlink_periodic_defers_v1();
CREATE TRIGGER procrastinate_trigger_scheduled_events_v1 AFTER INSERT OR UPDATE ON public.procrastinate_jobs FOR EACH ROW WHEN (((new.scheduled_at IS NOT NULL) AND (new.status = 'todo'::public.procrastinate_job_status))) EXECUTE FUNCTION public.procrastinate_trigger_function_scheduled_events_v1();
CREATE TRIGGER procrastinate_trigger_status_events_insert_v1 AFTER INSERT ON public.procrastinate_jobs FOR EACH ROW WHEN ((new.status = 'todo'::public.procrastinate_job_status)) EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_insert_v1();
CREATE TRIGGER procrastinate_trigger_status_events_update_v1 AFTER UPDATE OF status ON public.procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION public.procrastinate_trigger_function_status_events_update_v1();
CREATE TRIGGER quarantine_decision_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.quarantine_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER record_view_change_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.record_view_change FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER record_view_is_written_down AFTER INSERT OR UPDATE ON public.record_view FOR EACH ROW EXECUTE FUNCTION public.keep_record_view_change();
CREATE TRIGGER registry_change_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.registry_change FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER rejection_decision_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.rejection_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER report_decision_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.report_decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER reports_follow_link AFTER INSERT OR UPDATE ON public.study_link FOR EACH ROW EXECUTE FUNCTION public.reports_follow_link();
CREATE TRIGGER reports_follow_new_people AFTER INSERT ON public.person_record REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION public.reports_follow_new_people();
CREATE TRIGGER reports_follow_people AFTER UPDATE ON public.person_record REFERENCING OLD TABLE AS was_so NEW TABLE AS now_so FOR EACH STATEMENT EXECUTE FUNCTION public.reports_follow_people();
CREATE TRIGGER series_notes_requests BEFORE INSERT ON public.series FOR EACH ROW EXECUTE FUNCTION public.note_requests();
CREATE TRIGGER told_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.told FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER upload_notes_change BEFORE UPDATE ON public.upload FOR EACH ROW EXECUTE FUNCTION public.note_upload_change();
ALTER TABLE ONLY public.access_token
    ADD CONSTRAINT access_token_account_fkey FOREIGN KEY (account) REFERENCES public.account(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.arrival
    ADD CONSTRAINT arrival_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.availability
    ADD CONSTRAINT availability_peer_id_fkey FOREIGN KEY (peer_id) REFERENCES public.peer(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.commitment_instance
    ADD CONSTRAINT commitment_instance_commitment_id_fkey FOREIGN KEY (commitment_id) REFERENCES public.commitment(id);
ALTER TABLE ONLY public.correction
    ADD CONSTRAINT correction_identity_id_fkey FOREIGN KEY (identity_id) REFERENCES public.identity(id);
ALTER TABLE ONLY public.correction_instance
    ADD CONSTRAINT correction_instance_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES public.correction(id);
ALTER TABLE ONLY public.correction_instance
    ADD CONSTRAINT correction_instance_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES public.instance(id);
ALTER TABLE ONLY public.correction
    ADD CONSTRAINT correction_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id);
ALTER TABLE ONLY public.delivery_decision
    ADD CONSTRAINT delivery_decision_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);
ALTER TABLE ONLY public.destination
    ADD CONSTRAINT destination_told_by_fkey FOREIGN KEY (told_by) REFERENCES public.subscriber(name) ON DELETE SET NULL;
ALTER TABLE ONLY public.destination
    ADD CONSTRAINT destination_trust_fkey FOREIGN KEY (trust) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.forwarded
    ADD CONSTRAINT forwarded_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);
ALTER TABLE ONLY public.forwarded
    ADD CONSTRAINT forwarded_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES public.instance(id);
ALTER TABLE ONLY public.forwarded
    ADD CONSTRAINT forwarded_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.hl7_sender
    ADD CONSTRAINT hl7_sender_trust_fkey FOREIGN KEY (trust) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.identity_correction
    ADD CONSTRAINT identity_correction_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES public.correction(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identity_correction
    ADD CONSTRAINT identity_correction_review_id_fkey FOREIGN KEY (review_id) REFERENCES public.link_review(id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_patient_id_fkey FOREIGN KEY (patient_id) REFERENCES public.patient(id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_sent_patient_id_fkey FOREIGN KEY (sent_patient_id) REFERENCES public.patient(id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_shown_as_fkey FOREIGN KEY (shown_as) REFERENCES public.instance(id);
ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id);
ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_identity_id_fkey FOREIGN KEY (identity_id) REFERENCES public.identity(id);
ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.instance
    ADD CONSTRAINT instance_series_id_fkey FOREIGN KEY (series_id) REFERENCES public.series(id);
ALTER TABLE ONLY public.known_browser
    ADD CONSTRAINT known_browser_account_fkey FOREIGN KEY (account) REFERENCES public.account(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.link_decision
    ADD CONSTRAINT link_decision_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.link_due
    ADD CONSTRAINT link_due_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.link_review
    ADD CONSTRAINT link_review_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.link_review
    ADD CONSTRAINT link_review_together_fkey FOREIGN KEY (together) REFERENCES public.link_review(id);
ALTER TABLE ONLY public.merge_correction
    ADD CONSTRAINT merge_correction_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES public.correction(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.order_tie
    ADD CONSTRAINT order_tie_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES public.correction(id);
ALTER TABLE ONLY public.order_tie
    ADD CONSTRAINT order_tie_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.imaging_order(id);
ALTER TABLE ONLY public.original
    ADD CONSTRAINT original_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.peer
    ADD CONSTRAINT peer_trust_fkey FOREIGN KEY (trust) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.performed_listener
    ADD CONSTRAINT performed_listener_trust_fkey FOREIGN KEY (trust) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.performed_news
    ADD CONSTRAINT performed_news_step_fkey FOREIGN KEY (step) REFERENCES public.performed_step(uid);
ALTER TABLE ONLY public.performed_step
    ADD CONSTRAINT performed_step_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.imaging_order(id);
ALTER TABLE ONLY public.person_record
    ADD CONSTRAINT person_record_current_id_fkey FOREIGN KEY (current_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.person_statement
    ADD CONSTRAINT person_statement_from_id_fkey FOREIGN KEY (from_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.person_statement
    ADD CONSTRAINT person_statement_into_id_fkey FOREIGN KEY (into_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.prefetch
    ADD CONSTRAINT prefetch_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id);
ALTER TABLE ONLY public.procrastinate_events
    ADD CONSTRAINT procrastinate_events_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.procrastinate_jobs
    ADD CONSTRAINT procrastinate_jobs_worker_id_fkey FOREIGN KEY (worker_id) REFERENCES public.procrastinate_workers(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.procrastinate_periodic_defers
    ADD CONSTRAINT procrastinate_periodic_defers_job_id_fkey FOREIGN KEY (job_id) REFERENCES public.procrastinate_jobs(id);
ALTER TABLE ONLY public.pull_study
    ADD CONSTRAINT pull_study_pull_id_fkey FOREIGN KEY (pull_id) REFERENCES public.pull(id);
ALTER TABLE ONLY public.pull
    ADD CONSTRAINT pull_trust_fkey FOREIGN KEY (trust) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.purged
    ADD CONSTRAINT purged_withdrawal_id_fkey FOREIGN KEY (withdrawal_id) REFERENCES public.withdrawal(id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_arrival_id_fkey FOREIGN KEY (arrival_id) REFERENCES public.arrival(id);
ALTER TABLE ONLY public.quarantine_decision
    ADD CONSTRAINT quarantine_decision_quarantine_id_fkey FOREIGN KEY (quarantine_id) REFERENCES public.quarantine(id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES public.instance(id);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.rejected
    ADD CONSTRAINT rejected_note_id_fkey FOREIGN KEY (note_id) REFERENCES public.rejection_note(id);
ALTER TABLE ONLY public.rejection_decision
    ADD CONSTRAINT rejection_decision_note_id_fkey FOREIGN KEY (note_id) REFERENCES public.rejection_note(id);
ALTER TABLE ONLY public.rejection_note
    ADD CONSTRAINT rejection_note_code_fkey FOREIGN KEY (code) REFERENCES public.rejection_view(code);
ALTER TABLE ONLY public.rejection_note
    ADD CONSTRAINT rejection_note_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES public.instance(id);
ALTER TABLE ONLY public.renamed_copy
    ADD CONSTRAINT renamed_copy_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES public.delivery(id);
ALTER TABLE ONLY public.report_decision
    ADD CONSTRAINT report_decision_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.report(id);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES public.report(id);
ALTER TABLE ONLY public.report_patient
    ADD CONSTRAINT report_patient_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.report(id);
ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_same_as_fkey FOREIGN KEY (same_as) REFERENCES public.report(id);
ALTER TABLE ONLY public.report_to_consider
    ADD CONSTRAINT report_to_consider_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.report(id);
ALTER TABLE ONLY public.report_version
    ADD CONSTRAINT report_version_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.report(id);
ALTER TABLE ONLY public.routing
    ADD CONSTRAINT routing_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_shown_as_fkey FOREIGN KEY (shown_as) REFERENCES public.instance(id);
ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id);
ALTER TABLE ONLY public.series_tally
    ADD CONSTRAINT series_tally_series_id_fkey FOREIGN KEY (series_id) REFERENCES public.series(id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_account_fkey FOREIGN KEY (account) REFERENCES public.account(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.study_identifier
    ADD CONSTRAINT study_identifier_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.study_link
    ADD CONSTRAINT study_link_person_id_fkey FOREIGN KEY (person_id) REFERENCES public.person_record(id);
ALTER TABLE ONLY public.study_link
    ADD CONSTRAINT study_link_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.study(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.telling_decision
    ADD CONSTRAINT telling_decision_telling_id_fkey FOREIGN KEY (telling_id) REFERENCES public.telling(id);
ALTER TABLE ONLY public.tombstone
    ADD CONSTRAINT tombstone_withdrawal_id_fkey FOREIGN KEY (withdrawal_id) REFERENCES public.withdrawal(id);
ALTER TABLE ONLY public.trust
    ADD CONSTRAINT trust_successor_fkey FOREIGN KEY (successor) REFERENCES public.trust(ods_code);
ALTER TABLE ONLY public.upload_piece
    ADD CONSTRAINT upload_piece_upload_fkey FOREIGN KEY (upload) REFERENCES public.upload(id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES public.instance(id);
ALTER TABLE ONLY public.version
    ADD CONSTRAINT version_object_id_fkey FOREIGN KEY (object_id) REFERENCES public.object(id);
ALTER TABLE ONLY public.withdrawal
    ADD CONSTRAINT withdrawal_restores_fkey FOREIGN KEY (restores) REFERENCES public.withdrawal(id);
