"""Whom a study names, in the words that links are decided by."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection

from exchange.linking.link import StudyIdentity
from exchange.people.person import Identifier
from storage.answers import read_members
from storage.corrections import IN_FORCE, Member, correct_json, in_force, those_of

_IDENTITIES = """
    select s.id, i.id, i.json, i.trust, p.identifier, p.issuer, i.shown_as
    from study s join identity i on i.study_id = s.id join patient p on p.id = i.patient_id
    where s.uid = %s and (not s.has_versions or is_borne(s.id, i.id)) order by i.id
"""


def identities_of(connection: Connection[Any], study_uid: str) -> Sequence[StudyIdentity]:
    """Each way in which its instances name their patient, as it stands now."""
    rows = connection.execute(_IDENTITIES, (study_uid,)).fetchall()
    if not rows:
        return []
    shown = [row[-1] for row in rows if row[-1] is not None]
    corrections = [
        in_force(row[1:]) for row in connection.execute(IN_FORCE, (shown, [rows[0][0]])).fetchall()
    ]
    return [
        _identity(
            correct_json(read_members(json), those_of(corrections, id, shown_as), with_originals=False),
            Identifier(number, issuer),
            trust,
        )
        for _, id, json, trust, number, issuer, shown_as in rows
    ]


def _identity(members: Mapping[str, Member], number: Identifier, trust: str) -> StudyIdentity:
    others = [
        Identifier(_text(item, "00100020"), _text(item, "00100021"))
        for item in members.get("00101002", {}).get("Value", ())
        if item
    ]
    numbers = [each for each in (number, *others) if each.value and each.issuer]
    name = (members.get("00100010", {}).get("Value") or [{}])[0] or {}
    return StudyIdentity(
        tuple(dict.fromkeys(numbers)), str(name.get("Alphabetic", "")).strip(),
        _text(members, "00100030"), _text(members, "00100040"), trust,
    )  # fmt: skip


def _text(members: Mapping[str, Member], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "").strip()
