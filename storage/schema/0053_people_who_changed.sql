-- When what is known of a person changed last (viewer_api.fhir: Patient `_lastUpdated`): the newest of the records
-- that stand for them. Of what was known before there was this column, when it was heard of first.

alter table person_record add column changed_at timestamptz;  -- what it says, or for whom it stands; null: never since
alter table person_record alter column changed_at set default clock_timestamp();

create function note_person_change() returns trigger language plpgsql as $$
begin
    new.changed_at := clock_timestamp();
    return new;
end $$;

create trigger person_record_changes
    before update of nhs_number, number_status, sensitivity, demographics, current_id on person_record
    for each row when ((old.nhs_number, old.number_status, old.sensitivity, old.demographics, old.current_id)
        is distinct from (new.nhs_number, new.number_status, new.sensitivity, new.demographics, new.current_id))
    execute function note_person_change();

-- Whom a record left has changed as well.
create function note_person_left() returns trigger language plpgsql as $$
begin
    update person_record set changed_at = clock_timestamp() where id = old.current_id;
    return null;
end $$;

create trigger person_record_leaves after update of current_id on person_record
    for each row when (old.current_id is distinct from new.current_id and old.current_id <> old.id)
    execute function note_person_left();

create index person_record_by_change on person_record (coalesce(changed_at, created_at));

-- Names by what they hold anywhere, and given names by how any of them begins.
create index person_record_by_part_of_name on person_record using gin (family gin_trgm_ops, given gin_trgm_ops);
