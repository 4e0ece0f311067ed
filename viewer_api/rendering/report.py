"""A structured report, or a selection of key objects, as text to be read (PS3.3 §C.17.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.dates import day
from viewer_api.rendering.marks import patient_lines

_DEPTH_LIMIT = 32
_LINES_LIMIT = 20_000

_STYLE = (
    "body{font:16px/1.5 Arial,Helvetica,sans-serif;max-width:44em;margin:2em auto;padding:0 1em}"
    "section{margin-left:1em;border-left:2px solid #d8dde0;padding-left:1em}"
    "h1{font-size:1.6em}h2,h3,h4,h5,h6{font-size:1.1em;margin:1em 0 .3em}"
    "p{margin:.3em 0;white-space:pre-line}"
    "header p{margin:0}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One content item: what it is about, and what it says; a container says nothing itself."""

    depth: int
    concept: str
    value: str
    is_heading: bool


def lines(found: Dataset) -> Iterator[Line]:
    """The content tree, as it is read from top to bottom. Raises Unreadable beyond all sense."""
    count = 0
    waiting: list[tuple[int, Dataset]] = [(0, item) for item in reversed(found.get("ContentSequence") or [])]
    while waiting:
        depth, item = waiting.pop()
        count += 1
        if count > _LINES_LIMIT or depth > _DEPTH_LIMIT:
            raise Unreadable(f"a report of more than {_LINES_LIMIT:,} lines, or {_DEPTH_LIMIT} levels")
        kind = str(item.get("ValueType") or "")
        if not kind and "ReferencedContentItemIdentifier" in item:
            continue  # by reference: it stands elsewhere
        yield Line(depth, _coded(item, "ConceptNameCodeSequence"), _value(item, kind), kind == "CONTAINER")
        waiting += [(depth + 1, each) for each in reversed(item.get("ContentSequence") or [])]


def title_of(found: Dataset) -> str:
    """What the document calls itself."""
    return _coded(found, "ConceptNameCodeSequence") or str(found.get("SeriesDescription") or "") or "Report"


def head_of(found: Dataset) -> list[str]:
    """Whose it is, from when, and how far it has been verified."""
    at = _moment(f"{found.get('ContentDate') or ''}{found.get('ContentTime') or ''}")
    state = ", ".join(
        str(found.get(keyword)).capitalize()
        for keyword in ("CompletionFlag", "VerificationFlag")
        if found.get(keyword)
    )
    observers = [
        str(each.get("VerifyingObserverName") or "") for each in found.get("VerifyingObserverSequence") or []
    ]
    by = f"Verified by {', '.join(filter(None, observers))}" if any(observers) else ""
    place = str(found.get("InstitutionName") or "")
    study = str(found.get("StudyDescription") or "")
    return [line for line in (*patient_lines(found), study, place, at, state, by) if line]


def as_html(found: Dataset) -> str:
    """A page of its own, without script and without anything from elsewhere."""
    title = escape(title_of(found))
    return "".join((
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n<header>",
        *(f"<p>{escape(line)}</p>" for line in head_of(found)),
        "</header>\n<main>",
        *_html_lines(found),
        "</main></body></html>\n",
    ))  # fmt: skip


def _html_lines(found: Dataset) -> Iterator[str]:
    depth = 0
    for line in lines(found):
        while depth < line.depth:
            yield "<section>"
            depth += 1
        while depth > line.depth:
            yield "</section>\n"
            depth -= 1
        concept, value = escape(line.concept), escape(line.value)
        if line.is_heading:
            level = min(6, 2 + line.depth)
            yield f"<h{level}>{concept or 'Section'}</h{level}>\n"
        else:
            yield f"<p><strong>{concept}:</strong> {value}</p>\n" if concept else f"<p>{value}</p>\n"
    yield "</section>\n" * depth


def as_plain(found: Dataset) -> str:
    """The same without markup."""
    head = [title_of(found), "", *head_of(found), ""]
    body = (
        "  " * line.depth
        + (
            line.concept or "Section"
            if line.is_heading
            else ": ".join(filter(None, (line.concept, line.value)))
        )
        for line in lines(found)
    )
    return "\n".join((*head, *body, ""))


def _value(item: Dataset, kind: str) -> str:
    match kind:
        case "TEXT":
            return str(item.get("TextValue") or "")
        case "CODE":
            return _coded(item, "ConceptCodeSequence")
        case "NUM":
            return _number(item)
        case "DATE":
            return _moment(str(item.get("Date") or ""))
        case "TIME":
            return _clock(str(item.get("Time") or ""))
        case "DATETIME":
            return _moment(str(item.get("DateTime") or ""))
        case "PNAME":
            return str(item.get("PersonName") or "").replace("^", " ").strip()
        case "UIDREF":
            return str(item.get("UID") or "")
        case "IMAGE" | "WAVEFORM" | "COMPOSITE":
            return _reference(item, kind)
        case "SCOORD" | "SCOORD3D" | "TCOORD":
            shape = str(item.get("GraphicType") or item.get("TemporalRangeType") or "")
            return f"{shape.capitalize() or 'Place'} in a picture"
    return ""


def _number(item: Dataset) -> str:
    measured = (item.get("MeasuredValueSequence") or [Dataset()])[0]
    value = str(measured.get("NumericValue") or "")
    unit = _coded(measured, "MeasurementUnitsCodeSequence", "CodeValue")
    if not value:
        return _coded(item, "NumericValueQualifierCodeSequence") or "no value"
    return value if unit in ("", "1", "{1}") else f"{value} {unit}"


def _reference(item: Dataset, kind: str) -> str:
    referenced = (item.get("ReferencedSOPSequence") or [Dataset()])[0]
    frames = referenced.get("ReferencedFrameNumber")
    which = f", frame {frames}" if frames else ""
    return f"{kind.capitalize()} {referenced.get('ReferencedSOPInstanceUID') or ''}{which}".strip()


def _coded(item: Dataset, keyword: str, preferred: str = "CodeMeaning") -> str:
    code = (item.get(keyword) or [Dataset()])[0]
    names = (preferred, "CodeMeaning", "CodeValue", "LongCodeValue", "URNCodeValue")
    return next((str(code.get(name)).strip() for name in names if code.get(name)), "")


def _moment(text: str) -> str:
    """A date, with the time where there is one; what is no date, as it is."""
    shown = day(text[:8])
    return text if shown == text[:8] else " ".join(filter(None, (shown, _clock(text[8:]))))


def _clock(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if text[:4].isdigit() and len(text) >= 4 else text
