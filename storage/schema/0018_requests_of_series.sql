-- What was requested of a series, for searches (PS3.18 Table 10.6.1-5): of each item of its Request Attributes
-- Sequence (0040,0275) the Scheduled Procedure Step ID and the Requested Procedure ID, as they are now.

-- From the series' JSON; null where there is none. What jsonb cannot hold is left out.
create function requests_in(p_json bytea) returns jsonb language sql immutable strict parallel safe
return case when position('"00400275"'::bytea in p_json) > 0 and position('\\u0000'::bytea in p_json) = 0 then (
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'step', item #>> '{00400009,Value,0}', 'procedure', item #>> '{00401001,Value,0}')))
    from json_array_elements(('{' || convert_from(p_json, 'UTF8') || '}')::json #> '{00400275,Value}') item
) end;

alter table series add requests jsonb;
comment on column series.requests is 'items of what was requested: step and procedure; current';

create function note_requests() returns trigger language plpgsql as $$
begin
    new.requests := requests_in(new.json);
    return new;
end $$;

create trigger series_notes_requests before insert on series for each row execute function note_requests();
update series set requests = requests_in(json) where position('"00400275"'::bytea in json) > 0;

create index series_by_request on series using gin (requests jsonb_path_ops) where requests is not null;
