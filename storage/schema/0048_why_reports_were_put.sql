-- Why somebody said where a report belongs, and for whom they said so.

alter table report_decision add column verb text not null default ''  -- '': the rules did
    check (verb in ('', 'match', 'dismiss', 'undo'));
alter table report_decision add column reason text not null default '';  -- in their words
alter table report_decision add column trust text not null default '';  -- ODS code of whoever decided; '' of no one trust
