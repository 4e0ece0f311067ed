-- What is believed of what a feed says of people.

-- Of the NHS numbers that a trust's systems send without saying how sure they are of them: '01' where the trust
-- traces every number before it is sent.
alter table trust add column nhs_number_status text collate "C" not null default '02'
    check (nhs_number_status in ('01', '02', '03', '04', '05', '06', '07', '08'));

-- Where this sender says it, and who may know where somebody lives: segment-field, perhaps .component.
alter table hl7_sender
    add column status_field text not null default 'PID-32',
    add column sensitivity_field text not null default 'PD1-12';

-- A source that says nothing of who may know has not said that everybody may: what it said of that last stands.
alter table person_record
    add column sensitivity_at timestamptz,
    add column sensitivity_by text collate "C" not null default '';
