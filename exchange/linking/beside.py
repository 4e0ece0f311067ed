"""What a study says beside what somebody's record says, fact by fact: for the person who looks at both."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from exchange.linking.comparing import compare
from exchange.linking.identities import identities_of
from exchange.linking.link import Evidence, StudyIdentity, Verdict
from exchange.people.person import Person


def beside(connection: Connection[Any], study_uid: str, person: Person) -> tuple[Evidence, ...]:
    """Of a study that is kept, however it names its patient, and one person."""
    return facts(identities_of(connection, study_uid), person)


def facts(identities: Sequence[StudyIdentity], person: Person) -> tuple[Evidence, ...]:
    """Its numbers, and all that the rules compare."""
    return tuple(
        dict.fromkeys(
            each for one in identities for each in (*_numbers(one, person), *compare(one, person).evidence)
        )
    )


def _numbers(study: StudyIdentity, person: Person) -> Sequence[Evidence]:
    """Whether they are known by each number that the study says."""
    known = {person.identifier, *(each.identifier for each in person.others)}
    found = []
    for each in study.identifiers:
        theirs = ", ".join(sorted(one.value for one in known if one.issuer == each.issuer))
        fact = "NHS number" if each.is_nhs else f"number of {each.issuer}"
        if each in known:
            found.append(Evidence(fact, Verdict.AGREES, f"{each.value} is theirs"))
        elif theirs:
            words = f"the study says {each.value}, the directory {theirs}"
            found.append(Evidence(fact, Verdict.DISAGREES, words))
        else:
            found.append(Evidence(fact, Verdict.UNKNOWN, "the directory knows no number of theirs there"))
    return found
