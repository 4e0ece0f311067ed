"""What an answer of the PDS says of a record: pure. In doubt it says nothing, and a person resolves it.

The PDS speaks for NHS numbers, never for a trust's, and what a trust says of its own record stays as it is.
Where the PDS bears out whose a trust's record is, that is a record of its own, of the issuer TRACES: it holds
the NHS number as verified, and is linked with the trust's number, as an A24 would. So it is taken back as
one, and where the trust verifies another number itself, the two contradict each other and unite nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from exchange.linking.names import Family, Given, compare_names
from exchange.people.numbers import is_nhs_number
from exchange.people.pds.client import Held, NoMatch, Unknown
from exchange.people.person import TRACES, Demographics, Identifier, NumberStatus, Record, Sex
from exchange.people.statements import Linked, Merged, Statement, Unlinked


class Outcome(Enum):
    """What became of asking."""

    VERIFIED = "verified"  # the PDS holds the number, and the details agree
    SUPERSEDED = "superseded"  # it is another number now
    DIFFERS = "differs"  # the number is somebody's with other details
    NOBODY = "nobody"
    SEVERAL = "several"  # that could be meant
    INVALIDATED = "invalidated"
    TOO_LITTLE = "too little to ask by"
    REFUSED = "refused"  # by the PDS, as we asked
    UNREADABLE = "unreadable"  # nobody can read what it answered of this one


#: A number is somebody's, and the directory knows whose.
BORNE_OUT = frozenset({Outcome.VERIFIED, Outcome.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A number that is to be traced, and what the directory holds of it."""

    identifier: Identifier
    claims: str = ""  # the NHS number that its source holds for it
    status: NumberStatus = NumberStatus.NOT_PRESENT  # of that, or of the number itself where it is the NHS's
    demographics: Demographics = field(default_factory=Demographics)
    linked_to: str = ""  # the NHS number that an earlier trace found for it
    is_known: bool = True  # False: no source has told the directory of it, only a study names it


@dataclass(frozen=True, slots=True)
class Traced:
    """What became of it, and what the directory is told."""

    outcome: Outcome
    statements: Sequence[Statement] = ()
    linked_to: str = ""  # the NHS number that a trust's is linked to by this

    @property
    def number(self) -> Identifier:
        """The NHS number that stands, of one that was superseded."""
        return next(each.into for each in self.statements if isinstance(each, Merged))


def trace_of_nhs_number(wanted: Wanted, answer: Held | Unknown) -> Traced:
    """What the PDS says of one of its own numbers."""
    number = wanted.identifier
    if isinstance(answer, Unknown):
        # Whoever held it as verified is wrong: it links nobody until somebody resolves that.
        status = NumberStatus.TO_BE_RESOLVED if answer.is_invalidated else NumberStatus.NO_MATCH
        outcome = Outcome.INVALIDATED if answer.is_invalidated else Outcome.NOBODY
        record = Record(number, wanted.demographics, number.value, status, None)
        return Traced(outcome, [record] if wanted.is_known else [])
    now = _record(answer)
    if now.identifier == number:
        return Traced(Outcome.VERIFIED, [now])
    if contradict(wanted.demographics, now.demographics):
        return Traced(Outcome.DIFFERS)  # it may be somebody else's: somebody looks before two become one
    return Traced(Outcome.SUPERSEDED, [now, Merged(number, now.identifier)])


def trace_of_local_number(wanted: Wanted, answer: Held | Unknown | NoMatch) -> Traced:
    """Whether a trust's record is of whom the PDS answers with."""
    if isinstance(answer, Held) and agree(wanted.demographics, answer.patient.demographics):
        now = _record(answer)
        statements: list[Statement] = [now]
        if is_nhs_number(wanted.claims) and wanted.claims != now.identifier.value:
            statements.append(Merged(Identifier.nhs(wanted.claims), now.identifier))
        if wanted.linked_to not in ("", now.identifier.value):
            statements += _apart(wanted)
        statements += [_borne_out(now.identifier.value), Linked(wanted.identifier, trace_of(now.identifier))]
        return Traced(Outcome.VERIFIED, statements, now.identifier.value)
    return Traced(_refused(answer), _apart(wanted))


def let_go(wanted: Wanted) -> Traced:
    """Its own source verified its number since: what a trace found earlier does not stand beside that."""
    differs = wanted.linked_to not in ("", wanted.claims)
    return Traced(Outcome.VERIFIED, _apart(wanted) if differs else (), "" if differs else wanted.linked_to)


def agree(said: Demographics, known: Demographics) -> bool:
    """Whether two sources describe one person: the whole birth date, the given and the family name, the sex.

    A family name of before will do, an initial will not: a twin has the same.
    """
    if len(said.birth_date) != 8 or said.birth_date != known.birth_date:
        return False
    if {said.sex, known.sex} == {Sex.FEMALE, Sex.MALE}:
        return False
    names = compare_names(said.name.dicom, known.names)
    return names.given >= Given.A_FORM and names.family >= Family.PART


def contradict(said: Demographics, known: Demographics) -> bool:
    """Whether two sources cannot mean one person: another birth date, the other sex, or neither name fits."""
    if said.birth_date and known.birth_date and said.birth_date != known.birth_date:
        return True
    if {said.sex, known.sex} == {Sex.FEMALE, Sex.MALE}:
        return True
    names = compare_names(said.name.dicom, known.names)
    return names.given is Given.OTHER and names.family is Family.OTHER


def _record(held: Held) -> Record:
    patient = held.patient
    number = Identifier.nhs(patient.id)
    return Record(number, patient.demographics, number.value, NumberStatus.VERIFIED, patient.sensitivity)


def trace_of(number: Identifier) -> Identifier:
    """Of an NHS number that was borne out."""
    return Identifier(number.value, TRACES)


def _borne_out(nhs_number: str) -> Record:
    return Record(Identifier(nhs_number, TRACES), Demographics(), nhs_number, NumberStatus.VERIFIED, None)


def _apart(wanted: Wanted) -> Sequence[Statement]:
    if not wanted.linked_to:
        return ()
    return (Unlinked(wanted.identifier, trace_of(Identifier.nhs(wanted.linked_to))),)


def _refused(answer: Held | Unknown | NoMatch) -> Outcome:
    match answer:
        case Held():
            return Outcome.DIFFERS
        case Unknown(is_invalidated=True):
            return Outcome.INVALIDATED
        case NoMatch(is_several=True):
            return Outcome.SEVERAL
        case _:
            return Outcome.NOBODY
