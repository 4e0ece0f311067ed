-- Peers in full: where they come from and where we call them, over what, what they may do; and callers that
-- were turned away, counted.

alter table peer drop constraint peer_ae_title_host_key;    -- one title may be at several addresses

alter table peer
    add column networks                  text[] not null default '{}',  -- CIDR it may come from, besides host
    add column called_titles             text[] not null default '{}',  -- it may call us by; none: all of ours
    add column uses_tls                  boolean not null default false, -- we call it over TLS
    add column plain_allowed             boolean not null default false, -- it may call us without TLS
    add column fingerprint               text check (fingerprint ~ '^[0-9a-f]{64}$'), -- SHA-256 of its certificate
    add column certificate_name          text check (certificate_name <> ''),  -- a name that its certificate bears
    add column commitment_host           text,       -- where storage commitment reports go; null: host
    add column commitment_port           integer check (commitment_port between 1 and 65535),
    add column commitment_on_association boolean not null default false, -- reports go on its own association
    add column identifier_issuer         text check (identifier_issuer <> ''), -- of its bare Patient IDs; null: its trust's
    add column coercions                 text[] not null default '{}',  -- names of coercion rules
    add column may_commit                boolean not null default true, -- who may send may ask what was kept
    add column may_query_worklist        boolean not null default false,
    add column may_perform               boolean not null default false, -- MPPS
    add column wants_availability        boolean not null default false, -- Instance Availability Notification
    add column associations_out          integer not null default 2 check (associations_out > 0),
    add column association_rate          integer check (association_rate > 0), -- new ones in a minute; null: any number
    add column changed_at                timestamptz not null default now();

-- Those who were known before spoke as they did: plain.
update peer set plain_allowed = true;

create index peer_by_title on peer (ae_title);

alter table trust add constraint trust_does_not_succeed_itself check (successor <> ods_code);

-- Callers that were turned away before they could send: a row for each kind, so that no stranger fills it.
create temporary table refusal_before on commit drop as select * from refusal;

drop table refusal;

create table refusal (
    id          bigint generated always as identity primary key,
    reason      text not null,                  -- exchange.refusals.Reason
    calling     text not null,                  -- '' where it was not heard, or an address uses many
    called      text not null,
    address     text not null,
    is_tls      boolean not null,
    fingerprint text not null default '',       -- SHA-256 of the certificate that it showed
    because     text not null,                  -- of the last time
    first_at    timestamptz not null default now(),
    last_at     timestamptz not null default now(),
    times       bigint not null default 1,
    unique (address, calling, called, reason, is_tls, fingerprint)
);

insert into refusal (reason, calling, called, address, is_tls, because, first_at, last_at, times)
    select 'other', calling, called, address, false, (array_agg(because order by id desc))[1],
        min(at), max(at), count(*)
    from refusal_before group by calling, called, address;

-- An address that calls by ever new names has so many rows, and one for all the others.
create function note_refusal(
    p_reason text, p_calling text, p_called text, p_address text, p_is_tls boolean, p_fingerprint text, p_because text
) returns void language plpgsql as $$
begin
    update refusal set times = times + 1, last_at = now(), because = p_because
        where address = p_address and calling = p_calling and called = p_called and reason = p_reason
        and is_tls = p_is_tls and fingerprint = p_fingerprint;
    if found then
        return;
    end if;
    if (select count(*) from refusal where address = p_address) >= 50 then
        p_calling := '';
        p_called := '';
        p_fingerprint := '';
    end if;
    insert into refusal (reason, calling, called, address, is_tls, fingerprint, because)
        values (p_reason, p_calling, p_called, p_address, p_is_tls, p_fingerprint, p_because)
        on conflict (address, calling, called, reason, is_tls, fingerprint)
        do update set times = refusal.times + 1, last_at = now(), because = excluded.because;
end $$;
