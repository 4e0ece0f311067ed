"""The content tree of a structured report (PS3.3 §C.17.3) as text under headings. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exchange.fhir.moments import CLOCK
from exchange.fhir.values import spoken
from exchange.manifests.content import Members, code_of, items_of, text_of
from exchange.record.study import Coded
from exchange.reports.report import Section
from storage.errors import Unreadable

_DEPTH_LIMIT = 32
_ITEMS_LIMIT = 20_000

#: Conclusions, Impressions, Summary (PS3.16 CID 7001, CID 7002), and their LOINC codes.
_CONCLUDING = frozenset(
    {"121072", "121073", "121076", "121077", "121111", "19005-8", "55110-1", "22637-3", "22034-3"}
)
#: A value of these is the text under its heading, whatever it is called.
_PLAIN = frozenset({"121071", "121073", "121077", "121075", "121079", "121106"})
#: What says how, where or of what something was observed, and no more of it.
_BESIDE = frozenset(
    {"HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "SELECTED FROM", "INFERRED FROM"}
)
_MOMENT = re.compile(r"(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?([+-]\d{4})?", re.ASCII)
_SPACES = re.compile(r"[^\S\n]+")


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One of the tree."""

    members: Members
    depth: int
    is_beside: bool  # of something else: where it was seen, how, by whom

    @property
    def kind(self) -> str:
        """Value Type (0040,A040)."""
        return text_of(self.members, "0040A040")


def content_items(members: Members) -> Sequence[ContentItem]:
    """The content tree, as it is read from top to bottom. Raises Unreadable beyond all sense."""
    found: list[ContentItem] = []
    waiting = [ContentItem(each, 0, False) for each in reversed(items_of(members, "0040A730"))]
    while waiting:
        item = waiting.pop()
        if len(found) >= _ITEMS_LIMIT or item.depth > _DEPTH_LIMIT:
            raise Unreadable(f"a report of more than {_ITEMS_LIMIT:,} items, or {_DEPTH_LIMIT} levels")
        beside = item.is_beside or text_of(item.members, "0040A010") in _BESIDE
        found.append(ContentItem(item.members, item.depth, beside))
        inner = reversed(items_of(item.members, "0040A730"))
        waiting += [ContentItem(each, item.depth + 1, beside) for each in inner]
    return found


def read_text(tree: Sequence[ContentItem]) -> tuple[Sequence[Section], str]:
    """Its sections, and what concludes it."""
    sections: list[tuple[str, list[str], bool]] = []
    headings: list[tuple[str, bool]] = []
    for item in tree:
        if item.is_beside:
            continue
        concept = code_of(item.members, "0040A043") or Coded("", "", "")
        concludes = concept.value in _CONCLUDING
        del headings[item.depth :]
        if item.kind == "CONTAINER":
            headings += [("", False)] * (item.depth - len(headings)) + [(concept.meaning, concludes)]
            continue
        text = _value(item.members)
        if not text:
            continue
        heading = ": ".join(each for each, _ in headings if each)
        is_text = item.kind == "TEXT"
        if is_text and not heading:
            heading = concept.meaning
        elif concept.meaning and not (is_text and concept.value in _PLAIN) and concept.meaning != heading:
            text = f"{concept.meaning}: {text}"
        concludes = concludes or any(each for _, each in headings)
        if sections and sections[-1][0] == heading:
            sections[-1][1].append(text)
        else:
            sections.append((heading, [text], concludes))
    made = [(Section(heading, "\n".join(lines)), concludes) for heading, lines, concludes in sections]
    conclusion = "\n\n".join(each.text for each, concludes in made if concludes)
    return [each for each, _ in made], conclusion


def _value(members: Members) -> str:
    """Of an item that says something itself; references to pictures and regions do not."""
    match text_of(members, "0040A040"):
        case "TEXT":
            return _lines(text_of(members, "0040A160"))
        case "CODE":
            value = code_of(members, "0040A168")
            return (value.meaning or value.value) if value else ""
        case "NUM":
            for measured in items_of(members, "0040A300")[:1]:
                unit = code_of(measured, "004008EA")
                shown = unit.value if unit and unit.value not in ("1", "{1}") else ""
                return " ".join(filter(None, (text_of(measured, "0040A30A"), shown)))
            return ""
        case "DATE":
            return _day(text_of(members, "0040A121"))
        case "DATETIME":
            return _day(text_of(members, "0040A120"))
        case "TIME":
            time = text_of(members, "0040A122")
            return f"{time[:2]}:{time[2:4]}"
        case "PNAME":
            return spoken(text_of(members, "0040A123"))
    return ""


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    return "\n".join(_SPACES.sub(" ", line).rstrip() for line in text.split("\n")).strip("\n")


def _day(text: str) -> str:
    at = moment(text)
    return f"{at:%d %B %Y}" if at is not None else text


def moment(text: str) -> datetime | None:
    """A DT, or a DA with its TM: by the region's clock where it names no offset; None for what is none."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day, hour, minute, second, offset = found.groups()
    try:
        at = datetime.strptime(
            f"{day}{hour or '00'}{minute or '00'}{second or '00'}{offset or '+0000'}", "%Y%m%d%H%M%S%z"
        )
    except ValueError:
        return None
    return at if offset else at.replace(tzinfo=CLOCK)
