"""Answers to searches: a searchset, a page at a time (FHIR R4 §3.1.1.1, §3.1.0.13)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from exchange.fhir.identifiers import Json
from storage.errors import BadQuery

T = TypeVar("T")

#: Entries of a page, where nobody says how many; and at most.
USUAL_COUNT = 20
MOST_COUNT = 100

#: What says how an answer is put, not what is looked for.
CONTROLS = frozenset({"_count", "_offset", "_format", "_pretty", "_total", "_summary", "_elements"})


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of what is found. A count of 0 asks how many there are."""

    count: int = USUAL_COUNT
    start: int = 0

    def of(self, found: Sequence[T]) -> Sequence[T]:
        """That part."""
        return found[self.start : self.start + self.count]


def parse_page(pairs: Iterable[tuple[str, str]]) -> Page:
    """From `_count`, and `_offset`, which our own links have."""
    said = dict(pairs)
    count = 0 if said.get("_summary") == "count" else _number(said, "_count", USUAL_COUNT)
    return Page(min(count, MOST_COUNT), _number(said, "_offset", 0))


def _number(said: dict[str, str], name: str, usual: int) -> int:
    text = said.get(name, "")
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadQuery(f"{name}: not a number")
    return int(text)


def searchset(
    url: str, understood: Sequence[tuple[str, str]], page: Page, total: int, entries: Sequence[Json]
) -> Json:
    """A Bundle. `understood` are the parameters that counted: its self link says so."""
    found: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": list(_links(url, understood, page, total)),
    }
    if entries:
        found["entry"] = list(entries)
    return found


def entry(base: str, resource: Json, mode: str = "match", **search: object) -> Json:
    """One of a searchset."""
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode, **search}}


def _links(url: str, understood: Sequence[tuple[str, str]], page: Page, total: int) -> Iterable[Json]:
    def link(relation: str, start: int) -> Json:
        own = [("_count", str(page.count)), *([("_offset", str(start))] if start else [])]
        return {"relation": relation, "url": f"{url}?{urlencode([*understood, *own])}"}

    yield link("self", page.start)
    if not page.count:
        return
    if page.start:
        yield link("previous", max(0, page.start - page.count))
    if page.start + page.count < total:
        yield link("next", page.start + page.count)
