"""To which study a report belongs: one pure decision. In doubt it asks a person.

By the Study Instance UID that it names, or by an accession number with its issuer; and only where whom it
names is whom the study names, as that stands now, by an identifier with its issuer or by the directory.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from exchange.people.person import NHS, Identifier


@dataclass(frozen=True, slots=True)
class Directory:
    """What the directory says of the identifiers on both sides."""

    stands_for: Mapping[Identifier, int] = field(default_factory=dict)  # which person each means now
    verified: frozenset[int] = frozenset()  # of those, the people with a verified NHS number


@dataclass(frozen=True, slots=True)
class Named:
    """What a report says of where it belongs."""

    study_uid: str
    accessions: tuple[str, ...]
    accession_issuer: str
    patients: frozenset[Identifier]
    birth_date: str  # YYYYMMDD or ""
    is_within: bool = False  # it is a document of the study whose UID it names


@dataclass(frozen=True, slots=True)
class Whose:
    """One way in which a study names its patient, as it stands now."""

    identifiers: frozenset[Identifier]
    birth_date: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A study of which something shows."""

    uid: str
    accession: str
    accession_issuer: str
    whose: tuple[Whose, ...]
    person: int | None = None  # to whom it is linked, in the directory


@dataclass(frozen=True, slots=True)
class Matched:
    """It belongs to this study."""

    study_uid: str
    because: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """It may belong to one of these; a person decides."""

    study_uids: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """No study that it names is here (yet)."""

    because: str


Verdict = Matched | Doubt | Unmatched


def where(named: Named, studies: Sequence[Candidate], directory: Directory) -> Verdict:
    """To which of these studies it belongs, and why."""
    meant = [each for each in studies if named.study_uid and each.uid == named.study_uid]
    how = "Study Instance UID"
    if not meant:
        meant = [each for each in studies if _is_numbered(named, each)]
        how = "accession number and issuer"
    if not meant:
        return Unmatched("no study that it names by UID or accession number is here")
    agree = [each for each in meant if not against(named, each, directory)]
    if len(agree) == 1:
        return Matched(agree[0].uid, f"{how} and patient agree")
    uids = tuple(sorted(each.uid for each in agree or meant))
    if agree:
        return Doubt(uids, f"several studies of the patient bear its {how}")
    return Doubt(uids, f"by {how}, but {against(named, meant[0], directory)}")


def is_meant(named: Named, study: Candidate) -> bool:
    """Whether it names that study in some way."""
    return named.study_uid == study.uid or _is_numbered(named, study)


def _is_numbered(named: Named, study: Candidate) -> bool:
    return (
        bool(study.accession)
        and study.accession in named.accessions
        and study.accession_issuer == named.accession_issuer
    )


def against(named: Named, study: Candidate, directory: Directory) -> str:
    """What speaks against it; "" where nothing does."""
    if named.is_within and len(study.whose) == 1:
        return ""
    if not named.patients:
        return "the report names no patient, or several"
    if not study.whose:
        return "the study names no patient"
    people = _people(named.patients, directory)
    # A number that nobody has traced says nothing against whom a person linked the study to.
    sure = people & directory.verified
    if sure and study.person is not None and study.person not in people:
        return "the study is linked to somebody else"
    for each in study.whose:
        theirs = _people(each.identifiers, directory) | ({study.person} - {None})
        if not (named.patients & each.identifiers or people & theirs):
            return "the patient is another"
        if _are_other_numbers(named.patients, each.identifiers, directory):
            return "the NHS number is another"
        if named.birth_date and each.birth_date and named.birth_date != each.birth_date:
            return "the birth date is another"
    return ""


def _people(identifiers: Collection[Identifier], directory: Directory) -> set[int]:
    return {directory.stands_for[each] for each in identifiers if each in directory.stands_for}


def _are_other_numbers(
    one: Collection[Identifier], other: Collection[Identifier], directory: Directory
) -> bool:
    """Whether both bear NHS numbers and share none, a superseded one counted as what it became."""
    ours = {directory.stands_for.get(each, each) for each in one if each.issuer == NHS}
    theirs = {directory.stands_for.get(each, each) for each in other if each.issuer == NHS}
    return bool(ours and theirs and not ours & theirs)
