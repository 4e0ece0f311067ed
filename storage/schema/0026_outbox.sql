-- What the record (e-Xchange) is still to hear of: a row in the transaction of whatever changed. It names what
-- changed, not how: whoever tells looks at how things stand then, so one telling answers for many rows.

create table outbox (
    id        bigint generated always as identity primary key,
    study_uid text collate "C" not null,
    because   text not null,            -- 'linked', 'unlinked', 'content', 'corrected', 'report', 'person' ...
    at        timestamptz not null default now()
);

create index outbox_by_study on outbox (study_uid, id);
