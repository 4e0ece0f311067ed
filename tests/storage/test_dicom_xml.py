"""The Native DICOM Model (PS3.19 §A.1), read back by an XML parser."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.corrections import Member
from storage.dicom_json import JsonWriter
from storage.dicom_xml import write_xml, xml_chunks
from storage.elements import Walk, encoding_of
from storage.errors import Unreadable
from tests.storage.material import Sample, samples

_SPACE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
#: XML 1.0 §2.2.
_HAS_NOT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(document: bytes) -> ElementTree.Element:
    root = ElementTree.fromstring(document)  # noqa: S314 -- our own
    assert root.tag == f"{_SPACE}NativeDicomModel"
    return root


def attribute(root: ElementTree.Element, keyword: str) -> ElementTree.Element:
    (found,) = (each for each in root if each.get("keyword") == keyword)
    return found


def texts(element: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in element.findall(f"{_SPACE}Value")]


def test_every_kind_of_value() -> None:
    root = read(
        write_xml(
            {
                "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
                "00080008": {"vr": "CS", "Value": ["MPG", None, "XR3"]},
                "00081140": {"vr": "SQ", "Value": [{"00080050": {"vr": "SH", "Value": ['A<&>"1']}}, {}]},
                "00100010": {
                    "vr": "PN",
                    "Value": [{"Alphabetic": "Müller^Zoë^^Dr", "Ideographic": "漢字^名"}, None],
                },
                "00104000": {"vr": "LT"},
                "00280106": {"vr": "US", "Value": [7]},
                "00420011": {"vr": "OB", "InlineBinary": "AAE="},
                "7FE00010": {"vr": "OW", "BulkDataURI": "@7FE00010"},
            },
            "https://imx.example/studies/1/bulkdata/",
        )
    )
    assert texts(attribute(root, "ImageType")) == ["MPG", "", "XR3"]
    first, second = attribute(root, "ReferencedImageSequence")
    assert (first.get("number"), second.get("number")) == ("1", "2")
    assert texts(attribute(first, "AccessionNumber")) == ['A<&>"1']
    name, nobody = attribute(root, "PatientName")
    alphabetic, ideographic = name
    assert [(each.tag.removeprefix(_SPACE), each.text) for each in alphabetic] == [
        ("FamilyName", "Müller"), ("GivenName", "Zoë"), ("NamePrefix", "Dr"),
    ]  # fmt: skip
    assert [each.text for each in ideographic] == ["漢字", "名"]
    assert list(nobody) == []
    assert list(attribute(root, "PatientComments")) == []
    assert texts(attribute(root, "SmallestImagePixelValue")) == ["7"]
    (binary,) = attribute(root, "EncapsulatedDocument")
    assert binary.text == "AAE="
    (bulk,) = attribute(root, "PixelData")
    assert bulk.get("uri") == "https://imx.example/studies/1/bulkdata/7FE00010"


def test_a_private_attribute_says_whose_it_is_and_not_in_which_block() -> None:
    root = read(
        write_xml(
            {
                "00091001": {"vr": "LO", "Value": ["of nobody"]},
                "00090011": {"vr": "LO", "Value": ['ACME "1"']},
                "00091101": {"vr": "LO", "Value": ["x"]},
            }
        )
    )
    assert [(each.get("tag"), each.get("privateCreator")) for each in root] == [
        ("00091001", None), ("00090001", 'ACME "1"'),
    ]  # fmt: skip


@given(st.text())
def test_every_text_arrives_but_what_xml_cannot_hold(text: str) -> None:
    root = read(write_xml({"00204000": {"vr": "LT", "Value": [text]}}))
    (found,) = texts(root[0])
    assert found == _HAS_NOT.sub("\ufffd", text)


def test_a_long_sequence_is_written_item_by_item() -> None:
    taken = 0

    def items() -> Iterator[dict[str, Member]]:
        nonlocal taken
        for taken in range(1, 1001):  # noqa: B007 -- how far the writer has come
            yield {"00189098": {"vr": "FD", "Value": [1.5]}}

    chunks = xml_chunks([("52009230", items())])
    document = b""
    for chunk in chunks:
        document += chunk
        if taken == 1:
            assert document.count(b"<Item ") <= 1
    assert len(read(document)[0]) == 1000


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
def test_every_file_says_in_xml_what_it_says_in_json(sample: Sample) -> None:
    walk = Walk(sample.source(), encoding_of(sample.syntax))
    writer = JsonWriter(walk, encoding_of(sample.syntax))
    members = {}
    with suppress(Unreadable):  # cut short: what is there is told
        while (element := walk.next()) is not None:
            if (member := writer.member(element)) is not None:
                members[f"{element.tag:08X}"] = member
    assert _said(read(write_xml(members, "https://imx.example/"))) == _meant(members)


def _said(root: ElementTree.Element) -> list[tuple[str, str | None, list[object]]]:
    found: list[tuple[str, str | None, list[object]]] = []
    for each in root:
        values: list[object] = []
        for value in each:
            match value.tag.removeprefix(_SPACE):
                case "Item":
                    values.append(_said(value))
                case "PersonName":
                    values.append(
                        {group.tag.removeprefix(_SPACE): [part.text for part in group] for group in value}
                    )
                case _:
                    values.append(value.text or "")
        found.append((each.get("vr", ""), each.get("privateCreator"), values))
    return found


def _meant(members: Mapping[str, Member]) -> list[tuple[str, str | None, list[object]]]:
    found: list[tuple[str, str | None, list[object]]] = []
    creators: dict[str, str] = {}
    for tag, member in members.items():
        is_private = int(tag[3], 16) % 2 == 1
        if is_private and tag[4:6] == "00" and tag[6] != "0":
            creators[tag[:4] + tag[6:]] = (member.get("Value") or [""])[0]
            continue
        creator = creators.get(tag[:6]) if is_private else None
        values: list[object] = []
        for value in member.get("Value", ()):
            if member["vr"] == "SQ":
                values.append(_meant(value))
            elif member["vr"] == "PN":
                groups = {group: text.split("^") for group, text in (value or {}).items() if text}
                values.append({group: [part for part in parts if part] for group, parts in groups.items()})
            else:
                values.append("" if value is None else str(value))
        if "InlineBinary" in member:
            values.append(member["InlineBinary"])
        if "BulkDataURI" in member:
            values.append("")
        found.append((member["vr"], creator or None, values))
    return found
