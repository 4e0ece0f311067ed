-- A person decides over what was kept aside: what was kept first stays, or this becomes current.

alter table quarantine add study_uid text collate "C";    -- the study that it contests, if any
update quarantine q set study_uid = st.uid
    from instance i join series se on se.id = i.series_id join study st on st.id = se.study_id
    where i.id = q.instance_id;
alter table quarantine add check (decision in ('keep', 'take'));
alter table quarantine add check ((decided_at is null) = (decision is null));
create index quarantine_by_study on quarantine (study_uid) where decided_at is null;

-- Every decision and every undoing, for ever; quarantine holds the one in force.
create table quarantine_decision (
    id            bigint generated always as identity primary key,
    quarantine_id bigint not null references quarantine,
    at            timestamptz not null default now(),
    decision      text not null check (decision in ('keep', 'take', 'undo')),
    by            text not null
);

create trigger quarantine_decision_only_grows before update or delete or truncate on quarantine_decision
    for each statement execute function refuse_change();

-- Kept aside: the object and its place in quarantine. The same bytes take no second place: not while they wait,
-- nor once a person has decided over them. Returns true when the object under this key is there now.
create or replace function set_aside(
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

-- The quarantined object's own instance, its study and both objects, under the lock that set_aside takes.
create function quarantine_locked(p_id bigint) returns quarantine language plpgsql as $$
declare
    v quarantine;
begin
    select * into v from quarantine where id = p_id;
    perform pg_advisory_xact_lock(hashtextextended(v.sop_instance_uid, 0));
    select * into v from quarantine where id = p_id for update;
    return v;
end $$;

-- Writes a decision down, or its undoing (null), and says whether the study is still contested.
create function quarantine_decided(p_id bigint, p_decision text, p_by text) returns void
language plpgsql as $$
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

-- As before (0002); what no instance bears any more contradicts nothing.
create or replace function identity_named(
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
                is distinct from (v_patient, p_trust, p_birth_date)
            and (not has_versions or is_borne(p_study_id, other.id)));
    return v_id;
end $$;

-- Nobody adds to the study of an instance, nor rejects anything in it, until the transaction ends.
create function lock_study_of(p_instance_id bigint) returns void language sql as $$
    select lock_studies(array[st.uid]) from instance n join series se on se.id = n.series_id
        join study st on st.id = se.study_id where n.id = p_instance_id
$$;

-- Another object of the same instance becomes current; the one that was is kept as a version.
-- Returns false where the instance has another object now than the caller saw.
create function make_current(
    p_instance_id bigint, p_held_object bigint, p_object bigint, p_trust text,
    p_identifier text, p_issuer text, p_name text, p_birth_date text, p_sex text,
    p_identity_digest bytea, p_identity_json bytea,
    p_sop_class text, p_instance_number integer, p_frame_count integer, p_frame_form integer,
    p_frames bytea, p_problems text[], p_json_before bytea, p_json_patient bytea, p_json_after bytea,
    p_json_whole boolean
) returns boolean language plpgsql as $$
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

-- The sender's newer content becomes current; the older object stays as a version.
create or replace function replace_content(
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
