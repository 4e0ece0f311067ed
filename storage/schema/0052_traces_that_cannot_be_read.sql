-- An answer of the PDS that cannot be read costs its own number an hour, and nobody else anything.

alter table person_trace drop constraint person_trace_outcome_check,
    add constraint person_trace_outcome_check check (outcome in ('', 'verified', 'superseded', 'differs',
        'nobody', 'several', 'invalidated', 'too little to ask by', 'refused', 'unreadable'));
