-- Fuzzy matching of patients' names (PS3.4 §C.2.2.2.1.1, ADR 0036): what a name is without accents, and how its
-- words sound. Written beside the name by PostgreSQL itself, so that a correction changes them too.

create extension if not exists fuzzystrmatch;

-- The words of a name's key without accents, a space before each: ' muller zoe'. storage.names.plain_words
-- says the same of what is asked for. Bodies are bound here, so that a restore finds what they call.
create function plain_name(p_key text) returns text language sql immutable strict parallel safe
return rtrim(' ' || ltrim(regexp_replace(
    replace(replace(replace(
        translate(
            normalize(regexp_replace(normalize(p_key, NFKD), '[\u0300-\u036F''’`]', '', 'g'), NFC),
            'øłđðħı', 'olddhi'),
        'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
    '[\u0001-\u0020^=,.;:()/\\"*?_-]+', ' ', 'g')));

-- How its words of three letters and more sound: Double Metaphone, both ways where there are two; one sound alone
-- says too little.
create function name_sounds(p_plain text) returns text[] language sql immutable strict parallel safe
return (
    select coalesce(array_agg(distinct sound), '{}')
    from unnest(string_to_array(p_plain, ' ')) word,
        unnest(array[dmetaphone(word), dmetaphone_alt(word)]) sound
    where word ~ '^[a-z]{3,}$' and length(sound) > 1
);

alter table identity
    add patient_plain text generated always as (plain_name(patient_name)) stored,
    add patient_sounds text[] generated always as (name_sounds(plain_name(patient_name))) stored;

create index identity_by_plain_name on identity using gin (patient_plain gin_trgm_ops);
create index identity_by_sound on identity using gin (patient_sounds);
