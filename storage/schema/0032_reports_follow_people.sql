-- Where a report belongs follows from the directory on both sides: whom the report names, and whom the study does.
-- What is said of many people at once (a bulk load) is looked at at once.

drop trigger reports_follow_person on person_record;
drop function reports_follow_person();

-- Reports that belong to a study, or name it by UID or accession number.
create function reports_naming(s study) returns setof bigint language sql stable as $$
    select r.id from report r where r.study_uid = s.uid
    union select r.id from report r where r.study_named = s.uid
    union select r.id from report r where s.accession <> '' and r.accessions @> array[s.accession] collate "C"
$$;

create or replace function reports_follow_link() returns trigger language plpgsql as $$
begin
    insert into report_to_consider (report_id)
        select reports_naming(s) from study s where s.id = new.study_id;
    return null;
end $$;

create function reports_follow_new_people() returns trigger language plpgsql as $$
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

create function reports_follow_people() returns trigger language plpgsql as $$
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

create trigger reports_follow_new_people after insert on person_record
    referencing new table as came for each statement execute function reports_follow_new_people();
create trigger reports_follow_people after update on person_record
    referencing old table as was_so new table as now_so for each statement execute function reports_follow_people();
