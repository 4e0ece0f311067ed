"""Which study an encounter makes: one, whatever number its files name it by.

What a case names is written down before its file is wrapped, so that two that come at once, or one by
accession number and one by visit, come to the same study. An original says again what its case named
(storage.original), so a rebuild knows it too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import Connection
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import BadInput
from storage.original import Named

#: The issuer of NHS numbers (UK Core).
NHS = "NHS"

_OTHER_PATIENT_IDS = "00101002"


class OfAnother(BadInput):
    """What is kept under this number is somebody else's: a person looks at both."""

    def __init__(self) -> None:
        super().__init__("the study that is kept under this number is another person's")


class Unclear(BadInput):
    """It cannot be told which study it is. `missing` names fields of a case that would tell."""

    def __init__(self, why: str, missing: str) -> None:
        super().__init__(f"{why}: say {missing}")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Joined:
    """The encounter's study, and the Patient ID with its issuer that its instances bear, if it has one."""

    study_uid: str
    patient: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Somebody:
    """Whom a study names, as it stands now."""

    identifiers: frozenset[tuple[str, str]]  # each with its issuer, which is NHS for an NHS number
    birth_date: str  # "" where it says none


@dataclass(frozen=True, slots=True)
class Candidate:
    """A study that an encounter of that number has made."""

    study_uid: str
    accessions: frozenset[str]
    people: tuple[Somebody, ...]
    patients: frozenset[tuple[str, str]]  # Patient IDs with their issuers


@dataclass(frozen=True, slots=True)
class Encounters:
    """What encounters were called, and which study each made."""

    pool: ConnectionPool

    def study_of(self, named: Named, study_uid: str, *, is_said: bool) -> Joined:
        """The study that it joins; `study_uid` where there is none yet, or where the case itself says so.

        Raises OfAnother, Unclear and Unavailable.
        """
        with mapped_errors(), self.pool.connection() as connection:
            _lock(connection, named)
            found = _candidates(connection, named, study_uid if is_said else "")
            joined = which(named, found, study_uid, is_said=is_said)
            note_encounter(connection, named, joined.study_uid)
        return joined


def which(named: Named, candidates: Sequence[Candidate], study_uid: str, *, is_said: bool) -> Joined:
    """The decision. A study of the same visit is another's where both have accession numbers that differ."""
    if is_said:
        found = [each for each in candidates if each.study_uid == study_uid]
    else:
        found = [each for each in candidates if named.accession and named.accession in each.accessions]
        found = found or [each for each in candidates if not (named.accession and each.accessions)]
    if not found:
        return Joined(study_uid, None)
    agreed = [_is_same(named, each.people) for each in found]
    if False in agreed:
        raise OfAnother
    if None in agreed and not is_said:
        missing = "person.birth_date, or encounter.study_uid"
        raise Unclear("a study is kept under this number, perhaps another person's", missing)
    if len(found) > 1:
        raise Unclear("several studies are kept under this number", "encounter.study_uid")
    [one] = found
    return Joined(one.study_uid, next(iter(one.patients)) if len(one.patients) == 1 else None)


def note_encounter(connection: Connection[Any], named: Named, study_uid: str) -> None:
    """Write down what it is called, once. What has no number has no name."""
    if named.accession or named.visit:
        connection.execute(
            "insert into encounter (study_uid, identifier, issuer, nhs_number, birth_date, accession, visit,"
            " encounter_issuer) values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            (
                study_uid, named.identifier, named.issuer, named.nhs_number, named.birth_date,
                named.accession, named.visit, named.encounter_issuer,
            ),
        )  # fmt: skip


def _is_same(named: Named, people: Iterable[Somebody]) -> bool | None:
    """Whether it is the person whom a study names; None where nothing tells.

    Identifiers of one issuer tell, and birth dates: under one number of an encounter a birth date is enough.
    """
    ours = _identifiers(named.identifier, named.issuer, named.nhs_number)
    verdicts = []
    for each in people:
        issuers = {issuer for _, issuer in each.identifiers}
        verdicts += [one in each.identifiers for one in ours if one[1] in issuers]
        if named.birth_date and each.birth_date:
            verdicts.append(named.birth_date == each.birth_date)
    return all(verdicts) if verdicts else None


def _identifiers(identifier: str, issuer: str, nhs_number: str) -> frozenset[tuple[str, str]]:
    return frozenset(each for each in ((identifier, issuer), (nhs_number, NHS)) if each[0])


def _lock(connection: Connection[Any], named: Named) -> None:
    """Two of one encounter wait for each other; always by accession number first, so never both."""
    for kind, number in (("accession", named.accession), ("visit", named.visit)):
        if number:
            connection.execute(
                "select pg_advisory_xact_lock(hashtextextended(%s, 2))",
                (f"{kind} {number} of {named.encounter_issuer}",),
            )


_NUMBERED = """
    select study_uid from encounter e where encounter_issuer = %(issuer)s
        and (accession <> '' and accession = %(accession)s or visit <> '' and visit = %(visit)s)
    union select uid from study where %(accession)s <> '' and accession = %(accession)s
        and accession_issuer = %(issuer)s
    union select %(said)s
    except select study_uid from tombstone where level = 'study'
"""
_NAMES = """
    select identifier, issuer, nhs_number, birth_date, accession from encounter where study_uid = %s
    order by id
"""
_PEOPLE = """
    select p.identifier, p.issuer, coalesce(i.birth_date, ''), i.json, coalesce(s.accession, '')
    from study s join identity i on i.study_id = s.id join patient p on p.id = i.patient_id
    where s.uid = %s and p.only_study is null and (not s.has_versions or is_borne(s.id, i.id))
"""


def _candidates(connection: Connection[Any], named: Named, said: str) -> list[Candidate]:
    rows = connection.execute(
        _NUMBERED,
        {"accession": named.accession, "visit": named.visit, "issuer": named.encounter_issuer, "said": said},
    )
    return [_candidate(connection, uid) for (uid,) in rows.fetchall() if uid]


def _candidate(connection: Connection[Any], study_uid: str) -> Candidate:
    """Whom its instances name now; of a study of which nothing has come yet, whom its files' cases named."""
    names = connection.execute(_NAMES, (study_uid,)).fetchall()
    held = connection.execute(_PEOPLE, (study_uid,)).fetchall()
    accessions = frozenset(row[4] for row in (*names, *held) if row[4])
    if held:
        people = tuple(
            Somebody(frozenset({(identifier, issuer), *_others(json)}), birth_date)
            for identifier, issuer, birth_date, json, _ in held
        )
        return Candidate(study_uid, accessions, people, frozenset((row[0], row[1]) for row in held))
    people = tuple(Somebody(_identifiers(*row[:3]), row[3]) for row in names)
    first = next(((row[0], row[1]) if row[0] else (row[2], NHS) for row in names), None)
    return Candidate(study_uid, accessions, people, frozenset([first] if first else []))


def _others(json: bytes) -> Iterable[tuple[str, str]]:
    """Other Patient IDs (0010,1002) of an identity, each with its issuer."""
    for item in orjson.loads(b"{" + json + b"}").get(_OTHER_PATIENT_IDS, {}).get("Value", []):
        identifier, issuer = (item.get(tag, {}).get("Value", [""])[0] for tag in ("00100020", "00100021"))
        if identifier and issuer:
            yield identifier, issuer
