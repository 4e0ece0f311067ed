-- The one transaction that makes an instance findable, as one call, so that it costs one round trip.
-- The caller commits only once the object's bytes are durable. Where the UID or its series has another
-- place already, it says so and writes nothing.

create type keep_answer as (
    instance_id     bigint,   -- of the instance that holds the UID: the new one, or the one held before
    held_object     bigint,   -- null when the new one was kept
    held_study      text
);

create function keep(
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
    insert into series_tally as t (series_id, part, instances) values (v_series, pg_backend_pid() % 16, 1)
        on conflict (series_id, part) do update set instances = t.instances + 1;
    insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, object_id)
        values (p_peer, p_trust, p_address, p_called, p_sop_class, p_instance, 'kept', v_object);
    insert into change (epoch, kind, study_uid, series_uid, instance_uid)
        select epoch, 'kept', p_study, p_series, p_instance from feed;
    return answer;
end $$;

-- Two first instances of a study may come at once: the second waits for the first, then finds its row.
create function study_named(
    p_uid text, p_date text, p_time text, p_accession text, p_accession_issuer text, p_study_id text,
    p_description text, p_referring text, p_json bytea
) returns bigint language plpgsql as $$
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

create function patient_named(p_identifier text, p_issuer text, p_only_study text) returns bigint
language plpgsql as $$
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

create function identity_named(
    p_study_id bigint, p_study text, p_trust text, p_identifier text, p_issuer text, p_name text,
    p_birth_date text, p_sex text, p_digest bytea, p_json bytea
) returns bigint language plpgsql as $$
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
                is distinct from (v_patient, p_trust, p_birth_date));
    return v_id;
end $$;

create function series_named(
    p_study_id bigint, p_uid text, p_modality text, p_number integer, p_description text, p_body_part text,
    p_date text, p_performed_date text, p_performed_time text, p_json bytea
) returns bigint language plpgsql as $$
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

-- Kept aside: the object and its place in quarantine, unless the same bytes wait there already.
-- Returns true when the object under this key is there now.
create function set_aside(
    p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text,
    p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamptz,
    p_sop_class text, p_instance text, p_outcome text, p_because text, p_diff jsonb,
    p_contested_study text    -- of which other content was sent, or null
) returns boolean language plpgsql as $$
declare
    v_object  bigint;
    v_key     text;
    v_arrival bigint;
    v_held    bigint;
begin
    -- The same bytes, twice at once, wait for each other here.
    perform pg_advisory_xact_lock(hashtextextended(p_instance, 0));
    select o.id, o.key into v_object, v_key from quarantine q join object o on o.id = q.object_id
        where q.sop_instance_uid = p_instance and q.decided_at is null and o.digest = p_digest
        and o.transfer_syntax = p_syntax;
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
    insert into quarantine (object_id, arrival_id, instance_id, sop_instance_uid, outcome, diff)
        values (v_object, v_arrival, v_held, p_instance, p_outcome, p_diff);
    update study set contested = true where not contested and uid = p_contested_study;
    return true;
end $$;

-- The sender's newer content becomes current; the older object stays as a version.
create function replace_content(
    p_key text, p_size bigint, p_data_offset integer, p_digest bytea, p_syntax text,
    p_peer text, p_trust text, p_address text, p_called text, p_received_at timestamptz,
    p_instance_id bigint, p_held_object bigint,
    p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text,
    p_identity_digest bytea, p_identity_json bytea,
    p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer,
    p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea,
    p_json_whole boolean
) returns boolean language plpgsql as $$
declare
    v_object   bigint;
    v_identity bigint;
    v_study    study;
    v_series   text;
    v_uid      text;
begin
    select i.uid, se.uid into v_uid, v_series from instance i join series se on se.id = i.series_id
        where i.id = p_instance_id and i.object_id = p_held_object for no key update of i;
    if not found then
        return false;    -- replaced by another meanwhile: the caller compares again
    end if;
    select st.* into v_study from instance i join series se on se.id = i.series_id
        join study st on st.id = se.study_id where i.id = p_instance_id;
    select id into v_identity from identity where study_id = v_study.id and digest = p_identity_digest;
    if not found then
        v_identity := identity_named(v_study.id, v_study.uid, p_trust, p_identifier, p_issuer, p_name,
            p_birth_date, p_sex, p_identity_digest, p_identity_json);
    end if;
    insert into object (key, size, data_offset, digest, transfer_syntax, peer, trust, received_at)
        values (p_key, p_size, p_data_offset, p_digest, p_syntax, p_peer, p_trust, p_received_at)
        returning id into v_object;
    insert into version (instance_id, object_id) values (p_instance_id, p_held_object);
    update instance set identity_id = v_identity, object_id = v_object, sop_class = p_sop_class,
            instance_number = p_instance_number, frame_count = p_frame_count, frame_form = p_frame_form,
            frames = p_frames, problems = p_problems, json_before = p_json_before,
            json_patient = p_json_patient, json_after = p_json_after, json_whole = p_json_whole
        where id = p_instance_id;
    insert into arrival (peer, trust, address, called, sop_class, sop_instance_uid, outcome, object_id)
        values (p_peer, p_trust, p_address, p_called, p_sop_class, v_uid, 'replaced', v_object);
    insert into change (epoch, kind, study_uid, series_uid, instance_uid)
        select epoch, 'kept', v_study.uid, v_series, v_uid from feed;
    return true;
end $$;
