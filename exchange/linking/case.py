"""One study and the people whose it may be, side by side: what somebody looks at who decides."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import Connection

from exchange.custody import is_of_trust
from exchange.linking.beside import facts
from exchange.linking.comparing import still_shown
from exchange.linking.identities import identities_of
from exchange.linking.link import Decided, Evidence, Link, LinkState, StudyIdentity
from exchange.linking.links import Objection, link_of, objection_to
from exchange.linking.reviewing import seen_of
from exchange.linking.reviews import (
    Review,
    Verb,
    correction,
    decided_together,
    last_of_the_link,
    question,
    rejected,
    reviews_of,
)
from exchange.people.directory import people
from exchange.people.person import Person, Sensitivity
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from storage.errors import NotHeld


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whose the study may be."""

    person: Person
    facts: tuple[Evidence, ...]
    is_linked: bool
    is_rejected: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to decide by."""

    study: SharedStudy
    names: tuple[StudyIdentity, ...]  # whom it names; several where its instances disagree
    link: Link | None
    candidates: tuple[Candidate, ...]  # the linked one first, those who were rejected last
    reviews: tuple[Review, ...]
    together: Mapping[int, Sequence[str]]  # other studies that a decision was of, by its number in `reviews`
    objection: Objection | None  # what the linker says since facts changed
    seen: int  # to be said with a decision: how it stood

    @property
    def state(self) -> LinkState | None:
        """None: nobody has looked yet."""
        return self.link.decided.state if self.link else None

    @property
    def question(self) -> Review | None:
        """What its trust was asked and has not answered."""
        return question(self.reviews)

    @property
    def correction(self) -> Review | None:
        """By which it bears the details that it does, where a person corrected them."""
        return correction(self.reviews)

    @property
    def can_be_undone(self) -> Review | None:
        """The decision by which the link stands as it does, where a person made it."""
        return last_of_the_link(self.reviews)


def case_of(
    connection: Connection[Any], study_uid: str, trust: str | None = None, also: Sequence[int] = ()
) -> Case:
    """`also` are people whom nobody proposed, by their numbers. Raises NotHeld, for another trust's too."""
    study = shared_studies(connection, [study_uid]).get(study_uid)
    if study is None or not is_of_trust(connection, study_uid, trust):
        raise NotHeld(f"study {study_uid}")
    link = link_of(connection, study_uid)
    reviews = tuple(reviews_of(connection, study.id))
    linked = link.decided.person_id if link else None
    proposed = link.decided.proposed if link else ()
    gone = rejected(reviews)
    objection = objection_to(connection, study_uid)
    meant = (objection.decided.person_id, *objection.decided.proposed) if objection else ()
    everybody = (linked, *also, *proposed, *meant, *sorted(gone))
    numbers = dict.fromkeys(each for each in everybody if each is not None)
    names = tuple(dict.fromkeys(identities_of(connection, study_uid)))
    known = people(connection, list(numbers))
    # Two of the directory's numbers may stand for one person by now.
    found = {known[each].id: known[each] for each in numbers if each in known}
    if any(each.sensitivity is not Sensitivity.NORMAL for each in found.values()):
        # It may be where they live that the study says.
        names = tuple(dict.fromkeys(replace(each, postcode="") for each in names))
        link = link and replace(link, decided=_still_shown(link.decided, found.values()))
        objection = objection and replace(objection, decided=_still_shown(objection.decided, found.values()))
    gone_people = {known[each].id for each in gone if each in known}
    linked_person = known[linked].id if linked is not None and linked in known else None
    candidates = [
        Candidate(each, facts(names, each), each.id == linked_person, each.id in gone_people)
        for each in found.values()
    ]
    return Case(
        study, names, link,
        tuple(sorted(candidates, key=lambda each: (not each.is_linked, each.is_rejected))),
        reviews, {each.id: _others(connection, study_uid, each) for each in reviews}, objection,
        seen_of(connection, study.id),
    )  # fmt: skip


def _others(connection: Connection[Any], study_uid: str, decided: Review) -> Sequence[str]:
    if decided.verb is not Verb.CORRECT:
        return ()
    return [uid for uid, _ in decided_together(connection, decided) if uid != study_uid]


def _still_shown(decided: Decided, people: Iterable[Person]) -> Decided:
    return replace(decided, evidence=still_shown(decided.evidence, people))
