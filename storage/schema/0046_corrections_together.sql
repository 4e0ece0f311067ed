-- Corrections of several studies are one decision; and a correction takes the order tie along.

alter table link_review
    add column together bigint references link_review,  -- the first of those that are one decision; null: this is it
    add column ties jsonb;                              -- of a correction: the study's order ties before it

create index link_review_together on link_review (together) where together is not null;
