"""What the observations of a result say: text under headings, values, documents. Pure."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exchange.hl7.errors import BadField, Condition
from exchange.hl7.message import Field, Segment
from exchange.hl7.result_status import SILENT, observed
from exchange.reports.report import Form, Section
from exchange.reports.sureness import GONE
from storage.uids import is_uid

#: Second sub-component of OBX-3 (HL7 v2.5.1 §7.4.2.3.1), as a heading.
_SUFFIXES: Mapping[str, str] = {
    "GDT": "Findings", "IMP": "Impression", "REC": "Recommendation", "ADT": "Addendum", "ANT": "Annotation",
    "CMT": "Comment", "TCM": "Technique", "CNP": "History",
}  # fmt: skip
#: Impression; Radiology impression; Pathology report final diagnosis (LOINC).
_CONCLUDING = frozenset({"19005-8", "55110-1", "22637-3"})
_CONCLUSION = re.compile(r"(final )?(impressions?|conclusions?|summary|opinion|diagnosis)\b", re.IGNORECASE)

_PROSE = frozenset({"TX", "FT", "ST", ""})
_MEASURED = frozenset({"NM", "SN"})
_CODED = frozenset({"CE", "CWE", "CNE", "IS", "ID"})
#: Values stand under one another, whatever they are of.
_VALUES = ("", "values")
_DOCUMENT_UID = frozenset(
    {"SR Instance UID", "SRINSTANCEUID"}
)  # the report itself, in the archive (IHE RAD-28)
_STUDY_UID = frozenset({"Study Instance UID", "110180", "113014"})  # IHE RAD TF-2 §4.28; DCM

#: What ED calls a kind of data (HL7 Tables 0191 and 0291), as a media type.
_MEDIA_TYPES: Mapping[str, str] = {
    "PDF": "application/pdf", "APPLICATION/PDF": "application/pdf", "RTF": "application/rtf",
    "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "TIFF": "image/tiff",
    "X-HL7-CDA-LEVEL-ONE": "application/hl7-sda+xml",
}  # fmt: skip


@dataclass(slots=True)
class _Paragraphs:
    """A section, while its lines come."""

    heading: str
    lines: list[str]
    concludes: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


@dataclass(slots=True)
class Observations:
    """Of one report, as it is read."""

    paragraphs: list[_Paragraphs] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)  # by SHA-256, hexadecimal
    study_uid: str = ""
    document_uids: list[str] = field(default_factory=list)

    def add(self, heading: str, text: str, *, concludes: bool = False) -> None:
        """A section, or what stands under the heading of the last."""
        self.paragraphs.append(_Paragraphs(heading, [text], concludes))

    @property
    def sections(self) -> tuple[Section, ...]:
        """Those that say something."""
        return tuple(Section(each.heading, each.text) for each in self.paragraphs if each.text)

    @property
    def conclusion(self) -> str:
        """What the sections say that conclude."""
        return "\n\n".join(each.text for each in self.paragraphs if each.concludes and each.text)


@dataclass(frozen=True, slots=True)
class Line:
    """An OBX and the notes behind it."""

    segment: Segment
    notes: Sequence[Segment]


def read_observations(lines: Sequence[Line], said: Observations, above: str, procedure: str) -> None:
    """Add what they say. `above` stands over their headings; the name of the procedure is no heading.

    Raises BadField.
    """
    before: tuple[str, str] | None = None
    codes_of = _codes_by_sub_id(lines)
    parts = [sub_id for sub_id, codes in codes_of.items() if sub_id and codes > 1]
    for line in lines:
        segment = line.segment
        if observed(segment) in GONE or segment.text(11).upper() in SILENT:
            continue
        kind = segment.text(2).upper()
        name = _heading(segment, procedure)
        concludes = segment.text(3) in _CONCLUDING or bool(_CONCLUSION.match(_heading(segment, "")))
        if kind == "ED":
            said.forms += [_document(each, segment, said) for each in segment.repetitions(5)]
        elif kind == "HD" and {segment.text(3), segment.text(3, 2)} & _STUDY_UID:
            said.study_uid = segment.text(5) if is_uid(segment.text(5)) else said.study_uid
        elif kind in ("HD", "ST") and {segment.text(3), segment.text(3, 2)} & _DOCUMENT_UID:
            said.document_uids += [segment.text(5)] if is_uid(segment.text(5)) else []
        elif kind == "RP" and segment.text(5).startswith("https://"):
            media_type = _MEDIA_TYPES.get(segment.text(5, 4).upper(), "")
            said.forms.append(Form(media_type, _heading(segment, ""), url=segment.text(5)))
        elif kind in _PROSE:
            sub_id = segment.text(4)
            # Some number each line by the sub-ID; a specimen's number stands with several headings.
            part = sub_id if codes_of[sub_id] > 1 else ""
            same = (_code(segment), part)
            name = f"{name} ({part})" if name and part and len(parts) > 1 else name
            _say(said, _over(above, name), _prose(segment), is_more=same == before, concludes=concludes)
            before = same
        else:
            value = _value(segment, kind)
            is_more = before == _VALUES and not concludes
            _say(said, above, f"{name}: {value}" if name else value, is_more=is_more, concludes=concludes)
            before = None if concludes else _VALUES
        for note in line.notes:
            said.add(_over(above, "Comment"), comment(note))
            before = None


def comment(note: Segment) -> str:
    """What NTE-3 says."""
    return "\n".join(each.prose for each in note.repetitions(3)).strip()


def _say(said: Observations, heading: str, text: str, *, is_more: bool, concludes: bool) -> None:
    if is_more:
        said.paragraphs[-1].lines.append(text)
    else:
        said.add(heading, text, concludes=concludes)


def _code(segment: Segment) -> str:
    return "&".join((segment.text(3), segment.text(3, 1, 2)))


def _codes_by_sub_id(lines: Sequence[Line]) -> Mapping[str, int]:
    found: dict[str, set[str]] = {}
    for each in lines:
        found.setdefault(each.segment.text(4), set()).add(_code(each.segment))
    return {sub_id: len(codes) for sub_id, codes in found.items()}


def _over(above: str, heading: str) -> str:
    return ": ".join(filter(None, (above, heading)))


def _heading(segment: Segment, procedure: str) -> str:
    """What an observation is called: the text of OBX-3, of its suffix, or its code."""
    suffix = _SUFFIXES.get(segment.text(3, 1, 2).upper(), "")
    name = suffix or segment.text(3, 2) or segment.text(3, 5) or segment.text(3)
    return "" if name == procedure else name


def _prose(segment: Segment) -> str:
    return "\n".join(each.prose for each in segment.repetitions(5)).strip("\n")


def _value(segment: Segment, kind: str) -> str:
    values = ", ".join(filter(None, (_one_value(each, kind) for each in segment.repetitions(5))))
    unit = segment.text(6, 2) or segment.text(6)
    if kind not in _MEASURED:
        unit = ""
    normal = segment.text(7) if kind in _MEASURED else ""
    flag = segment.text(8)
    return " ".join(
        filter(None, (values, unit, f"(normal {normal})" if normal else "", f"[{flag}]" if flag else ""))
    )


def _one_value(found: Field, kind: str) -> str:
    if kind in _CODED:
        return found.text(9) or found.text(2) or found.text(5) or found.text(1)
    if kind == "SN":
        return "".join(found.components)
    if kind in ("XPN", "XCN", "PN", "CN"):
        return " ".join(filter(None, found.components[1 if kind in ("XCN", "CN") else 0 :]))
    return found.text() if kind in ("NM", "DT", "TM", "TS", "DTM", "RP") else found.prose


def _document(found: Field, segment: Segment, said: Observations) -> Form:
    """ED (HL7 v2.5.1 §2.A.24): source, type, sub-type, encoding, data."""
    content = _decoded(found)
    is_pdf = content.startswith(b"%PDF-")
    named = [found.text(3).upper(), found.text(2).upper(), f"{found.text(2)}/{found.text(3)}".upper()]
    media_type = "application/pdf" if is_pdf else next(filter(None, map(_MEDIA_TYPES.get, named)), "")
    if not media_type or (media_type == "application/pdf") != is_pdf:
        raise BadField(found.where, Condition.DATA_TYPE, "not a PDF, nor another kind of document taken here")
    digest = hashlib.sha256(content).hexdigest()
    said.documents[digest] = content
    return Form(media_type, segment.text(3, 2) or segment.text(3), len(content), digest)


def _decoded(found: Field) -> bytes:
    text = found.part(5)
    encoding = found.text(4).upper()
    try:
        if encoding == "BASE64":
            return base64.b64decode(re.sub(r"\\\.br\\|\s", "", text), validate=True)
        if encoding == "HEX":
            return bytes.fromhex(text)
    except (binascii.Error, ValueError):
        raise BadField(
            found.where, Condition.DATA_TYPE, "its data are not in the encoding they name"
        ) from None
    raise BadField(found.where, Condition.TABLE_VALUE_NOT_FOUND, "its data are neither Base64 nor Hex")
