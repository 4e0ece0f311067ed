"""Data sets as XML: the Native DICOM Model (PS3.19 §A.1), written from our DICOM JSON as it passes.

What XML 1.0 cannot hold, such as a form feed within a report, becomes U+FFFD; everything else says in XML
what it says in JSON.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydicom.datadict import keyword_for_tag

from storage.corrections import Member
from storage.metadata import Attribute

_OPENING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
)
_CLOSING = b"</NativeDicomModel>"

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
#: Of a name, as they stand between "^" (PS3.5 §6.2.1.1, PS3.18 Table 10.2-1).
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")

#: Characters with a meaning of their own, a carriage return, which readers would take for a line feed, and
#: those that XML 1.0 has not (§2.2, §2.11).
_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def write_xml(members: Mapping[str, Member], bulk_prefix: str = "") -> bytes:
    """One data set, whose members come in ascending order."""
    return b"".join(xml_chunks(members.items(), bulk_prefix))


def xml_chunks(attributes: Iterable[Attribute], bulk_prefix: str = "") -> Iterator[bytes]:
    """One data set, an attribute at a time. `bulk_prefix` completes bulk data URIs that begin with "@"."""
    yield _OPENING
    creators: dict[str, str] = {}
    for tag, member in attributes:
        if isinstance(member, Mapping):
            yield _attribute(tag, member, bulk_prefix, creators).encode()
        else:
            yield _head(tag, "SQ", creators).encode() + b">"
            for number, item in enumerate(member, 1):
                yield _item(number, item, bulk_prefix).encode()
            yield b"</DicomAttribute>"
    yield _CLOSING


def _attribute(tag: str, member: Member, bulk_prefix: str, creators: dict[str, str]) -> str:
    vr: str = member["vr"]
    values: Sequence[Any] = member.get("Value", ())
    if _is_creator(tag):  # said by each attribute of its block
        creators[tag] = str(values[0]) if values else ""
        return ""
    head = _head(tag, vr, creators)
    if "BulkDataURI" in member:
        uri = member["BulkDataURI"]
        if uri.startswith("@"):
            uri = bulk_prefix + uri[1:]
        return f'{head}><BulkData uri="{_escaped(uri)}"/></DicomAttribute>'
    if "InlineBinary" in member:
        return f"{head}><InlineBinary>{member['InlineBinary']}</InlineBinary></DicomAttribute>"
    if not values:
        return f"{head}/>"
    match vr:
        case "SQ":
            inside = "".join([_item(number, item, bulk_prefix) for number, item in enumerate(values, 1)])
        case "PN":
            inside = "".join([_person(number, name) for number, name in enumerate(values, 1)])
        case _:
            inside = "".join([_value(number, value) for number, value in enumerate(values, 1)])
    return f"{head}>{inside}</DicomAttribute>"


def _head(tag: str, vr: str, creators: Mapping[str, str]) -> str:
    """The start of an attribute, left open. A private one says whose it is, and not in which block."""
    if _is_private(tag) and (creator := creators.get(f"{tag[:4]}00{tag[4:6]}")):
        tag, named = f"{tag[:4]}00{tag[6:]}", f' privateCreator="{_escaped(creator)}"'
    else:
        keyword = _keyword(tag)
        named = f' keyword="{keyword}"' if keyword else ""
    return f'<DicomAttribute tag="{tag}" vr="{vr}"{named}'


def _item(number: int, members: Mapping[str, Member] | None, bulk_prefix: str) -> str:
    creators: dict[str, str] = {}
    inside = [_attribute(tag, member, bulk_prefix, creators) for tag, member in (members or {}).items()]
    return f'<Item number="{number}">{"".join(inside)}</Item>'


def _value(number: int, value: object) -> str:
    text = "" if value is None else _escaped(str(value))
    return f'<Value number="{number}">{text}</Value>'


def _person(number: int, name: Mapping[str, str] | None) -> str:
    groups = [
        f"<{group}>{_components(text)}</{group}>" for group in _GROUPS if (text := (name or {}).get(group))
    ]
    return f'<PersonName number="{number}">{"".join(groups)}</PersonName>'


def _components(text: str) -> str:
    """What stands behind a fifth "^" belongs to no component, and stays with the last."""
    parts = text.split("^", len(_COMPONENTS) - 1)
    return "".join(
        [f"<{name}>{_escaped(part)}</{name}>" for name, part in zip(_COMPONENTS, parts, strict=False) if part]
    )


@lru_cache(maxsize=8192)
def _keyword(tag: str) -> str:
    """Of a tag in the dictionary (PS3.6); "" of any other."""
    return keyword_for_tag(int(tag, 16))


def _is_private(tag: str) -> bool:
    return tag[3] in "13579BDF" and tag[4:6] != "00"


def _is_creator(tag: str) -> bool:
    """It reserves a block (PS3.5 §7.8.1)."""
    return tag[3] in "13579BDF" and tag[4:6] == "00" and tag[6] != "0"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text)
