-- Whose record somebody looked at: the person's uid, which says nothing of them.
alter table audit add column person uuid;
create index audit_by_person on audit (person, at) where person is not null;
