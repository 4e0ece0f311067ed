-- Orders by whatever a barcode may hold: besides the accession number, the numbers of placer and filler and those
-- of specimens and containers.

create index imaging_order_by_any_number on imaging_order (number);
create index imaging_order_by_any_placer on imaging_order (placer) where placer <> '';
create index imaging_order_by_any_filler on imaging_order (filler) where filler <> '';
create index imaging_order_by_specimen on imaging_order using gin ((content -> 'specimens'))
    where content -> 'specimens' <> '[]';
