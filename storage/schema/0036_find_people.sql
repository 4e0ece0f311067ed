-- People are searched by the name in use, by a number whoever gave it out, and by postcode.

create index person_record_by_name on person_record (family text_pattern_ops, given text_pattern_ops);
create index person_record_by_value on person_record (value);
create index person_record_by_postcode on person_record (postcode) where postcode is not null;
