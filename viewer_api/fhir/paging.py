"""Pages of a search: the next is led to by a key and a place, never by what was asked for.

A search is kept under its key for its maker alone (exchange.searches), so that no address of ours names a
patient.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from exchange.policy import Actor
from exchange.record.finding import Place
from exchange.searches import KeptSearches
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.parameters import Asked, read
from viewer_api.fhir.resource import Resource
from viewer_api.problems import BadParameters

_PLACE = re.compile(r"([0-9]{0,8})\.([0-9]{1,18})\.([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after a study, and after so many of the next one's own resources."""

    after: Place | None = None
    skipped: int = 0

    def text(self) -> str:
        """For a link: the letters of base64url alone."""
        place = self.after or Place("", 0)
        said = f"{place.date}.{place.id}.{self.skipped}"
        return urlsafe_b64encode(said.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Continued:
    """A search, and from where its answer goes on."""

    asked: Asked
    cursor: Cursor
    key: str = ""  # under which it is kept; "" while its first page is answered


async def continued(kept: KeptSearches, actor: Actor, resource: Resource, asked: Asked) -> Continued:
    """The search that a next link leads to; else the one that was asked. Raises BadParameters, Refused."""
    if not asked.cursor:
        return Continued(asked, Cursor())
    key, _, text = asked.cursor.partition(".")
    found = await kept.read(actor, key)
    if found is None or found.get("type") != resource.type:
        raise Refused(HTTPStatus.GONE, "expired", "the search has ended: ask again")
    return Continued(read(resource, parse_qsl(found["query"], keep_blank_values=True)), _cursor(text), key)


async def kept_cursor(
    kept: KeptSearches, actor: Actor, resource: Resource, search: Continued, following: Cursor | None
) -> str:
    """For the next link; "" after the last page."""
    if following is None:
        return ""
    key = search.key or await kept.keep(actor, {"type": resource.type, "query": search.asked.query()})
    return f"{key}.{following.text()}"


def _cursor(text: str) -> Cursor:
    try:
        found = _PLACE.fullmatch(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii"))
    except (Base64Error, ValueError):
        found = None
    if found is None:
        raise BadParameters({"_cursor": "no link of ours"})
    date, number, skipped = found[1], int(found[2]), int(found[3])
    return Cursor(Place(date, number) if number else None, skipped)
