-- A destination whose archive hears of patients by HL7 v2 is told of corrected ones by ADT, where ADT can say it:
-- as the record is told, by a row of `telling`.

alter table subscriber drop constraint subscriber_kind_check,
    add constraint subscriber_kind_check check (kind in ('fhir', 'mhd', 'hl7', 'nrl', 'adt'));

alter table destination
    add column told_by text collate "C" references subscriber on delete set null;  -- of kind adt

alter table renamed_copy
    add column adt_for text collate "C",             -- naming_of, for which it was decided whether ADT can say it
    add column adt_says text not null default '',    -- the messages: the same text, the same messages; '': ADT cannot
    add column adt_cannot text not null default '',  -- why not
    add column told_as text not null default '';     -- by which message it was told when it was last seen to be right
