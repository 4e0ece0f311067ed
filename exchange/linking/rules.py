"""Whose study it is: one pure decision (docs/linking.md has it as a table). In doubt it asks a person.

Only a number that our directory holds as verified, with its issuer, links alone, and only where all else that
is known fits. Likeness proposes people, and never links.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from exchange.linking.comparing import Compared, compare, is_newborn
from exchange.linking.likeness import likeness
from exchange.linking.link import Decided, Evidence, LinkState, StudyIdentity, Verdict
from exchange.linking.names import Family, Given, compare_names, has_placeholder
from exchange.people.directory import Standing
from exchange.people.numbers import is_nhs_number
from exchange.people.person import Demographics, Identifier, Person, PersonName, Sensitivity, Sex

#: People are proposed from this likeness on, and no more than so many.
PROPOSED_FROM = 0.6
PROPOSED_AT_MOST = 8


_NO_NUMBER = Evidence("number", Verdict.UNKNOWN, "the study bears no number whose issuer is known")


@dataclass(frozen=True, slots=True)
class Held:
    """What the directory holds of the numbers in a study, and of the NHS numbers that their records claim."""

    standings: Mapping[Identifier, Standing]
    people: Mapping[int, Person]  # by the number of any of their records

    def named(self, identifier: Identifier) -> Person | None:
        """For whom it stands now."""
        standing = self.standings.get(identifier)
        return self.people.get(standing.person_id) if standing else None


def decide(identities: Sequence[StudyIdentity], held: Held, alike: Sequence[Person]) -> Decided:
    """Whose study it is, by every way in which it names its patient, and why.

    `alike` are those of the directory who share its birth date and family name, and others who are like it:
    whoever shares them may be a twin, so without them an initial would say more than it does.
    """
    different = tuple(dict.fromkeys(identities))
    if not different:
        words = "none of its instances says whom it shows"
        return Decided(LinkState.UNMATCHED, None, (Evidence("patient", Verdict.UNKNOWN, words),))
    found = [_Judged(each, held, alike).decided() for each in different]
    if len(found) == 1:
        return found[0]
    facts = tuple(dict.fromkeys(chain.from_iterable(each.evidence for each in found)))
    people = {each.person_id for each in found}
    if len(people) == 1 and None not in people:
        words = f"its instances name the patient in {len(found)} ways, and each leads to the same person"
        return replace(found[0], evidence=(Evidence("patient", Verdict.AGREES, words), *facts))
    words = f"its instances name the patient in {len(found)} ways that do not all lead to the same person"
    proposed = dict.fromkeys(chain.from_iterable(_meant(each) for each in found))
    return Decided(
        LinkState.CONFLICTING,
        None,
        (Evidence("patient", Verdict.DISAGREES, words), *facts),
        tuple(proposed)[:PROPOSED_AT_MOST],
    )


def _meant(decided: Decided) -> tuple[int, ...]:
    return decided.proposed if decided.person_id is None else (decided.person_id,)


class _Judged:
    """One way of naming the patient."""

    def __init__(self, identity: StudyIdentity, held: Held, alike: Sequence[Person]) -> None:
        self.identity = identity
        self.held = held
        self.alike = alike
        self.named: dict[int, Person] = {}  # by any number in the study
        for identifier in identity.identifiers:
            if (person := held.named(identifier)) is not None:
                self.named.setdefault(person.id, person)
        self.verified = [each for each in self.named.values() if each.is_verified]
        self.numbers = tuple(map(self._of_number, identity.identifiers)) or (_NO_NUMBER,)

    def decided(self) -> Decided:
        """By numbers where one is verified, else by likeness."""
        match self.verified:
            case []:
                return self._by_likeness()
            case [person]:
                return self._by_number(person)
            case several:
                words = f"the numbers in the study are of {len(several)} different people"
                against = Evidence("patient", Verdict.DISAGREES, words)
                return self._not_linked(LinkState.CONFLICTING, (against, *self.numbers))

    def _by_number(self, person: Person) -> Decided:
        compared = compare(self.identity, person)
        evidence = self.numbers + compared.evidence
        if against := tuple(self._other_numbers(person)):
            return self._not_linked(LinkState.CONFLICTING, evidence + against)
        if compared.is_against:
            return self._not_linked(LinkState.CONFLICTING, evidence)
        if doubts := tuple(self._doubts(person, compared)):
            return self._not_linked(LinkState.AMBIGUOUS, evidence + doubts)
        return Decided(LinkState.LINKED, person.id, evidence)

    def _other_numbers(self, person: Person) -> list[Evidence]:
        """Numbers in the study that say it is somebody else's."""
        found = []
        for identifier in self.identity.identifiers:
            other = self.held.named(identifier)
            if other is not None and other.id == person.id:
                continue
            if identifier.is_nhs:
                words = "the study says an NHS number that is not theirs"
            elif other is None:
                continue  # a trust's number that nobody told us of says nothing
            else:
                claims = self.held.standings[identifier].claims
                if not (claims and self.held.named(Identifier.nhs(claims)) != person) and not (
                    compare(self.identity, other).is_against
                ):
                    continue
                words = f"the number of {identifier.issuer} is of a record that is not theirs"
            found.append(Evidence(_name_of(identifier), Verdict.DISAGREES, words))
        return found

    def _doubts(self, person: Person, compared: Compared) -> list[Evidence]:
        """What keeps a number that fits from linking alone: each is for a person to decide."""
        given, family = compared.names.given, compared.names.family
        found = []

        def doubt(words: str) -> None:
            found.append(Evidence("doubt", Verdict.UNKNOWN, words))

        known = [each for each in self.identity.identifiers if self.held.named(each) is not None]
        unknown = {each.issuer for each in self.identity.identifiers if each not in known}
        if unknown & {each.issuer for each in known}:
            doubt("the study bears two numbers of one issuer, and one of them is nobody's that we know")
        if compared.birth_date.verdict is not Verdict.AGREES:
            doubt("without a whole birth date in both, a number links nobody")
        if compared.given.verdict is not Verdict.AGREES and compared.sex.verdict is not Verdict.AGREES:
            doubt("neither the given name nor the sex is known to agree")
        if family < Family.PART and given is not Given.FULL:
            doubt("the family name does not agree, and the given name is not there in full")
        if given is not Given.FULL:
            said = (self.identity.name, person.demographics.name.dicom)
            if is_newborn(self.identity) or any(map(has_placeholder, said)):
                doubt("a newborn needs the full given name")
            if compared.birth_order is not None:
                doubt("somebody of a multiple birth needs the full given name")
        if compared.lifetime is not None and compared.lifetime.verdict is Verdict.DISAGREES:
            doubt("the study is dated outside their life")
        if any(self._fits_as_well(each, person, compared) for each in self.alike if each.id != person.id):
            doubt("somebody else with this birth date fits the name as well")
        return found

    def _fits_as_well(self, other: Person, person: Person, compared: Compared) -> bool:
        """A twin, or whose number should stand there.

        Who bears the very same name is a namesake, or known twice: there the number decides.
        """
        theirs = other.demographics
        if theirs.birth_date != self.identity.birth_date:
            return False
        if {self.identity.sex, theirs.sex.value} == {Sex.FEMALE.value, Sex.MALE.value}:
            return False
        one_another = compare_names(person.demographics.name.dicom, theirs.names)
        if one_another.given is Given.FULL and one_another.family >= Family.PART:
            return False
        names = compare_names(self.identity.name, theirs.names)
        is_family = names.family >= Family.PART or (
            names.family is Family.UNSAID and one_another.family >= Family.PART
        )
        return is_family and names.given >= min(compared.names.given, Given.A_FORM)

    def _by_likeness(self) -> Decided:
        """Nobody is verified by any number: people are proposed."""
        against = [
            each
            for each in self.named.values()
            if not each.is_verified and compare(self.identity, each).is_against
        ]
        evidence = self.numbers
        if against:
            words = "the record that a number in the study names has other details"
            evidence += (
                Evidence("patient", Verdict.DISAGREES, words),
                *compare(self.identity, against[0]).evidence,
            )
            return self._not_linked(LinkState.CONFLICTING, evidence)
        proposed = self._proposed()
        if not proposed:
            words = "nobody in the directory is like the patient that the study names"
            return Decided(
                LinkState.UNMATCHED, None, (*evidence, Evidence("likeness", Verdict.UNKNOWN, words))
            )
        words = "names, birth date, sex and postcode propose, and never link"
        evidence += (Evidence("likeness", Verdict.UNKNOWN, words),)
        if likeliest := self._person(proposed[0]):
            evidence += compare(self.identity, likeliest).evidence
        return Decided(LinkState.AMBIGUOUS, None, evidence, proposed)

    def _not_linked(self, state: LinkState, evidence: tuple[Evidence, ...]) -> Decided:
        return Decided(state, None, evidence, self._proposed())

    def _proposed(self) -> tuple[int, ...]:
        """Whom the numbers name goes first, then whom their records claim to be, then whoever is like it."""
        claimed = [
            person
            for identifier in self.identity.identifiers
            if (standing := self.held.standings.get(identifier)) and standing.claims
            if (person := self.held.named(Identifier.nhs(standing.claims))) is not None
        ]
        named = sorted(self.named.values(), key=lambda each: not each.is_verified)
        scored = sorted((score_of(self.identity, each), each.id) for each in self.alike if _is_shown(each))
        like = [id for score, id in reversed(scored) if score >= PROPOSED_FROM]
        found = dict.fromkeys([each.id for each in chain(named, claimed)] + like)
        return tuple(found)[:PROPOSED_AT_MOST]

    def _person(self, id: int) -> Person | None:
        everybody = chain(self.named.values(), self.held.people.values(), self.alike)
        return next((each for each in everybody if each.id == id), None)

    def _of_number(self, identifier: Identifier) -> Evidence:
        """What the directory says of one number."""
        fact, number = _name_of(identifier), identifier.value
        if identifier.is_nhs and not is_nhs_number(number):
            return Evidence(
                fact, Verdict.DISAGREES, f"{number} is no NHS number: its check digit does not fit"
            )
        standing, person = self.held.standings.get(identifier), self.held.named(identifier)
        if standing is None or person is None:
            return Evidence(fact, Verdict.UNKNOWN, f"the directory does not know {number}")
        if not person.is_verified:
            words = (
                f"{number} is known, but no NHS number is verified for it (status {standing.status.value})"
            )
            return Evidence(fact, Verdict.UNKNOWN, words)
        if person.identifier == identifier:
            return Evidence(fact, Verdict.AGREES, f"{number} is verified")
        words = f"{number} stands for the verified NHS number {person.nhs_number}"
        return Evidence(fact, Verdict.AGREES, words)


def score_of(identity: StudyIdentity, person: Person) -> float:
    """How like a person a study's identity is."""
    with_postcode = person.sensitivity is Sensitivity.NORMAL
    return likeness(described(identity), person.demographics, with_postcode=with_postcode).score


def described(identity: StudyIdentity) -> Demographics:
    """What a study says of its patient, as a source of the directory would."""
    family, _, rest = identity.name.partition("=")[0].partition("^")
    given = tuple(each for each in rest.split("^")[:2] if each)
    sex = Sex(identity.sex) if identity.sex in {each.value for each in Sex} else Sex.UNKNOWN
    return Demographics(
        names=(PersonName(family, given),) if identity.name else (),
        birth_date=identity.birth_date,
        sex=sex,
        postcode=identity.postcode,
    )


def _is_shown(person: Person) -> bool:
    """Nobody is led to a very restricted record by likeness."""
    return person.sensitivity is not Sensitivity.VERY_RESTRICTED


def _name_of(identifier: Identifier) -> str:
    return "NHS number" if identifier.is_nhs else f"number of {identifier.issuer}"
