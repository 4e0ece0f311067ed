"""Whom a search is about: people by id, or by a number and its system."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from exchange.fhir.identifiers import Assigners, issuer_in
from exchange.people.directory import people, person_with_uid, standings
from exchange.people.person import Identifier, Person
from viewer_api.fhir.disclosing import may_see
from viewer_api.fhir.parameters import Token, Value, tokens, unescaped
from viewer_api.problems import BadParameters
from viewer_api.readers import Reader


def people_asked(
    connection: Connection[Any], values: Sequence[Value], reader: Reader, assigners: Assigners
) -> Mapping[int, Person] | None:
    """Those whom all values mean and the reader may see, by directory number; None where none are asked for.

    Raises BadParameters for a number without its system: two trusts' "123456" are two people.
    """
    meant: frozenset[int] | None = None
    for value in values:
        is_numbered = value.chain == "identifier"
        these = _numbered(connection, value, assigners) if is_numbered else _referred(connection, value)
        meant = these if meant is None else meant & these
    if meant is None:
        return None
    found = people(connection, meant)
    return {id: each for id, each in found.items() if may_see(reader, None, each.uid)}


def _numbered(connection: Connection[Any], value: Value, assigners: Assigners) -> frozenset[int]:
    wanted = [_identifier(value, token, assigners) for token in tokens(value)]
    known = standings(connection, [each for each in wanted if each])
    return frozenset(each.person_id for each in known.values())


def _identifier(value: Value, token: Token, assigners: Assigners) -> Identifier | None:
    """None where the system is nobody's we know."""
    if not token.system or not token.value:
        raise BadParameters({value.name: "a number with its system: system|value"})
    issuer = issuer_in(token.system, assigners)
    if issuer is None:
        return None
    identifier = Identifier(token.value, issuer)
    return Identifier.nhs(token.value.replace(" ", "")) if identifier.is_nhs else identifier


def _referred(connection: Connection[Any], value: Value) -> frozenset[int]:
    uids = [_uid(unescaped(text)) for text in value.texts]
    found = [person_with_uid(connection, uid) for uid in uids if uid]
    return frozenset(each.id for each in found if each)


def _uid(text: str) -> UUID | None:
    """Of `id`, `Patient/id` or an address that ends so."""
    try:
        return UUID(text.rpartition("/")[2])
    except ValueError:
        return None
