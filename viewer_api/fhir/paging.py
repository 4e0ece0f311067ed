"""Pages of a search: the next is led to by a key and a place, never by what was asked for.

A search is kept under its key for its maker alone (exchange.searches), so that no address of ours names a
patient.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from exchange.policy import Actor
from exchange.record.finding import Place
from exchange.record.sorting import SortedPlace
from exchange.searches import KeptSearches
from viewer_api.fhir.outcomes import Refused
from viewer_api.fhir.parameters import Asked, read
from viewer_api.fhir.resource import Resource
from viewer_api.problems import BadParameters

#: After a study of the usual order; after a row of one that was asked for.
_PLACE = re.compile(r"([0-9]{0,8})\.([0-9]{1,18})\.([0-9]{1,6})", re.ASCII)
_SORTED = re.compile(r"by((?:_[0-9]{0,32})*)\.([0-9]{1,18})\.([0-9a-z-]{0,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after a study, and after so many of the next one's own resources."""

    after: Place | SortedPlace | None = None
    skipped: int = 0

    def text(self) -> str:
        """For a link: the letters of base64url alone."""
        place = self.after or Place("", 0)
        if isinstance(place, SortedPlace):
            keys = "".join(f"_{each}" for each in place.keys)
            said = f"by{keys}.{place.id}.{place.unit}"
        else:
            said = f"{place.date}.{place.id}.{self.skipped}"
        return urlsafe_b64encode(said.encode()).decode().rstrip("=")

    def sorted_after(self, keys: int) -> SortedPlace | None:
        """The row after which a page of a sorted search begins. Raises BadParameters."""
        if self.after is None:
            return None
        if not isinstance(self.after, SortedPlace) or len(self.after.keys) != keys:
            raise _no_link()
        return self.after

    def plainly_after(self) -> Place | None:
        """The study after which a page of the usual order begins. Raises BadParameters."""
        if isinstance(self.after, SortedPlace):
            raise _no_link()
        return self.after


@dataclass(frozen=True, slots=True)
class Continued:
    """A search, and from where its answer goes on."""

    asked: Asked
    cursor: Cursor
    key: str = ""  # under which it is kept; "" while its first page is answered
    found: tuple[int, ...] = ()  # all that its first page found, in their order; of searches that keep that


async def continued(kept: KeptSearches, actor: Actor, resource: Resource, asked: Asked) -> Continued:
    """The search that a next link leads to; else the one that was asked. Raises BadParameters, Refused."""
    if not asked.cursor:
        return Continued(asked, Cursor())
    key, _, text = asked.cursor.partition(".")
    found = await kept.read(actor, key)
    if found is None or found.get("type") != resource.type:
        raise Refused(HTTPStatus.GONE, "expired", "the search has ended: ask again")
    ids = tuple(int(each) for each in found.get("found", "").split())
    asked = read(resource, parse_qsl(found["query"], keep_blank_values=True))
    return Continued(asked, cursor_of(text), key, ids)


async def kept_cursor(
    kept: KeptSearches,
    actor: Actor,
    resource: Resource,
    search: Continued,
    following: Cursor | None,
    found: Sequence[int] = (),
) -> str:
    """For the next link; "" after the last page. `found` is all that later pages show, in its order."""
    if following is None:
        return ""
    if search.key:
        return f"{search.key}.{following.text()}"
    criteria = {"type": resource.type, "query": search.asked.query(), "found": " ".join(map(str, found))}
    key = await kept.keep(actor, criteria)
    return f"{key}.{following.text()}"


def cursor_of(text: str) -> Cursor:
    """What a link holds behind its key. Raises BadParameters."""
    try:
        said = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (Base64Error, ValueError) as error:
        raise _no_link() from error
    if found := _PLACE.fullmatch(said):
        date, number, skipped = found[1], int(found[2]), int(found[3])
        return Cursor(Place(date, number) if number else None, skipped)
    if found := _SORTED.fullmatch(said):
        return Cursor(SortedPlace(tuple(found[1].split("_")[1:]), int(found[2]), found[3]))
    raise _no_link()


def _no_link() -> BadParameters:
    return BadParameters({"_cursor": "no link of ours"})
