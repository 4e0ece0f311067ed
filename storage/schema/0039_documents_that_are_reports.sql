-- A document of the archive and what it replaces are one report; an instance may be given other content.

drop index report_version_by_instance;
create index report_version_by_instance on report_version (instance_uid) where instance_uid is not null;
create index report_version_by_predecessor on report_version using gin ((content -> 'predecessors'))
    where instance_uid is not null;
create index report_merged on report (merged_into) where merged_into is not null;
