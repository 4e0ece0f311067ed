"""A study that bears one person's details and is another's: previewed, corrected on the way out, and undone.

What was sent is never touched (storage.corrections). The correction, the link, what the record is to hear and
that copies elsewhere are wrong are one transaction; so is taking all of it back.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import Connection

from exchange.custody import is_of_trust
from exchange.linking.attributes import OF_THE_PATIENT, age_at, attributes_for, number_for
from exchange.linking.copies import copies_of, naming_of, note_renaming, opened_by
from exchange.linking.link import Decided, LinkState
from exchange.linking.linker import look_again, take_turn
from exchange.linking.merging import apply_merges
from exchange.linking.preview import Preview, changes
from exchange.linking.renaming import rename, take_back
from exchange.linking.reviewing import DecidedMeanwhile, Looked, NobodySuch, facts_about, seen_of
from exchange.linking.reviewing import undo as undo_review
from exchange.linking.reviews import Decider, Review, Verb, review, write_review
from exchange.people.directory import person
from exchange.people.merges import given_way
from exchange.people.person import NHS, Identifier, Person, Sensitivity
from exchange.record.reading import shared_studies
from exchange.telling.outbox import Because, note
from storage.answers import read_members
from storage.charsets import ASCII, encode, encodings_of
from storage.correcting import NewCorrection, Reason
from storage.corrections import IN_FORCE, Member, correct_json, in_force, those_of
from storage.errors import NotHeld

# What instances say of their patient, once for each way of saying it.
_SAID = """
    select distinct i.id, i.json, s.json, n.json_patient, i.shown_as
    from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id
    join identity i on i.id = n.identity_id where s.id = %s
"""
_CHARACTER_SETS = """
    select distinct
        coalesce(substring(convert_from(n.json_before, 'UTF8') from '"00080005":(\\{[^}]*\\})'), '{}')
    from series r join instance n on n.series_id = r.id where r.study_id = %s
"""


def preview(connection: Connection[Any], study_uid: str, person_id: int, trust: str | None = None) -> Preview:
    """What it would do. Raises NotHeld, for another trust's study too, NobodySuch and CannotBeWritten."""
    study = shared_studies(connection, [study_uid]).get(study_uid)
    if study is None or not is_of_trust(connection, study_uid, trust):
        raise NotHeld(f"study {study_uid}")
    to = person(connection, person_id)
    if to is None:
        raise NobodySuch
    said = _said(connection, study.id)
    held = {tag for each in said for tag in OF_THE_PATIENT.intersection(each) if each[tag].get("Value")}
    attributes = attributes_for(
        to,
        number_for(to, _issuers(connection, study.trust, study.patient_issuer), _gone(connection, to)),
        held,
        age_at(to.demographics.birth_date, study.date),
        lambda name: _can_write(connection, study.id, name),
    )
    linked = connection.execute(
        "select person_id from study_link where study_id = %s", (study.id,)
    ).fetchone()
    was = person(connection, linked[0]) if linked and linked[0] is not None else None
    is_restricted = any(each is not None and each.sensitivity is not Sensitivity.NORMAL for each in (was, to))
    shown = changes(attributes, said, is_restricted=is_restricted)
    return Preview(
        study, was, to, shown, attributes, tuple(copies_of(connection, study_uid)),
        tuple(opened_by(connection, study_uid)), seen_of(connection, study.id),
    )  # fmt: skip


def apply(
    connection: Connection[Any],
    study_uid: str,
    person_id: int,
    token: str,
    by: Decider,
    trust: str | None = None,
) -> int:
    """Put in force what was previewed; the decision's number.

    Raises what `preview` raises, and DecidedMeanwhile where it would do something else by now.
    """
    looked = Looked.at(connection, study_uid)
    shown = preview(connection, study_uid, person_id, trust)
    if shown.token != token:
        raise DecidedMeanwhile
    was = naming_of(connection, study_uid)
    number = write_review(connection, looked.study_id, Verb.CORRECT, by, shown.to.id, looked.link)
    new = NewCorrection(study_uid, shown.attributes, Reason.CORRECT, by.name)
    rename(connection, new, number)
    note_renaming(connection, study_uid, was)
    apply_merges(connection, study_uid)
    looked.keep(Decided(LinkState.LINKED, shown.to.id, facts_about(looked, shown.to.id)), by)
    note(connection, [study_uid], Because.CORRECTED)
    return number


def undo(connection: Connection[Any], study_uid: str, number: int, by: Decider) -> Review:
    """Take any decision back: of a correction, the study says again what was sent.

    What nobody decided then is the linker's again. Raises NoSuchReview and NotTheLast.
    """
    take_turn(connection)
    Looked.at(connection, study_uid)
    found = review(connection, number)
    if found.verb is Verb.CORRECT:
        was = naming_of(connection, study_uid)
        for (correction_id,) in connection.execute(
            "select correction_id from identity_correction where review_id = %s order by correction_id desc",
            (number,),
        ).fetchall():
            take_back(connection, correction_id, by.name)
        note_renaming(connection, study_uid, was)
        apply_merges(connection, study_uid)
        note(connection, [study_uid], Because.CORRECTED)
    undone = undo_review(connection, study_uid, number, by)
    if found.verb.is_of_the_link:
        look_again(connection, [study_uid], by.because)
    return undone


def _issuers(connection: Connection[Any], trust: str, current: str) -> Sequence[str]:
    """Whose numbers name people at the study's own trust: those that the study uses go first."""
    row = connection.execute("select issuer from trust where ods_code = %s", (trust,)).fetchone()
    return [each for each in (current, row[0] if row else trust) if each != NHS]


def _gone(connection: Connection[Any], to: Person) -> Collection[Identifier]:
    """Their numbers that gave way to others."""
    return given_way(connection, [each.identifier for each in to.others]).keys()


def _said(connection: Connection[Any], study_id: int) -> Sequence[Mapping[str, Member]]:
    """As it stands now: corrections that are in force applied."""
    rows = connection.execute(_SAID, (study_id,)).fetchall()
    shown = [row[-1] for row in rows if row[-1] is not None]
    corrections = [in_force(row[1:]) for row in connection.execute(IN_FORCE, (shown, [study_id])).fetchall()]
    return [
        correct_json(
            read_members(study, identity, patient),
            those_of(corrections, id, shown_as),
            with_originals=False,
        )
        for id, identity, study, patient, shown_as in rows
    ]


def _can_write(connection: Connection[Any], study_id: int, name: str) -> bool:
    """Whether every instance's character set has these letters; where none is declared, UTF-8 will be."""
    for (declared,) in connection.execute(_CHARACTER_SETS, (study_id,)).fetchall():
        values = read_members(f'"_":{declared}'.encode())["_"].get("Value") or []
        term = "\\".join(str(each or "") for each in values)
        if term.strip(" \\") in ("", "ISO_IR 6"):
            continue
        try:
            encode(name, encodings_of(term) or ASCII, "PN")
        except UnicodeError:
            return False
    return True
