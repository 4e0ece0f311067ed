"""How what a study says of its patient compares with a person of the directory, fact by fact, in words.

The words are for whoever reviews the link; nothing here is logged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from exchange.linking.link import Evidence, StudyIdentity, Verdict
from exchange.linking.names import Family, Given, NamesCompared, birth_order_in, compare_names
from exchange.people.person import Person, Sensitivity, Sex

#: A baby is named, and its birth registered, within six weeks (status 08, TRACE POSTPONED, says the same).
NEWBORN = timedelta(days=42)

#: What systems write where nobody knew a birth date: the first day of their calendars.
STAND_INS = frozenset({"17530101", "18000101", "18991230", "19000101"})

_GIVEN = {
    Given.OTHER: (Verdict.DISAGREES, "another given name"),
    Given.SWAPPED: (Verdict.DISAGREES, "given and family name are swapped"),
    Given.UNSAID: (Verdict.UNKNOWN, "one of both says no given name"),
    Given.ABBREVIATED: (Verdict.UNKNOWN, "an initial, or the name's beginning"),
    Given.A_FORM: (Verdict.AGREES, "a form of the name, or another of their given names"),
    Given.FULL: (Verdict.AGREES, "the same given name"),
}
_FAMILY = {
    Family.OTHER: (Verdict.DISAGREES, "another family name: it may have changed"),
    Family.UNSAID: (Verdict.UNKNOWN, "one of both says no family name"),
    Family.PART: (Verdict.AGREES, "a part of the family name"),
    Family.SAME: (Verdict.AGREES, "the same family name"),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A study's identity beside one person: what the rules ask, and what a reviewer reads."""

    names: NamesCompared
    birth_date: Evidence
    given: Evidence
    family: Evidence
    sex: Evidence
    postcode: Evidence
    birth_order: Evidence | None  # of a multiple birth; None: nobody says that it was one
    lifetime: Evidence | None  # the study is dated before birth or after death; None: it is not

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All of it, as it is shown."""
        found = (
            self.birth_date, self.given, self.family, self.sex, self.postcode, self.birth_order, self.lifetime
        )  # fmt: skip
        return tuple(each for each in found if each is not None)

    @property
    def is_against(self) -> bool:
        """Whether the birth date, the given name, the sex or the order of birth says that it is not they."""
        decisive = (self.birth_date, self.given, self.sex, self.birth_order)
        return any(each is not None and each.verdict is Verdict.DISAGREES for each in decisive)


def compare(identity: StudyIdentity, person: Person) -> Compared:
    """Each fact of a study's identity beside a person's."""
    theirs = person.demographics
    names = compare_names(identity.name, theirs.names)
    in_use = theirs.name.dicom
    said = f"the study says {identity.name or 'no name'}, the directory {in_use or 'none'}"
    given, of_given = _GIVEN[names.given]
    family, of_family = _FAMILY[names.family]
    return Compared(
        names,
        compare_birth_dates(identity.birth_date, theirs.birth_date),
        Evidence("given name", given, f"{of_given}: {said}"),
        Evidence("family name", family, f"{of_family}: {said}"),
        _sexes(identity.sex, theirs.sex),
        _postcodes(identity.postcode, person),
        _birth_orders(identity.name, theirs.birth_order),
        _lifetime(identity, person),
    )


def compare_birth_dates(said: str, known: str) -> Evidence:
    """YYYYMMDD, or as much of it as is known. Only two whole, real dates agree."""
    words = f"the study says {said or 'none'}, the directory {known or 'none'}"
    if not said or not known or {said, known} & STAND_INS:
        return Evidence("birth date", Verdict.UNKNOWN, words)
    if said == known and day_of(said):
        return Evidence("birth date", Verdict.AGREES, f"{said} in both")
    if len(said) != len(known) and (said.startswith(known) or known.startswith(said)):
        return Evidence("birth date", Verdict.UNKNOWN, f"known only in part: {words}")
    if are_swapped(said, known):
        return Evidence("birth date", Verdict.DISAGREES, f"day and month are swapped: {words}")
    return Evidence("birth date", Verdict.DISAGREES, words)


def are_swapped(one: str, other: str) -> bool:
    """Whether a date has its day where the other has its month."""
    return len(one) == len(other) == 8 and one != other and one == other[:4] + other[6:] + other[4:6]


def is_newborn(identity: StudyIdentity) -> bool:
    """Whether whom the study shows was under six weeks old, as far as its dates say."""
    born, made = day_of(identity.birth_date), day_of(identity.study_date)
    return born is not None and made is not None and made - born < NEWBORN


def day_of(text: str) -> date | None:
    """A whole date that the calendar has."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:])) if len(text) == 8 else None
    except ValueError:
        return None


def _sexes(said: str, known: Sex) -> Evidence:
    """Only F and M differ: O is also what devices send where nobody chose."""
    words = f"the study says {said or 'none'}, the directory {known.value or 'none'}"
    if said not in ("F", "M") or known not in (Sex.FEMALE, Sex.MALE):
        return Evidence("sex", Verdict.UNKNOWN, words)
    return Evidence("sex", Verdict.AGREES if said == known.value else Verdict.DISAGREES, words)


def _postcodes(said: str, person: Person) -> Evidence:
    """Where somebody restricted lives is not shown, and no guess at it is answered."""
    if person.sensitivity is not Sensitivity.NORMAL:
        return Evidence("postcode", Verdict.UNKNOWN, "the person's record is restricted")
    known = person.demographics.postcode
    words = f"the study says {said or 'none'}, the directory {known or 'none'}"
    if not said or not known:
        return Evidence("postcode", Verdict.UNKNOWN, words)
    return Evidence("postcode", Verdict.AGREES if _bare(said) == _bare(known) else Verdict.DISAGREES, words)


def still_shown(evidence: Sequence[Evidence], people: Iterable[Person]) -> tuple[Evidence, ...]:
    """What was compared once, but for the postcode where one of these people is restricted by now."""
    if all(each.sensitivity is Sensitivity.NORMAL for each in people):
        return tuple(evidence)
    return tuple(each for each in evidence if each.fact != "postcode")


def _bare(postcode: str) -> str:
    return postcode.replace(" ", "").upper()


def _birth_orders(name: str, known: int | None) -> Evidence | None:
    said = birth_order_in(name)
    if said is None and known is None:
        return None
    words = (
        f"of a multiple birth: the study's name says {said or 'no order'}, the directory {known or 'none'}"
    )
    if said is None or not known:
        return Evidence("order of birth", Verdict.UNKNOWN, words)
    return Evidence("order of birth", Verdict.AGREES if said == known else Verdict.DISAGREES, words)


def _lifetime(identity: StudyIdentity, person: Person) -> Evidence | None:
    made = day_of(identity.study_date)
    born, died = day_of(person.demographics.birth_date), day_of(person.demographics.died)
    if made and died and made > died:
        return Evidence(
            "lifetime",
            Verdict.DISAGREES,
            f"died on {person.demographics.died}, the study is dated {identity.study_date}:"
            " made after death, or of somebody else",
        )
    if made and born and made < born:
        return Evidence(
            "lifetime", Verdict.DISAGREES, f"the study is dated {identity.study_date}, before birth"
        )
    if person.demographics.is_dead and died is None:
        return Evidence("lifetime", Verdict.UNKNOWN, "has died, and the directory does not say when")
    return None
