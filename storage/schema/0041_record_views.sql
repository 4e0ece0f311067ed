-- What of a person's record is shown to whom by default: data that an administrator edits (exchange.record.view).

create table record_view (
    audience   text primary key check (audience in ('practitioner', 'person', 'carer')),
    content    jsonb not null,               -- exchange.record.view.View
    version    integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null
);

-- Every view there was, as it was put in force: added, never changed.
create table record_view_change (
    id         bigint generated always as identity primary key,
    audience   text not null,
    version    integer not null,
    content    jsonb not null,
    changed_at timestamptz not null,
    changed_by text not null
);

create index record_view_change_by_audience on record_view_change (audience, id);
create trigger record_view_change_only_grows before update or delete or truncate on record_view_change
    for each statement execute function refuse_change();

create function keep_record_view_change() returns trigger language plpgsql as $$
begin
    insert into record_view_change (audience, version, content, changed_at, changed_by)
    values (new.audience, new.version, new.content, new.changed_at, new.changed_by);
    return null;
end $$;
create trigger record_view_is_written_down after insert or update on record_view
    for each row execute function keep_record_view_change();

-- A practitioner sees everything that policy lets them see. A person and their carer see no report before somebody
-- has verified it; a carer sees no pictures, which say more than the reports do.
insert into record_view (audience, content, changed_by) values
('practitioner', '{"specialties": ["radiology", "cardiology", "pathology", "ophthalmology", "dermatology", "endoscopy", "dentistry", "other"], "has_pictures": true, "has_reports": true, "has_unverified": true, "order": ["pictures", "details", "reports"]}', 'imx'),
('person', '{"specialties": ["radiology", "cardiology", "pathology", "ophthalmology", "dermatology", "endoscopy", "dentistry", "other"], "has_pictures": true, "has_reports": true, "has_unverified": false, "order": ["reports", "pictures", "details"]}', 'imx'),
('carer', '{"specialties": ["radiology", "cardiology", "pathology", "ophthalmology", "dermatology", "endoscopy", "dentistry", "other"], "has_pictures": false, "has_reports": true, "has_unverified": false, "order": ["reports", "details", "pictures"]}', 'imx');
