"""What a study says beside what somebody's record says, fact by fact: for the person who looks at both."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from exchange.linking.identities import identities_of
from exchange.linking.link import Evidence, StudyIdentity, Verdict
from exchange.people.person import Person
from storage.names import plain_words


def compared(connection: Connection[Any], study_uid: str, person: Person) -> tuple[Evidence, ...]:
    """The same of a study that is kept, however it names its patient."""
    return tuple(
        dict.fromkeys(each for one in identities_of(connection, study_uid) for each in facts(one, person))
    )


def facts(study: StudyIdentity, person: Person) -> Sequence[Evidence]:
    """Numbers, names, birth date, sex: each by itself."""
    known = {person.identifier, *(each.identifier for each in person.others)}
    issuers = {each.issuer for each in known}
    said = person.demographics
    family, given = _name(study.name)
    found = []
    for each in study.identifiers:
        verdict = Verdict.UNKNOWN if each.issuer not in issuers else Verdict.DISAGREES
        verdict = Verdict.AGREES if each in known else verdict
        theirs = ", ".join(sorted(one.value for one in known if one.issuer == each.issuer)) or "none"
        kind = "NHS number" if each.is_nhs else f"{each.issuer} number"
        found.append(Evidence(kind, verdict, f"the study says {each.value}; their record: {theirs}"))
    found.append(_fact("family name", family, [" ".join(plain_words(name.family)) for name in said.names]))
    found.append(
        _fact("given name", given, [" ".join(plain_words(" ".join(name.given[:1]))) for name in said.names])
    )
    found.append(_fact("birth date", study.birth_date, [said.birth_date]))
    found.append(_fact("sex", study.sex, [said.sex.value]))
    return found


def _fact(name: str, ours: str, theirs: Sequence[str]) -> Evidence:
    known = [each for each in theirs if each]
    if not ours or not known:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.AGREES if ours in known else Verdict.DISAGREES
    return Evidence(
        name, verdict, f"the study says {ours or 'nothing'}; their record: {', '.join(known) or 'nothing'}"
    )


def _name(dicom: str) -> tuple[str, str]:
    family, given, *_ = [*dicom.split("^"), "", ""]
    return " ".join(plain_words(family)), " ".join(plain_words(given.split(" ")[0]))
