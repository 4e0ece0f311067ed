"""Studies that bear one person's details and are another's: previewed, corrected on the way out, and undone.

What was sent is never touched (storage.corrections). The correction, the link, the order tie, what the record
is to hear and that copies elsewhere are wrong are one transaction, of all the studies of a decision; so is
taking all of it back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
from exchange.linking.reviews import Decider, Review, Verb, decided_together, review, write_review
from exchange.linking.same_patient import in_order, require_same_patient
from exchange.people.directory import person
from exchange.people.merges import given_way
from exchange.people.person import NHS, Identifier, Person, Sensitivity
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from exchange.retying import order_answered, put_back, retie, stored, ties_of
from exchange.telling.outbox import Because, note
from exchange.tying import TAKEN
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


def preview(
    connection: Connection[Any],
    study_uid: str,
    person_id: int,
    trust: str | None = None,
    also: Sequence[str] = (),
) -> Preview:
    """What it would do to a study, and to others of the same patient: done, looked at, and rolled back.

    Raises NotHeld, for another trust's study too, NobodySuch, CannotBeWritten, AnotherPatient and TooMany.
    """
    to = person(connection, person_id)
    if to is None:
        raise NobodySuch
    uids = in_order(study_uid, also)
    for uid in uids:
        if not is_of_trust(connection, uid, trust):
            raise NotHeld(f"study {uid}")
    studies = shared_studies(connection, uids)
    for uid in uids:
        if uid not in studies:
            raise NotHeld(f"study {uid}")
    require_same_patient(connection, uids)
    first, *others = (_preview_of(connection, studies[uid], to) for uid in uids)
    return replace(first, also=tuple(others))


def _preview_of(connection: Connection[Any], study: SharedStudy, to: Person) -> Preview:
    said = _said(connection, study.id)
    held = {tag for each in said for tag in OF_THE_PATIENT.intersection(each) if each[tag].get("Value")}
    attributes = attributes_for(
        to,
        number_for(
            to,
            _issuers(connection, study.trust, study.patient_issuer),
            _gone(connection, to),
            Identifier(study.patient_id, study.patient_issuer),
        ),
        held,
        age_at(to.demographics.birth_date, study.date),
        lambda name: _can_write(connection, study.id, name),
    )
    linked = connection.execute(
        "select person_id from study_link where study_id = %s", (study.id,)
    ).fetchone()
    was = person(connection, linked[0]) if linked and linked[0] is not None else None
    is_restricted = any(each is not None and each.sensitivity is not Sensitivity.NORMAL for each in (was, to))
    answered = order_answered(connection, study.uid)
    with connection.transaction(force_rollback=True):
        _put_right(connection, study.uid, attributes, to.id, None, "preview")
        after, answers = _said(connection, study.id), order_answered(connection, study.uid)
    return Preview(
        study, was, to, changes(attributes.keys() | TAKEN, said, after, is_restricted=is_restricted),
        attributes, answered, answers, tuple(copies_of(connection, study.uid)),
        tuple(opened_by(connection, study.uid)), seen_of(connection, study.id),
    )  # fmt: skip


def apply(
    connection: Connection[Any],
    study_uid: str,
    person_id: int,
    token: str,
    by: Decider,
    trust: str | None = None,
    also: Sequence[str] = (),
) -> int:
    """Put in force what was previewed, of all these studies or of none; the decision's number.

    Raises what `preview` raises, and DecidedMeanwhile where it would do something else by now.
    """
    # In one order, whoever decides: two that want the same studies wait for each other, and not forever.
    looked = {uid: Looked.at(connection, uid) for uid in sorted({study_uid, *also})}
    shown = preview(connection, study_uid, person_id, trust, also)
    if shown.token != token:
        raise DecidedMeanwhile
    decision: int | None = None
    for each in shown.all:
        one, to = looked[each.study.uid], each.to.id
        number = write_review(
            connection, one.study_id, Verb.CORRECT, by, to, one.link,
            together=decision, ties=stored(ties_of(connection, one.study_uid)),
        )  # fmt: skip
        decision = decision or number
        _put_right(connection, one.study_uid, each.attributes, to, number, by.name)
        one.keep(Decided(LinkState.LINKED, to, facts_about(one, to)), by)
        note(connection, [one.study_uid], Because.CORRECTED)
    assert decision is not None
    return decision


def _put_right(
    connection: Connection[Any],
    study_uid: str,
    attributes: Mapping[str, Member],
    person_id: int,
    review_id: int | None,
    by: str,
) -> None:
    """The correction, and all that goes along with it but the link."""
    was = naming_of(connection, study_uid)
    rename(connection, NewCorrection(study_uid, attributes, Reason.CORRECT, by), review_id)
    note_renaming(connection, study_uid, was)
    apply_merges(connection, study_uid)
    retie(connection, study_uid, person_id, by)


def undo(connection: Connection[Any], study_uid: str, number: int, by: Decider) -> Review:
    """Take a decision back, for all its studies: of a correction, they say again what was sent.

    What nobody decided then is the linker's again. Raises NoSuchReview, NotTheLast, and NotHeld where one of
    the studies is another trust's.
    """
    take_turn(connection)
    found = review(connection, number)
    for uid, each in sorted(decided_together(connection, found)):
        looked = Looked.at(connection, uid)
        if each.study_id == found.study_id and uid != study_uid:
            raise NotHeld(f"decision {number} of this study")
        if not is_of_trust(connection, uid, by.trust or None):
            raise NotHeld(f"study {uid}")
        if each.verb is Verb.CORRECT:
            _put_wrong(connection, looked, each, by)
        undo_review(connection, uid, each.id, by)
        if each.verb.is_of_the_link:
            look_again(connection, [uid], by.because)
    return review(connection, number)


def _put_wrong(connection: Connection[Any], looked: Looked, found: Review, by: Decider) -> None:
    """The correction is taken back, and all that went along with it."""
    uid = looked.study_uid
    was = naming_of(connection, uid)
    for (correction_id,) in connection.execute(
        "select correction_id from identity_correction where review_id = %s order by correction_id desc",
        (found.id,),
    ).fetchall():
        take_back(connection, correction_id, by.name)
    note_renaming(connection, uid, was)
    apply_merges(connection, uid)
    if found.ties is not None:
        put_back(connection, uid, found.ties, found.at, by.name)
    note(connection, [uid], Because.CORRECTED)


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
