"""What decides where a report belongs: whom and what it names, and the studies to which it may belong."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from psycopg import Connection

from exchange.linking.identities import identities_of, namings
from exchange.people.directory import people, standings
from exchange.people.person import Identifier
from exchange.reports.matching import Candidate, Directory, Named, Verdict, Whose, is_meant, where
from exchange.reports.report import Content, ReportSource
from exchange.reports.stored import content_of

#: More studies than a person can look through bear one number only by a fault.
_MOST = 50

_REPORT = """
    select r.source, r.content, r.state, coalesce(r.study_uid, ''), r.because, r.decided_by, r.decided_for,
        r.version
    from report r where r.id = %s and r.merged_into is null
    for no key update
"""
_CANDIDATES = """
    select s.uid, coalesce(s.accession, ''), coalesce(s.accession_issuer, ''), coalesce(p.current_id, p.id)
    from study s left join study_link l on l.study_id = s.id left join person_record p on p.id = l.person_id
    where (s.uid = any(%s) or (s.accession = any(%s) and s.accession_issuer = %s))
    and exists (select from series r join instance n on n.series_id = r.id
        where r.study_id = s.id and not n.hidden)
    order by s.uid limit %s
"""
_BEARER = """
    select i.study_id, p.identifier, p.issuer, coalesce(i.birth_date, '') from instance n
    join identity i on i.id = n.identity_id join patient p on p.id = i.patient_id where n.uid = %s
"""


class State(Enum):
    """Whether it is known where a report belongs."""

    MATCHED = "matched"
    DOUBT = "doubt"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report belongs, and why."""

    state: State
    study_uid: str  # "" unless it is matched
    because: str


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that decides where a report belongs."""

    report_id: int
    named: Named
    studies: tuple[Candidate, ...]
    directory: Directory
    place: Place  # as it stands
    decided_by: str | None  # the person who decided that
    decided_for: bytes | None
    version: int  # how many times something was said of the report
    content: Content

    @property
    def verdict(self) -> Verdict:
        """What the rules say."""
        return where(self.named, self.studies, self.directory)

    @property
    def seen(self) -> str:
        """What somebody decides about who is shown it: another once any of it changes."""
        facts = self.place, self.decided_by, self.version
        return hashlib.sha256(repr(facts).encode() + self.fingerprint(self.place)).hexdigest()

    def fingerprint(self, place: Place) -> bytes:
        """Of what a person decides about when they decide that: the same as long as none of it changes."""
        studies = [each for each in self.studies if each.uid == place.study_uid or is_meant(self.named, each)]
        numbers = _numbers(self.named, studies)
        facts = [
            self.named.study_uid, self.named.accessions, self.named.accession_issuer,
            sorted(self.named.patients), self.named.birth_date,
            [
                (each.uid, each.accession, each.accession_issuer, each.person,
                 [(sorted(whose.identifiers), whose.birth_date) for whose in each.whose])
                for each in studies
            ],
            sorted(
                (each, person, person in self.directory.verified)
                for each, person in self.directory.stands_for.items() if each in numbers
            ),
        ]  # fmt: skip
        return hashlib.sha256(repr(facts).encode()).digest()


def question_of(connection: Connection[Any], report_id: int, also: Collection[str] = ()) -> Question | None:
    """Of one report, which nobody else then decides until the transaction ends; None where there is none.

    `also` are studies that a person means, whatever the report names.
    """
    row = connection.execute(_REPORT, (report_id,)).fetchone()
    if row is None:
        return None
    source, stored, state, study_uid, because, decided_by, decided_for, version = row
    content = content_of(stored)
    named = _named(connection, ReportSource(source), content)
    studies = _candidates(connection, named, (study_uid, *also))
    known = standings(connection, _numbers(named, studies))
    stands_for = {each.identifier: each.person_id for each in known.values()}
    met = people(connection, stands_for.values())
    verified = frozenset(number for number, person in met.items() if person.is_verified)
    place = Place(State(state), study_uid, because)
    return Question(
        report_id,
        named,
        studies,
        Directory(stands_for, verified),
        place,
        decided_by,
        decided_for,
        version,
        content,
    )


def _numbers(named: Named, studies: Iterable[Candidate]) -> frozenset[Identifier]:
    return named.patients.union(*(whose.identifiers for study in studies for whose in study.whose))


def _named(connection: Connection[Any], source: ReportSource, content: Content) -> Named:
    """A document of the archive names whom its instance names now, corrections applied."""
    patients, birth_date = frozenset(content.patients), content.birth_date
    is_within = not source.is_message
    if is_within:
        bearer = connection.execute(_BEARER, (content.forms[0].instance_uid,)).fetchone()
        patients, birth_date = _borne(connection, *bearer) if bearer else (frozenset(), "")
    return Named(
        content.study_uid, content.accessions, content.accession_issuer, patients, birth_date, is_within
    )


def _borne(
    connection: Connection[Any], study_id: int, number: str, issuer: str, birth_date: str
) -> tuple[frozenset[Identifier], str]:
    """Every identifier that goes with the Patient ID which an instance bears."""
    patient_id = Identifier(number, issuer)
    found = namings(connection, [study_id]).get(study_id, ())
    borne = [each.identity.identifiers for each in found if each.patient_id == patient_id]
    return frozenset().union(*borne), birth_date


def _candidates(connection: Connection[Any], named: Named, others: tuple[str, ...]) -> tuple[Candidate, ...]:
    uids = [each for each in {named.study_uid, *others} if each]
    accessions = [] if named.is_within else list(named.accessions)
    rows = connection.execute(_CANDIDATES, (uids, accessions, named.accession_issuer, _MOST)).fetchall()
    return tuple(
        Candidate(
            uid, accession, issuer,
            tuple(
                Whose(frozenset(each.identifiers), each.birth_date)
                for each in identities_of(connection, uid)
            ),
            person,
        )
        for uid, accession, issuer, person in rows
    )  # fmt: skip
