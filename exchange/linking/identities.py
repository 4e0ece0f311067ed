"""Whom studies name, in the words that links are decided by: as it stands now, corrections applied."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from exchange.linking.link import StudyIdentity
from exchange.outgoing import ISSUER_OF_PATIENT_ID, NATIONAL, OTHER_PATIENT_IDS, PATIENT_ID, QUALIFIERS
from exchange.people.person import Identifier
from storage.answers import read_members
from storage.corrections import IN_FORCE, Correction, Member, correct_json, in_force, those_of

#: An identity that only hidden instances bear says nothing of a study of which others show.
_IDENTITIES = """
    select s.id as study_id, i.id, i.json, i.trust, p.identifier, p.issuer, i.shown_as,
        coalesce(s.study_date, to_char(s.created_at at time zone 'UTC', 'YYYYMMDD')) as date,
        not s.has_hidden or exists (select from series r join instance n on n.series_id = r.id
            where r.study_id = s.id and n.identity_id = i.id and not n.hidden) as is_shown
    from study s join identity i on i.study_id = s.id join patient p on p.id = i.patient_id
    where s.id = any(%s) and (not s.has_versions or is_borne(s.id, i.id)) order by s.id, i.id
"""

#: At the end of Patient's Address (0010,1040).
_POSTCODE = re.compile(r"\b[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}\s*$")
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    study_id: int
    id: int
    json: bytes
    trust: str
    identifier: str
    issuer: str
    shown_as: int | None
    date: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Naming:
    """One way in which a study names its patient."""

    identity: StudyIdentity
    patient_id: Identifier  # as the index has it; the value is "" where it identifies nobody


def identities_of(connection: Connection[Any], study_uid: str) -> Sequence[StudyIdentity]:
    """Each way in which a study's instances name their patient."""
    row = connection.execute("select id from study where uid = %s", (study_uid,)).fetchone()
    return [each.identity for each in namings(connection, row).get(row[0], ())] if row else []


def namings(connection: Connection[Any], study_ids: Collection[int]) -> Mapping[int, Sequence[Naming]]:
    """The same of many studies."""
    ids = list(study_ids)
    rows = connection.cursor(row_factory=class_row(_Row)).execute(_IDENTITIES, (ids,)).fetchall()
    corrections: dict[int, list[Correction]] = defaultdict(list)
    shown = [each.shown_as for each in rows if each.shown_as is not None]
    for study_id, *row in connection.execute(IN_FORCE, (shown, ids)):
        corrections[study_id].append(in_force(row))
    shows = {each.study_id for each in rows if each.is_shown}
    found: dict[int, list[Naming]] = defaultdict(list)
    for each in rows:
        if each.is_shown or each.study_id not in shows:
            found[each.study_id].append(_naming(each, corrections[each.study_id]))
    return found


def _naming(row: _Row, corrections: Sequence[Correction]) -> Naming:
    own = those_of(corrections, row.id, row.shown_as)
    members: Mapping[str, Member] = read_members(row.json)
    if own:
        members = correct_json(members, own, with_originals=False)
    patient_id = Identifier(row.identifier, row.issuer)
    numbers = [_known(each) for each in (patient_id, *_others(members)) if each.value and each.issuer]
    address = _text(members, "00101040").upper()
    postcode = _POSTCODE.search(address)
    identity = StudyIdentity(
        tuple(dict.fromkeys(numbers)), _name(members), _date(_text(members, "00100030")),
        _text(members, "00100040").upper(), row.trust, postcode[0].strip() if postcode else "", row.date,
    )  # fmt: skip
    return Naming(identity, patient_id)


def _others(members: Mapping[str, Member]) -> Iterator[Identifier]:
    """Of the Other Patient IDs Sequence (PS3.3 §C.7.1.1); one without an issuer names nobody."""
    for item in members.get(OTHER_PATIENT_IDS, {}).get("Value", ()):
        if item:
            issuers = [_text(item, ISSUER_OF_PATIENT_ID)]
            for qualifier in item.get(QUALIFIERS, {}).get("Value", ())[:1]:
                issuers += [_text(qualifier or {}, "00400032"), _text(qualifier or {}, "00400031")]
            yield Identifier(_text(item, PATIENT_ID), next((each for each in issuers if each), ""))


def _known(identifier: Identifier) -> Identifier:
    """As the directory writes it: an NHS number by its issuer, never by its digits."""
    if identifier.issuer.upper() in NATIONAL:
        return Identifier.nhs(re.sub(r"[\s-]", "", identifier.value))
    return identifier


def _date(text: str) -> str:
    """As much of a date as is there; what is no date, or stands where nobody knew one, says nothing."""
    digits = re.sub(r"[.-]", "", text)
    return digits if re.fullmatch(r"[12][0-9]{3}([0-9]{2}){0,2}", digits) else ""


def _name(members: Mapping[str, Member]) -> str:
    """All groups of a person name (PS3.5 §6.2.1)."""
    value = (members.get("00100010", {}).get("Value") or [{}])[0] or {}
    return "=".join(str(value.get(group, "")).strip() for group in _GROUPS).rstrip("=")


def _text(members: Mapping[str, Any], tag: str) -> str:
    values = members.get(tag, {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "").strip()
