-- Numbers that gave way to others, in studies that bear them: which corrections say so, and how far merges have
-- been followed.

create table merge_correction (
    correction_id   bigint primary key references correction,
    issuer          text collate "C" not null,
    gone            text collate "C" not null,   -- the number that the study says without it
    survivor_issuer text collate "C" not null,
    survivor        text collate "C" not null    -- what it says instead
);

create index merge_correction_by_number on merge_correction (issuer, gone);

-- Not applied, since the study contradicts whom the surviving number names: looked at again when that is told anew.
create table merge_held (
    study_uid text collate "C" not null,
    issuer    text collate "C" not null,
    value     text collate "C" not null,         -- the surviving number
    said_at   timestamptz,                       -- of its record, when the study was held
    primary key (study_uid, issuer, value)
);

create table merge_place (
    only_one  boolean primary key default true check (only_one),
    statement bigint not null                    -- the last person_statement that was followed
);

insert into merge_place (statement) values (0);
