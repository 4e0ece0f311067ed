"""Metadata that somebody sends, in JSON or XML, as the data set that they describe."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.assembling import Value, assembled
from storage.dicom_json import DEPTH_LIMIT, Member
from storage.dicom_xml import write_xml
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.json_in import INSTANCES_LIMIT, BadMetadata, bulk_uris, checked, read_json
from storage.xml_in import read_xml
from tests.storage.strategies import Written, written
from tests.storage.test_writing import members_of, without_bulk

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\"), max_size=20)


def again(members: Any) -> dict[str, Member]:
    """As they are once they were sent to us and kept."""
    found = members_of(b"".join(assembled(checked(members), {})), EXPLICIT_LITTLE)
    return {tag: member for tag, member in found.items() if tag != "00080005"}


def said(members: dict[str, Member]) -> dict[str, Member]:
    return {tag: member for tag, member in members.items() if tag != "00080005"}


@given(written())
def test_a_data_set_survives_json(one: Written) -> None:
    members = without_bulk(members_of(one.plain(), one.syntax))

    (described,) = read_json(orjson.dumps([members]))

    assert again(described) == said(members)


@given(written().filter(lambda one: one.syntax != IMPLICIT_LITTLE))
def test_a_data_set_survives_xml(one: Written) -> None:
    members = without_bulk(members_of(one.plain(), one.syntax))

    assert _as_xml_has_it(again(read_xml(write_xml(members)))) == _as_xml_has_it(said(members))


def _as_xml_has_it(members: dict[str, Member]) -> dict[str, Any]:
    """A private creator of no elements is not said, nor which block it had, nor empty ends of names."""
    found: dict[str, Any] = {}
    for tag, member in members.items():
        if tag.startswith("00090") and tag[4:6] == "00":
            continue
        values = member.get("Value", [])
        if member["vr"] == "SQ":
            found[tag] = [_as_xml_has_it(item) for item in values]
        elif member["vr"] == "PN":
            found[tag] = [
                value and {name: text.rstrip("^") for name, text in value.items()} for value in values
            ]
        else:
            found[tag] = member
    return found


@given(_TEXTS, st.sampled_from(["LO", "LT", "UT", "PN"]))
def test_every_script_survives(text: str, vr: str) -> None:
    text = text.replace("=", "").strip()
    value: Any = {"Alphabetic": text} if vr == "PN" else text
    members = {"00090010": {"vr": "LO", "Value": ["IMX TEST"]}, "00091001": {"vr": vr, "Value": [value]}}

    found = again(members)["00091001"]

    assert found.get("Value", [value]) == [value]
    assert bool(found.get("Value")) == bool(text)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["00081140", "00080018", "vr", "Value", "SQ", "InlineBinary"]), inner
            )
        ),
    )
)
@example({"00081140": {"vr": []}})
def test_whatever_is_no_metadata_is_refused_by_one_error(found: Any) -> None:
    try:
        b"".join(assembled(checked(found), {}))
    except BadMetadata:
        return


@given(st.binary(max_size=200))
def test_whatever_is_no_xml_is_refused_by_one_error(text: bytes) -> None:
    for each in (text, b"<NativeDicomModel>" + text + b"</NativeDicomModel>"):
        try:
            checked(read_xml(each))
        except BadMetadata:
            continue


@pytest.mark.parametrize(
    ("member", "why"),
    [
        ({"vr": "US", "Value": [65536]}, "cannot hold"),
        ({"vr": "US", "Value": [True]}, "cannot hold"),
        ({"vr": "US", "Value": [1.5]}, "cannot hold"),
        ({"vr": "FL", "Value": [1e300]}, "cannot hold"),
        ({"vr": "CS", "Value": ["É"]}, "cannot hold"),
        ({"vr": "LO", "Value": ["a\\b"]}, "cannot hold"),
        ({"vr": "LO", "Value": ["\x1b$B"]}, "cannot hold"),
        ({"vr": "LO", "Value": ["\ud800"]}, "cannot hold"),
        ({"vr": "PN", "Value": ["Smith"]}, "cannot hold"),
        ({"vr": "PN", "Value": [{"Alphabetic": "a=b"}]}, "cannot hold"),
        ({"vr": "UT", "Value": ["a", "b"]}, "one value"),
        ({"vr": "AT", "Value": ["0008"]}, "cannot hold"),
        ({"vr": "OB", "Value": [1]}, "InlineBinary"),
        ({"vr": "OB", "InlineBinary": "%%%"}, "base64"),
        ({"vr": "OB", "InlineBinary": "AAAA", "BulkDataURI": "a"}, "cannot be said"),
        ({"vr": "SQ", "BulkDataURI": "a"}, "cannot be said"),
        ({"vr": "ZZ", "Value": [1]}, "VR"),
        ({"Value": [1]}, "VR"),
        ([], "JSON object"),
    ],
)  # fmt: skip
def test_what_a_vr_cannot_hold_is_refused_by_its_tag(member: Any, why: str) -> None:
    with pytest.raises(BadMetadata, match=f"^00091001: .*{why}"):
        checked({"00091001": member})


def test_nesting_has_an_end() -> None:
    def nested(depth: int) -> Any:
        return {"00081140": {"vr": "SQ", "Value": [nested(depth - 1)] if depth else []}}

    checked(nested(DEPTH_LIMIT))
    with pytest.raises(BadMetadata, match="nested"):
        checked(nested(DEPTH_LIMIT + 1))
    with pytest.raises(BadMetadata):
        read_json(b"[" * 100_000)
    with pytest.raises(BadMetadata, match="instances"):
        read_json(b"[" + b",".join([b"{}"] * (INSTANCES_LIMIT + 1)) + b"]")
    deep = b'<DicomAttribute tag="00081140" vr="SQ"><Item number="1">' * 10_000
    with pytest.raises(BadMetadata, match="nested"):
        read_xml(b"<NativeDicomModel>" + deep)


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><NativeDicomModel>&b;</NativeDicomModel>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><NativeDicomModel/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><NativeDicomModel>&a;</NativeDicomModel>',
        '<?xml version="1.0" encoding="x-unheard-of"?><NativeDicomModel/>',
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
        '<NativeDicomModel><DicomAttribute tag="00080018" vr="UI"><Value number="2">1</Value>'
        "</DicomAttribute></NativeDicomModel>",
        "<NativeDicomModel>",
        "",
    ],
)
def test_xml_of_another_kind_is_refused(document: str) -> None:
    with pytest.raises(BadMetadata):
        read_xml(document.encode())


def test_command_and_file_meta_are_left_out_but_for_the_syntax() -> None:
    found = checked({
        "00000002": {"vr": "UI", "Value": ["1.2"]},
        "00020002": {"vr": "UI", "Value": ["1.2"]},
        "00020010": {"vr": "UI", "Value": [EXPLICIT_LITTLE]},
        "00080000": {"vr": "UL", "Value": [8]},
        "00080018": {"vr": "UI", "Value": ["1.2"]},
    })  # fmt: skip

    assert list(found) == ["00020010", "00080018"]


def test_bulk_values_lie_where_the_metadata_say() -> None:
    held = {"a": b"abc", "b": b"1.5\\2"}
    members = checked({
        "00081140": {"vr": "SQ", "Value": [{"00420011": {"vr": "OB", "BulkDataURI": "a"}}]},
        "00181030": {"vr": "LO", "Value": ["Zoë"]},
        "00200032": {"vr": "DS", "BulkDataURI": "b"},
    })  # fmt: skip
    values = {
        uri: Value(len(each), lambda start, stop, each=each: iter([each[start:stop]]))  # type: ignore[misc]
        for uri, each in held.items()
    }

    found = members_of(b"".join(assembled(members, values)), EXPLICIT_LITTLE)

    assert list(bulk_uris(members)) == ["a", "b"]
    assert found["00081140"]["Value"] == [{"00420011": {"vr": "OB", "InlineBinary": "YWJjAA=="}}]
    assert found["00200032"]["Value"] == [1.5, 2]
    assert found["00181030"]["Value"] == ["Zoë"]
