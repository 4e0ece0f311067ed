"""The decision table: what the rules say of each kind of case. docs/linking.md shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exchange.linking.link import LinkState, StudyIdentity
from exchange.linking.rules import Held, decide
from exchange.people.person import Demographics, Identifier, NumberStatus, Person, PersonName, Sex
from tests.exchange.linking.directory import JANE, held, person, unverified

NUMBER, LOCAL = Identifier.nhs("9990000018"), Identifier("J1", "RBL")

#: What a study says that agrees with the directory in all.
STUDY = StudyIdentity((NUMBER,), "SMITH^JANE", "19800305", "F", "RBL", study_date="20260301")

BABY = replace(JANE, names=(PersonName("Smith", ("Oliver",)),), birth_date="20260220", sex=Sex.MALE)
OF_BABY = replace(STUDY, name="SMITH^OLIVER", birth_date="20260220", sex="M")
TWIN = replace(JANE, birth_order=1)
OTHER = replace(JANE, names=(PersonName("Smith", ("Judith",)),), birth_order=2)

_JANE = person()
_OTHER = person(OTHER, "9990000026", local=(Identifier("J2", "RBL"),))


@dataclass(frozen=True)
class Case:
    """One row."""

    what: str
    state: LinkState
    identities: tuple[StudyIdentity, ...]
    known: Held
    alike: tuple[Person, ...] = ()
    why: str = ""

    @property
    def person_id(self) -> int | None:
        """The right one: each case has the person meant first."""
        return next(iter(self.known.people)) if self.state is LinkState.LINKED else None


def case(
    what: str,
    state: LinkState,
    why: str = "",
    *,
    study: StudyIdentity | None = None,
    known: Held | None = None,
    alike: Sequence[Person] = (),
    also: Sequence[StudyIdentity] = (),
    **said: object,
) -> Case:
    """`said` is what the study says otherwise than STUDY."""
    identity = replace(study or STUDY, **said)  # type: ignore[arg-type]
    return Case(what, state, (identity, *also), known or held(_JANE), tuple(alike), why)


def _with(said: Demographics, **more: object) -> Held:
    return held(person(said, **more))  # type: ignore[arg-type]


LINKED, AMBIGUOUS = LinkState.LINKED, LinkState.AMBIGUOUS
UNMATCHED, CONFLICTING = LinkState.UNMATCHED, LinkState.CONFLICTING

CASES = (
    # Numbers
    case("NHS number, verified; all agrees", LINKED),
    case("trust's own number, whose record stands for a verified NHS number", LINKED, identifiers=(LOCAL,)),
    case("both, of one person", LINKED, identifiers=(NUMBER, LOCAL)),
    case("NHS number, and a trust's number that nobody told us of", LINKED, "an unknown number says nothing",
         identifiers=(NUMBER, Identifier("J77", "RBL"))),
    case("two numbers of one trust, one of which nobody told us of", AMBIGUOUS,
         identifiers=(LOCAL, Identifier("J77", "RBL"))),
    case("superseded NHS number", LINKED, "to its successor", identifiers=(Identifier.nhs("9990000034"),),
         known=_with(JANE, superseded=("9990000034",))),
    case("the same local number of another trust", UNMATCHED, "a number is its issuer's",
         identifiers=(Identifier("J1", "REM"),)),
    case("number known, its NHS number not verified", AMBIGUOUS, "a claim is not verification",
         identifiers=(Identifier("J9", "RBL"),), known=held(unverified())),
    case("the same, and the record's details are another's", CONFLICTING, "a reused number",
         identifiers=(Identifier("J9", "RBL"),), birth_date="19551201", known=held(unverified())),
    case("NHS number that the directory holds with another status than 01", AMBIGUOUS,
         known=_with(JANE, status=NumberStatus.TO_BE_RESOLVED)),
    case("NHS number with a wrong check digit, nothing else", UNMATCHED, "it is no number",
         identifiers=(Identifier.nhs("9990000019"),)),
    case("NHS number with a wrong check digit, and somebody is like it", AMBIGUOUS, "likeness proposes",
         identifiers=(Identifier.nhs("9990000019"),), alike=(_JANE,)),
    case("NHS number with a wrong check digit, and a trust's number that fits", CONFLICTING,
         "the study says a number that is not theirs", identifiers=(Identifier.nhs("9990000019"), LOCAL)),
    case("NHS number of one person, trust's number of another", CONFLICTING,
         identifiers=(NUMBER, Identifier("J2", "RBL")), known=held(_JANE, _OTHER)),
    case("trust's number that was given to somebody new", CONFLICTING, "birth date and name disagree",
         identifiers=(LOCAL,), name="BROWN^PETER", birth_date="19640917", sex="M"),
    case("NHS number, and a trust's number of an unverified record with other details", CONFLICTING,
         identifiers=(NUMBER, Identifier("J9", "RBL")),
         known=held(_JANE, unverified(replace(JANE, birth_date="19551201")))),
    case("no number, somebody is like it", AMBIGUOUS, "likeness never links", identifiers=(), alike=(_JANE,)),
    case("no number, nobody is like it", UNMATCHED, identifiers=()),
    case("several people are like it", AMBIGUOUS, identifiers=(), alike=(_JANE, _OTHER)),
    # Birth dates
    case("no birth date in the study", AMBIGUOUS, birth_date=""),
    case("no birth date in the directory", AMBIGUOUS, known=_with(replace(JANE, birth_date=""))),
    case("the directory knows the year only", AMBIGUOUS, known=_with(replace(JANE, birth_date="1980"))),
    case("19000101 in both, as systems write for none", AMBIGUOUS, birth_date="19000101",
         known=_with(replace(JANE, birth_date="19000101"))),
    case("another birth date", CONFLICTING, birth_date="19800306"),
    case("day and month swapped", CONFLICTING, "the evidence says so", birth_date="19800503"),
    case("a date that no calendar has, in both", CONFLICTING, birth_date="19800230",
         known=_with(replace(JANE, birth_date="19800230"))),
    # Given names
    case("a short form: Liz for Elizabeth", LINKED, "the table of given names has it", name="SMITH^LIZ",
         known=_with(replace(JANE, names=(PersonName("Smith", ("Elizabeth",)),)))),
    case("an initial", LINKED, "it does not disagree, and the sex agrees", name="SMITH^J"),
    case("an initial, and no sex", AMBIGUOUS, "neither agrees", name="SMITH^J", sex=""),
    case("another initial", CONFLICTING, name="SMITH^P"),
    case("the middle name in use", LINKED, name="SMITH^MARGARET"),
    case("accents and case", LINKED, name="SMÏTH^jané"),
    case("family name and given name without a separator", LINKED, name="SMITH JANE"),
    case("a given name that only a letter tells apart", CONFLICTING, "Jean is not Jane", name="SMITH^JANEL^",
         known=_with(replace(JANE, names=(PersonName("Smith", ("Janet",)),)))),
    case("another given name", CONFLICTING, "even with the right number", name="SMITH^PAULINE"),
    case("a given name of before, that the directory knows", LINKED, name="SMITH^JOHN",
         known=_with(replace(JANE, names=(*JANE.names, PersonName("Smith", ("John",), use="old"))))),
    case("given and family name swapped", CONFLICTING, name="JANE^SMITH"),
    case("no name at all", AMBIGUOUS, name=""),
    case("the family name only; the sex agrees", LINKED, name="SMITH"),
    case("a given name that fits, without a family name", LINKED, name="^JANE"),
    case("names in two scripts: the one that both have is compared", LINKED, name="SMITH^JANE=山田^花子"),
    case("a name in another script only", AMBIGUOUS, "nothing of it can be compared", name="山田^花子"),
    case("another name in the script that both have", CONFLICTING, name="YAMADA^TARO=山田^太郎",
         known=_with(replace(JANE, names=(PersonName("山田", ("花子",)),)))),
    # Family names
    case("changed family name", LINKED, "alone it is no disagreement", name="BROWN^JANE"),
    case("changed family name, and only an initial", AMBIGUOUS, "not alone any more", name="BROWN^J"),
    case("a part of a double-barrelled name", LINKED,
         known=_with(replace(JANE, names=(PersonName("Smith-Jones", ("Jane",)),)))),
    # Sex
    case("another sex", CONFLICTING, "even with the right number", sex="M"),
    case("sex unknown, or O", LINKED, "devices send O where nobody chose; the given name agrees", sex="O"),
    # Newborns and multiple births
    case("newborn, the full given name", LINKED, study=OF_BABY, known=_with(BABY)),
    case("newborn, BABY for a name", AMBIGUOUS, study=OF_BABY, name="SMITH^BABY", known=_with(BABY)),
    case("newborn, an initial", AMBIGUOUS, study=OF_BABY, name="SMITH^O", known=_with(BABY)),
    case("newborn, the directory has no name yet", AMBIGUOUS, study=OF_BABY,
         known=_with(replace(BABY, names=(PersonName("Smith", ("Baby",)),)))),
    case("BABY for a name, at any age", AMBIGUOUS, name="SMITH^BABY"),
    case("TWIN 2 behind the family name, at any age", AMBIGUOUS, "nothing separates the two",
         name="SMITH TWIN 2", known=_with(replace(BABY, birth_date="19800305", sex=Sex.FEMALE))),
    case("the directory has no given name yet, at any age", AMBIGUOUS,
         known=_with(replace(JANE, names=(PersonName("Smith", ("Baby",)),)))),
    case("of a multiple birth, the full given name", LINKED, known=_with(TWIN)),
    case("of a multiple birth, an initial", AMBIGUOUS, name="SMITH^J", known=_with(TWIN)),
    case("a twin's number", CONFLICTING, name="SMITH^JUDITH", known=_with(TWIN)),
    case("TWIN 2 with the number of the first", CONFLICTING, name="SMITH^TWIN 2", known=_with(TWIN)),
    case("an initial, and somebody of that birth date and family name whom it fits too", AMBIGUOUS,
         "nobody said that they were twins", name="SMITH^J", alike=(_JANE, replace(_OTHER))),
    case("a twin's middle name is the given name", AMBIGUOUS, "it fits both", alike=(_JANE, person(
        replace(JANE, names=(PersonName("Smith", ("Emma", "Jane")),)), "9990000026", local=()))),
    case("changed family name, and somebody else of that name and birth date", AMBIGUOUS,
         "the number may be the wrong one", name="BROWN^JANE", alike=(_JANE, person(
             replace(JANE, names=(PersonName("Brown", ("Jane",)),)), "9990000026", local=()))),
    case("all agrees, and a namesake was born on the same day", LINKED, "the number decides",
         alike=(_JANE, person(JANE, "9990000026", local=()))),
    # Lifetimes
    case("a study dated after death", AMBIGUOUS, "made after death, or somebody else's",
         known=_with(replace(JANE, died="20260201", is_dead=True))),
    case("a study dated before death", LINKED, known=_with(replace(JANE, died="20260401", is_dead=True))),
    case("a study dated before birth", AMBIGUOUS, study_date="19790101"),
    # Several identities
    case("two ways of naming the patient, each leading to the same person", LINKED,
         also=(replace(STUDY, name="SMITH^JANE^MARGARET"),)),
    case("two ways of naming the patient, of two people", CONFLICTING,
         also=(replace(STUDY, identifiers=(Identifier.nhs("9990000026"),), name="SMITH^JUDITH"),),
         known=held(_JANE, _OTHER)),
    case("two ways of naming the patient, one of them nobody", CONFLICTING,
         also=(replace(STUDY, identifiers=(), name="", birth_date="", sex=""),)),
)  # fmt: skip


def table() -> str:
    """As docs/linking.md shows it."""
    lines = ["| the study says | decided | why |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {each.what} | {each.state.value} | {each.why} |" for each in CASES)])


if __name__ == "__main__":
    for each in CASES:
        found = decide(each.identities, each.known, each.alike)
        if found.state is not each.state:
            print(each.what, found)
