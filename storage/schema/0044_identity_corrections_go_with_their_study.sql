-- What is purged takes along what says that a correction was one of identity, or a merge's.
alter table identity_correction drop constraint identity_correction_correction_id_fkey,
    add constraint identity_correction_correction_id_fkey
    foreign key (correction_id) references correction on delete cascade;
alter table merge_correction drop constraint merge_correction_correction_id_fkey,
    add constraint merge_correction_correction_id_fkey
    foreign key (correction_id) references correction on delete cascade;
