"""A search means the same as an identifier and as a URL (PS3.4 §C.2.2.2, PS3.18 §8.3.4)."""

import struct
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from dicom_router.services.identifier import (
    BadIdentifier,
    Identifier,
    from_identifier,
    level_of,
    read_identifier,
    to_identifier,
    write_identifier,
)
from storage.elements import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.query import (
    AnyOf,
    Anything,
    Between,
    Empty,
    Exactly,
    Level,
    Match,
    Path,
    Query,
    Wildcard,
    parse_attribute,
    text_of,
    vr_of,
)
from tests.storage.strategies import deflate
from tests.storage.test_query import dates, ranges, times, uids
from viewer_api.search_keys import parse_query

SYNTAXES = [IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG]
PLAIN = st.text(st.sampled_from("ABCXYZ_ 019"), min_size=1).filter(lambda text: text.strip() == text)
#: Without the escape, which in a data set announces another character set (PS3.5 §6.1.3).
texts = st.text(st.characters(exclude_characters='\0\x1b\\*? "', codec="utf-8"), min_size=1, max_size=64)
patterns = st.tuples(texts, st.sampled_from("*?"), texts).map("".join)

#: What a key of each VR may ask, as the texts of any door are understood.
BY_VR: dict[str, st.SearchStrategy[Match]] = {
    "UI": st.lists(uids, min_size=1).map(lambda found: AnyOf(tuple(found))),
    "DA": dates.map(Exactly) | ranges(dates),
    "TM": ranges(times),
    "IS": st.integers(-(2**31), 2**31).map(lambda number: Exactly(str(number))),
    "US": st.integers(0, 0xFFFF).map(lambda number: Exactly(str(number)))
    | st.lists(st.integers(0, 0xFFFF), min_size=2).map(lambda each: AnyOf(tuple(map(str, each)))),
    "CS": PLAIN.map(Exactly) | PLAIN.map(lambda text: Wildcard(f"{text}*")),
    "LO": texts.map(Exactly) | patterns.map(Wildcard),
    "PN": texts.map(Exactly) | patterns.map(Wildcard),
    "SH": st.lists(texts, min_size=2).map(lambda each: AnyOf(tuple(each))),
    "UT": texts.map(Exactly) | patterns.map(Wildcard),
    "SQ": st.just(Anything()),
}  # fmt: skip
ATTRIBUTES = [
    parse_attribute(name)
    for name in (
        "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "StudyDate", "StudyTime",
        "AccessionNumber", "StudyInstanceUID", "SOPInstanceUID", "ModalitiesInStudy", "SeriesNumber", "Rows",
        "ProcedureCodeSequence", "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID",
        "RequestAttributesSequence.ScheduledProcedureStepID", "RequestAttributesSequence.AccessionNumber",
        "ScheduledProcedureStepSequence.ScheduledProtocolCodeSequence.CodeValue",
    )
]  # fmt: skip


@st.composite
def queries(draw: st.DrawFn) -> Query:
    universal: st.SearchStrategy[Match] = st.sampled_from([Anything(), Empty()])
    matches: dict[Path, Match] = {}
    for path in draw(st.lists(st.sampled_from(ATTRIBUTES), unique=True)):
        vr = vr_of(path)
        matches[path] = draw(BY_VR[vr] if vr == "SQ" else BY_VR[vr] | universal)
    return Query(draw(st.sampled_from(list(Level))), matches)


def to_url(query: Query) -> list[tuple[str, str]]:
    """The parameters of a search transaction that asks for it."""
    return [(".".join(f"{tag:08X}" for tag in path), text_of(match)) for path, match in query.matches.items()]


def from_url(level: Level, pairs: list[tuple[str, str]]) -> Query:
    """What they ask for, but for what every answer holds."""
    return replace(parse_query(level, pairs, {}), include=frozenset())


@given(queries(), st.sampled_from(SYNTAXES))
def test_a_query_means_the_same_over_dimse_and_http(query: Query, syntax: str) -> None:
    assert query == from_identifier(to_identifier(query, syntax), syntax)
    assert query == from_url(query.level, to_url(query))


@given(queries())
def test_pydicom_reads_what_we_ask(query: Query) -> None:
    read = read_dataset(BytesIO(to_identifier(query, EXPLICIT_LITTLE)), False, True)
    for path, match in query.matches.items():
        inner = read
        for tag in path[:-1]:
            (inner,) = inner[tag].value
        assert path[-1] in inner
        if vr_of(path) in ("LO", "PN") and isinstance(match, Exactly | Wildcard):
            assert str(inner[path[-1]].value) == text_of(match)


@given(st.binary(max_size=300), st.sampled_from([*SYNTAXES, DEFLATED]))
def test_any_bytes_are_an_identifier_or_refused(encoded: bytes, syntax: str) -> None:
    with suppress(BadIdentifier):
        read_identifier(encoded, syntax)


