"""Which studies a search is of, and what of them makes its pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.body_sites import body_parts
from exchange.fhir.identifiers import DCM, SNOMED, STUDY_UID, issuer_in
from exchange.record.finding import (
    Condition,
    FoundStudy,
    any_of,
    find,
    subjects,
    with_accession,
    with_body_part,
    with_ids,
    with_modality,
    with_uids,
)
from exchange.record.sorting import By, find_sorted
from storage.uids import is_uid
from viewer_api.fhir.answers import Made
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.paging import Cursor
from viewer_api.fhir.parameters import Asked, Token, Value, tokens, unescaped

#: Of one page. What has more is a page of its own, however many it has.
INSTANCES_LIMIT = 5_000
#: Studies that are put in an order which is not their own.
SORTED_LIMIT = 5_000
#: Chunks of studies that are looked through for one page.
_ROUNDS = 20

#: What makes resources of studies: those of each, by UID.
Expand = Callable[[Connection[Any], Sequence[FoundStudy]], Mapping[str, Sequence[Made]]]


@dataclass(frozen=True, slots=True)
class Order:
    """How resources are sorted: see find_sorted."""

    units: str
    by: Sequence[By]


@dataclass(frozen=True, slots=True)
class Page:
    """What one page holds."""

    made: Sequence[Made]
    studies: Sequence[FoundStudy]  # of which it is made
    following: Cursor | None  # None for the last
    total: int | None = None  # of what its reader may see; None where that is not known


@dataclass(frozen=True, slots=True)
class Names:
    """Which parameters of a resource ask what of a study."""

    person: tuple[str, ...] = ("patient", "subject")
    numbers: tuple[str, ...] = ()  # a Study Instance UID or an accession number
    study_uids: tuple[str, ...] = ()
    accessions: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()  # references to ImagingStudy
    modality: tuple[str, ...] = ("modality",)
    body_site: tuple[str, ...] = ("bodysite",)


def conditions_of(asked: Asked, names: Names, own_issuer: str) -> list[Condition]:
    """What must hold of a study, whoever it is of. Raises BadParameters.

    A bare accession number is the asker's own; of an asker without a namespace, anybody's.
    """
    found = []
    for value in asked.of(*names.numbers):
        found.append(any_of([each for token in tokens(value) for each in _numbered(token, own_issuer)]))
    for value in asked.of(*names.study_uids):
        found.append(with_uids([uid for token in tokens(value) if (uid := _uid(token.value))]))
    for value in asked.of(*names.accessions):
        found.append(any_of([_accession(token, own_issuer) for token in tokens(value)]))
    for value in asked.of(*names.studies):
        found.append(with_ids(ids_in(value)))
    for value in asked.of(*names.modality):
        codes = [each.value.upper() for each in tokens(value) if each.system in (None, DCM)]
        found.append(with_modality(codes))
    for value in asked.of(*names.body_site):
        of_system = [each for each in tokens(value) if each.system in (None, SNOMED)]
        found.append(with_body_part([part for each in of_system for part in body_parts(each.value)]))
    return found


def check_narrow(conditions: Sequence[Condition], how: str) -> None:
    """Raises Refused where a search would look through every study."""
    if not any(each.is_narrow for each in conditions):
        raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", f"say whose or which: {how}")


def ids_in(value: Value) -> list[UUID]:
    """Those of a list of ids or references that could be ours."""
    found = []
    for text in value.texts:
        try:
            found.append(UUID(unescaped(text).rpartition("/")[2]))
        except ValueError:
            continue
    return found


def page_of(
    connection: Connection[Any],
    conditions: Sequence[Condition],
    limit: int,
    cursor: Cursor,
    expand: Expand,
) -> Page:
    """As many resources as a page has, of as few studies as they need."""
    made: list[Made] = []
    used: list[FoundStudy] = []
    after, skipped = cursor.plainly_after(), cursor.skipped
    for _ in range(_ROUNDS):
        found = find(connection, conditions, limit + 1, after)
        chunk = _bounded(found[:limit])
        resources = expand(connection, chunk)
        for study in chunk:
            own = resources.get(study.uid, ())[skipped:]
            room = limit - len(made)
            made += own[:room]
            used += [study] if own[:room] else []
            if len(own) > room:
                return Page(made, used, Cursor(after, skipped + room))
            after, skipped = study.place, 0
        if len(chunk) == len(found):
            return Page(made, used, None)
        if len(made) == limit or len(chunk) < len(found[:limit]):
            break
    return Page(made, used, Cursor(after))


def sorted_page_of(
    connection: Connection[Any],
    conditions: Sequence[Condition],
    order: Order,
    limit: int,
    cursor: Cursor,
    expand: Expand,
) -> Page:
    """As many resources as a page has, in an order that was asked for."""
    made: list[Made] = []
    used: dict[str, FoundStudy] = {}
    after = cursor.sorted_after(len(order.by))
    for _ in range(_ROUNDS):
        found = find_sorted(connection, conditions, order.units, order.by, limit + 1, after)
        chunk = found[: len(_bounded([each.study for each in found[:limit]]))]
        resources = expand(connection, list({each.study.uid: each.study for each in chunk}.values()))
        for row in chunk:
            own = [
                each
                for each in resources.get(row.study.uid, ())
                if row.place.unit in ("", each.resource["id"])
            ]
            if len(made) + len(own) > limit:
                return Page(made, list(used.values()), Cursor(after))
            made += own
            used |= {row.study.uid: row.study} if own else {}
            after = row.place
        if len(chunk) == len(found):
            return Page(made, list(used.values()), None)
        if len(made) == limit or len(chunk) < len(found[:limit]):
            break
    return Page(made, list(used.values()), Cursor(after))


def check_few(connection: Connection[Any], conditions: Sequence[Condition]) -> None:
    """Raises Refused where too many would be put in order for each page."""
    if len(subjects(connection, conditions, SORTED_LIMIT + 1)) > SORTED_LIMIT:
        why = f"more than {SORTED_LIMIT:,} studies to sort: ask for a person, or for fewer days"
        raise Refused(HTTPStatus.BAD_REQUEST, "too-costly", why)


def _bounded(studies: Sequence[FoundStudy]) -> Sequence[FoundStudy]:
    """The first of them, with at most so many instances."""
    instances = 0
    for number, study in enumerate(studies):
        instances += study.instance_count
        if instances > INSTANCES_LIMIT and number:
            return studies[:number]
    return studies


def _numbered(token: Token, own_issuer: str) -> list[Condition]:
    uid = _uid(token.value)
    if token.system == STUDY_UID:
        return [with_uids([uid])] if uid else []
    if token.system is None and uid and "." in uid:
        return [with_uids([uid])]
    return [_accession(token, own_issuer)]


def _accession(token: Token, own_issuer: str) -> Condition:
    if token.system is None:
        return with_accession(token.value, own_issuer or None)
    issuer = issuer_in(token.system)
    return with_accession(token.value, issuer) if issuer else any_of([])


def _uid(text: str) -> str:
    bare = text.removeprefix("urn:oid:")
    return bare if is_uid(bare) else ""
