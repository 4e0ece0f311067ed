-- Documents that messages tell of (HL7 v2 MDM): reports by a number of their own kind.

alter table report drop constraint report_source_check;
alter table report add constraint report_source_check check (source in ('HL7', 'MDM', 'SR', 'PDF', 'CDA'));

-- A document, what is added to it and what replaces it are one report, whichever is told of first.
create index report_version_by_document on report_version ((content -> 'notice' -> 'number' ->> 'value'))
    where content ? 'notice';
create index report_version_by_parent on report_version ((content -> 'notice' -> 'parent' ->> 'value'))
    where content ? 'notice';