def keys(character_set: str | None, raw: dict[int, tuple[str, bytes]]) -> Identifier:
    """The identifier of an explicit data set of these values, as they stand."""
    elements = dict(sorted(raw.items()))
    if character_set is not None:
        elements = {0x00080005: ("CS", character_set.encode()), **elements}
    data = b""
    for tag, (vr, value) in elements.items():
        value += b" " * (len(value) % 2)
        data += struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value
    return read_identifier(data, EXPLICIT_LITTLE)


NAME = 0x00100010


@pytest.mark.parametrize(
    ("character_set", "raw", "text"),
    [
        ("ISO_IR 100", b"M\xfcller", "Müller"),
        ("ISO_IR 192", "Müller".encode(), "Müller"),
        (None, "Müller".encode(), "Müller"),  # undeclared: what can be UTF-8 is
        (None, b"M\xfcller", "Müller"),  # and else Latin-1
        ("", b"M\xfcller", "Müller"),
        ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
        ("GB18030", b"Wang=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang=王^小东"),
        ("\\ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada=山田^太郎"),
        ("\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong=洪^吉洞"),
    ],
)
def test_keys_are_read_in_the_character_set_that_is_declared(
    character_set: str | None, raw: bytes, text: str
) -> None:
    identifier = keys(character_set, {NAME: ("PN", raw)})

    assert identifier.matches == {(NAME,): Exactly(text)}
    assert identifier.character_set == (character_set or "")


def test_the_dictionary_says_the_vr_and_an_unknown_attribute_says_its_own() -> None:
    identifier = keys(
        None,
        {0x00080020: ("LO", b"20240101-"), 0x00091001: ("DA", b"-20240101")},
    )

    assert identifier.matches == {
        (0x00080020,): Between("20240101", None),
        (0x00091001,): Between(None, "20240101"),
    }  # fmt: skip


def test_the_level_and_group_lengths_are_no_keys() -> None:
    length = struct.pack("<I", 99)
    identifier = keys(
        None, {0x00080000: ("UL", length), 0x00080052: ("CS", b"IMAGE "), 0x00100020: ("LO", b"1\0")}
    )

    assert identifier.level == "IMAGE"
    assert level_of(identifier) is Level.INSTANCE
    assert identifier.matches == {(0x00100020,): Exactly("1")}


@pytest.mark.parametrize(
    ("character_set", "raw", "tag"),
    [
        ("ISO_IR 192", {NAME: ("PN", b"M\xfcller")}, NAME),
        ("ISO_IR 999", {NAME: ("PN", b"M")}, 0x00080005),
        (None, {0x00080020: ("DA", b"yesterday")}, 0x00080020),
        (None, {0x0020000D: ("UI", b"1.2.x")}, 0x0020000D),
        (None, {0x00081161: ("UL", b"\0\1")}, 0x00081161),
    ],
)
def test_a_key_without_meaning_is_named_and_not_repeated(
    character_set: str | None, raw: dict[int, tuple[str, bytes]], tag: int
) -> None:
    with pytest.raises(BadIdentifier) as refused:
        keys(character_set, raw)
    assert refused.value.tag == tag
    assert "yesterday" not in str(refused.value)


def test_a_sequence_is_asked_for_whole_or_by_one_item() -> None:
    def read(*items: Dataset) -> Identifier:
        whole = Dataset()
        whole.ProcedureCodeSequence = list(items)
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, True
        write_dataset(buffer, whole)
        return read_identifier(buffer.getvalue(), EXPLICIT_LITTLE)

    code = Dataset()
    code.CodeValue = "X1"
    whole: dict[Path, Match] = {(0x00081032,): Anything()}
    assert read().matches == read(Dataset()).matches == whole
    assert read(code).matches == {(0x00081032, 0x00080100): Exactly("X1")}
    with pytest.raises(BadIdentifier, match="one item"):
        read(code, code)


def test_a_deflated_identifier_is_read() -> None:
    query = Query(Level.STUDY, {(NAME,): Exactly("Zoë")})
    assert from_identifier(deflate(to_identifier(query, EXPLICIT_LITTLE)), DEFLATED) == query


@pytest.mark.parametrize("level", ["", "INSTANCE", "study"])
def test_a_level_that_is_none_is_refused(level: str) -> None:
    with pytest.raises(BadIdentifier) as refused:
        level_of(Identifier({}, level))
    assert refused.value.tag == 0x00080052


def test_what_a_vr_cannot_hold_is_not_written() -> None:
    with pytest.raises(UnicodeError):
        write_identifier(Identifier({(0x00080060,): Exactly("é")}), EXPLICIT_LITTLE)
