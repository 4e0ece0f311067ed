-- One report that came twice, as a document of the archive and as a message, or as a result and as a document.

alter table report add column same_as bigint references report;  -- told of again here; null: the first, or alone
alter table report add column said_at timestamptz;               -- when what stands was said
update report r set said_at = (select max(v.said_at) from report_version v where v.report_id = r.id);
create index report_same on report (same_as) where same_as is not null;

-- Those that are beside a study with others are looked at once.
insert into report_to_consider (report_id)
    select r.id from report r where r.study_uid is not null and r.merged_into is null
    and exists (select from report o where o.study_uid = r.study_uid and o.id <> r.id and o.merged_into is null);
