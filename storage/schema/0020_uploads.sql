-- Files that people send in pieces (tus 1.0.0), and what became of each once it was whole. The row is the truth:
-- whatever process receives the next piece, or converts, goes on from here.

create sequence upload_change;

create table upload (
    id          uuid primary key,               -- stands in its address; random
    actor_kind  text not null,                  -- whose it is (exchange.policy.Actor); nobody else's
    actor       text not null,
    actor_trust text not null,
    trust       text not null,                  -- ODS code of the trust for which it is kept
    issuer      text not null,                  -- namespace of that trust's bare identifiers
    address     text not null,                  -- from where it was begun
    name        text not null,                  -- of the file, as its sender calls it; it may name a patient
    metadata    text not null,                  -- Upload-Metadata as it was sent
    length      bigint not null,
    received    bigint not null default 0,      -- so many bytes are durable, from the first, without a gap
    writer      uuid,                           -- the request that sends now; a later one takes its place
    state       text not null default 'receiving', -- storage.uploads.State
    of_case     jsonb,                          -- the case (ologies.case), once somebody has said it
    made        jsonb,                          -- what became of it, and what is missing
    claim       uuid,                           -- the worker that converts it
    until       timestamptz,                    -- it is at work for as long as it renews this
    done        bigint not null default 0,      -- of converting, in bytes written
    tries       integer not null default 0,     -- conversions that ended without an outcome
    next_try    timestamptz not null default now(),
    changed     bigint not null default nextval('upload_change'), -- grows with every change of the row
    created_at  timestamptz not null default now(),
    expires_at  timestamptz not null,           -- it is removed then; every piece and every case puts it off
    check (received between 0 and length)
);

create index upload_by_actor on upload (actor_kind, actor, actor_trust);
create index upload_to_convert on upload (next_try) where state in ('waiting', 'converting');
create index upload_to_remove on upload (expires_at);

create function note_upload_change() returns trigger language plpgsql as $$
begin
    new.changed := nextval('upload_change');
    return new;
end $$;

create trigger upload_notes_change before update on upload for each row execute function note_upload_change();

-- Its bytes. The row is there before the object, and so no sweep ever takes an object that will have one.
create table upload_piece (
    key        text collate "C" primary key,    -- of the object store
    upload     uuid not null references upload, -- removed only after its pieces
    start      bigint,                          -- of the file; null: still on its way, or never came
    size       bigint,
    created_at timestamptz not null default now(),
    check ((start is null) = (size is null))
);

create index upload_piece_by_upload on upload_piece (upload, start);
