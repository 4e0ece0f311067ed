-- Copies whose names may be wrong: the others, which were seen to be right, are looked at no more until their study's
-- names change again.
create index renamed_copy_to_look_at on renamed_copy (since) where settled_at is null;

-- Whether anything of the study was sent there again since its names changed last: all of it, or a part.
create function is_begun(c renamed_copy, p_is_done boolean) returns boolean language sql stable as $$
    select exists (select from delivery d where d.study_uid = c.study_uid and d.destination = c.destination
        and d.id > c.after_delivery and (d.state = 'delivered') = p_is_done
        and (p_is_done or exists (select from forwarded f where f.delivery_id = d.id)))
$$;
