-- Files that are one thing only together: a slide and its folder, a header and its signals.

alter table upload
    add column batch text not null default '', -- chosen by the sender; '': it stands alone
    add column path  text not null default ''; -- of the file among those of its batch, with slashes

create index upload_by_batch on upload (batch) where batch <> '';
