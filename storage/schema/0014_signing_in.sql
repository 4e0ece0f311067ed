-- Who signs in, and with what; their sessions; and how often somebody looked.

create table account (
    id            bigint generated always as identity primary key,
    name          text collate "C" not null unique,
    issuer        text collate "C" not null default '', -- OIDC issuer that vouches for it; '': a local account
    subject       text collate "C" not null default '', -- who it is to that issuer
    role          text not null,
    trust         text collate "C" not null default '', -- ODS code; '': of no one trust
    password_hash text,                          -- argon2id, with its parameters; null: none, or signs in elsewhere
    password_by   text not null default '',      -- who set it; while it is not the account itself, it must be changed
    password_at   timestamptz,
    totp_secret   text,                          -- base32 (RFC 6238); null: no second factor
    totp_step     bigint,                        -- the last time step that was used: a code opens once
    recovery      bytea[] not null default '{}', -- SHA-256 of the recovery codes that are left
    created_at    timestamptz not null default now(),
    signed_in_at  timestamptz,
    disabled_at   timestamptz,
    check ((issuer = '') = (subject = ''))
);

create unique index account_by_subject on account (issuer, subject) where issuer <> '';

-- What was done to accounts, by whom: rows that are added and never changed.
create table account_change (
    id   bigint generated always as identity primary key,
    at   timestamptz not null default now(),
    by   text not null,      -- account, or user of the command line
    name text not null,      -- of the account
    did  text not null       -- exchange.accounts.Did
);

create trigger account_change_only_grows before update or delete or truncate on account_change
    for each statement execute function refuse_change();

create table session (
    id         bigint generated always as identity primary key,
    digest     bytea not null unique,      -- SHA-256 of the cookie; the cookie itself is the browser's alone
    account    bigint not null references account on delete cascade,
    stage      text not null,              -- exchange.sessions.Stage
    address    text not null,
    browser    text not null,              -- User-Agent, cut
    created_at timestamptz not null default now(),
    seen_at    timestamptz not null default now(),  -- noted once a minute
    ends_at    timestamptz not null,
    ended_at   timestamptz
);

create index session_by_account on session (account);

-- Browsers in which somebody has signed in before: their failures are counted apart from strangers'.
create table known_browser (
    digest  bytea not null,                -- SHA-256 of its cookie
    account bigint not null references account on delete cascade,
    seen_at timestamptz not null default now(),
    primary key (digest, account)
);

create index known_browser_by_account on known_browser (account);

-- Attempts to sign in that failed, or are under way. A bucket names nobody: people type passwords as names.
create table sign_in_attempt (
    bucket     bytea primary key,          -- SHA-256 of what is counted: an account, an address, a browser
    name       bytea,                      -- SHA-256 of the name that was tried; null: any
    failures   integer not null default 0,
    wait_until timestamptz not null default now(),
    last_at    timestamptz not null default now()
);

create index sign_in_attempt_by_name on sign_in_attempt (name);
create index sign_in_attempt_by_time on sign_in_attempt (last_at);

-- A token that a person made is that person's: it may what they may, for as long as they may.
alter table access_token add column account bigint references account on delete cascade;

create index access_token_by_account on access_token (account);

-- One row a reader, purpose, study and outcome in ten minutes; what comes later counts on it.
alter table audit add column fold uuid;    -- of who, what and which ten minutes; null: from before

create unique index audit_by_fold on audit (fold);

create table audit_count (
    audit   bigint primary key,            -- audit.id: such a row never goes
    times   bigint not null,               -- besides the first
    last_at timestamptz not null
);
