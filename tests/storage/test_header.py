import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from storage import facts
from storage.dicom_json import READY_LIMIT_BYTES
from storage.elements import DEFLATED, EXPLICIT_LITTLE, IMPLICIT_LITTLE, ITEM
from storage.errors import Unreadable
from storage.facts import IDENTITY, PLACEHOLDERS, SERIES, STUDY, TEXT_LIMIT, MissingUid
from storage.frames import Form
from storage.header import Header, read_header
from storage.recall import recall_for
from storage.source import RATIO_FREE_BYTES, Inflated, Parted, TooDense, Whole
from tests.storage.material import instance
from tests.storage.strategies import (
    SYNTAXES,
    Written,
    damaged,
    datasets,
    deflate,
    explicit,
    implicit,
    write,
)


def header_of(dataset: Dataset, syntax: str = EXPLICIT_LITTLE) -> Header:
    made = write(dataset, syntax)
    return read_header(made.source(), syntax, 0)


def json_of(header: Header) -> dict[str, object]:
    pieces = (header.instance.json_before, header.instance.json_patient, header.instance.json_after)
    whole: dict[str, object] = orjson.loads(b"{" + b",".join(piece for piece in pieces if piece) + b"}")
    return whole


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_the_index_matches(syntax: str) -> None:
    header = header_of(instance(BodyPartExamined="CHEST", NumberOfFrames=None), syntax)

    assert header.identity.identifier == "123456"
    assert header.identity.issuer == ""
    assert header.identity.name == "müller^zoë"
    assert (header.identity.birth_date, header.identity.sex) == ("19700101", "F")
    assert (header.study.date, header.study.time, header.study.accession) == ("20260102", "030405", "A1")
    assert header.study.referring == "jones^ann"
    assert (header.series.modality, header.series.number, header.series.body_part) == ("CT", 1, "CHEST")
    assert header.instance.number == 1
    assert header.instance.problems == ()
    assert header.instance.json_whole


@given(datasets(), st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE]), st.integers(0, 1000))
def test_a_data_set_in_two_parts_is_read_as_in_one(dataset: Dataset, syntax: str, cut: int) -> None:
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, "1.2.3")
    dataset.EncapsulatedDocument = bytes(9000)
    data = write(dataset, syntax).data

    assert read_header(Parted(data[:cut], bytearray(data[cut:])), syntax, 0) == read_header(
        Whole(data), syntax, 0
    )


@given(st.lists(datasets(), min_size=2, max_size=4), st.sampled_from(SYNTAXES))
def test_what_was_read_before_changes_nothing(series: list[Dataset], syntax: str) -> None:
    written = []
    for dataset in series:
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(dataset, keyword, "1.2.3")
        written.append(write(dataset, syntax))
    after_others = [read_header(each.source(), syntax, 0) for each in [*written, *written]]

    for each, found in zip([*written, *written], after_others, strict=True):
        recall_for.cache_clear()
        facts._MET.clear()
        assert read_header(each.source(), syntax, 0) == found


@given(datasets(), st.sampled_from(SYNTAXES))
def test_the_json_of_an_instance_names_nobody(dataset: Dataset, syntax: str) -> None:
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, "1.2.3")
    dataset.PatientName, dataset.PatientID, dataset.PatientAge = "Secret^Name", "Secret 1", "030Y"
    header = header_of(dataset, syntax)

    assert not IDENTITY & json_of(header).keys()
    assert "00101010" in json_of(header)
    for json in (header.study.json, header.series.json):
        assert not IDENTITY & orjson.loads(b"{" + json + b"}").keys()
    assert {"00100010", "00100020"} <= header.identity.members.keys()
    assert list(json_of(header)) == sorted(json_of(header))


@given(damaged())
@settings(max_examples=200)
def test_any_bytes_give_a_header_or_are_unreadable(made: Written) -> None:
    uids = instance(PixelData=None)
    head = write(uids, made.syntax).data
    for data in (made.data, head + made.data, made.data + head):
        try:
            header = read_header(Whole(data), made.syntax, 0)
        except Unreadable:
            continue
        for text in (header.identity.identifier, header.identity.name, header.study.description or ""):
            assert "\0" not in text
            text.encode()
        json_of(header)


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize("value", [None, "", "abc", "1.2.x", "1" * 65])
def test_without_a_uid_there_is_no_instance(keyword: str, value: str | None) -> None:
    with pytest.raises(MissingUid):
        header_of(instance(**{keyword: value}))


@pytest.mark.parametrize("raw", [b"1.2.3\0", b"1.2.3 ", b" 1.2.3", b"1.2.3\0\0\0", b"1.2.3  \0"])
def test_uids_are_trimmed(raw: bytes) -> None:
    data = write(instance(StudyInstanceUID=None), EXPLICIT_LITTLE).data
    place = data.index(b"\x20\x00\x0e\x00UI")
    data = data[:place] + explicit(0x0020000D, "UI", raw) + data[place:]

    assert read_header(Whole(data), EXPLICIT_LITTLE, 0).study.uid == "1.2.3"


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"StudyDate": "20261"}, "00080020: malformed"),
        ({"StudyDate": "yesterday"}, "00080020: malformed"),
        ({"StudyTime": "25 past"}, "00080030: malformed"),
        ({"InstanceNumber": "99999999999"}, "00200013: no whole number"),
        ({"InstanceNumber": "1.5"}, "00200013: no whole number"),
        ({"PatientBirthDate": "1970"}, "00100030: malformed"),
    ],
)
def test_values_that_cannot_be_indexed_are_reported(attributes: dict[str, str], problem: str) -> None:
    header = header_of(instance(**attributes))

    assert header.instance.problems == (problem,)
    assert all(value not in problem for value in attributes.values())


def test_old_dates_and_times_are_read() -> None:
    header = header_of(instance(StudyDate="2026.01.02", StudyTime="03:04:05"))

    assert (header.study.date, header.study.time) == ("20260102", "030405")


def test_nul_and_absurd_lengths_do_not_reach_the_index() -> None:
    header = header_of(
        instance(PatientID="12\x0034", StudyDescription="x" * 5000, AccessionNumber="y" * 4999)
    )

    assert header.identity.identifier == "1234"
    assert len(header.study.description or "") < TEXT_LIMIT + 80
    assert header.study.description != header_of(instance(StudyDescription="x" * 5002)).study.description


@pytest.mark.parametrize("text", [*sorted(PLACEHOLDERS), "ANON", "  Unknown ", "N/A"])
def test_a_placeholder_identifies_nobody(text: str) -> None:
    assert header_of(instance(PatientID=text)).identity.identifier == ""


def test_the_issuer_comes_from_the_data_set_where_it_says() -> None:
    qualified = Dataset()
    qualified.UniversalEntityID = "2.16.840.1.113883.2.1.4.1"
    item = Sequence([qualified])

    assert header_of(instance(IssuerOfPatientID="RBN")).identity.issuer == "RBN"
    assert header_of(instance(IssuerOfPatientIDQualifiersSequence=item)).identity.issuer.startswith("2.16")
    assert header_of(instance(IssuerOfAccessionNumberSequence=item)).study.accession_issuer is not None


def test_references_by_the_thousand_hide_nothing_that_the_index_needs() -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.2",
        generate_uid(),
    )
    made = instance(ReferencedImageSequence=Sequence([reference] * 5000), NumberOfFrames=1)
    full = instance(NumberOfFrames=1, StudyInstanceUID=made.StudyInstanceUID)
    header, plain = header_of(made), header_of(full)

    assert not header.instance.json_whole
    assert header.identity == plain.identity
    assert header.study.uid == plain.study.uid
    assert header.instance.frames.form is Form.NATIVE


def test_private_values_without_number_hide_nothing_either() -> None:
    crowd = b"".join(explicit(0x00090000 + n, "OB", bytes(1024)) for n in range(0x1000, 0x1000 + 400))
    data = write(instance(), EXPLICIT_LITTLE).data
    place = data.index(b"\x10\x00\x10\x00PN")
    header = read_header(Whole(data[:place] + crowd + data[place:]), EXPLICIT_LITTLE, 0)

    assert header.identity.identifier == "123456"
    assert not header.instance.json_whole
    assert len(header.instance.json_before) < 2 * READY_LIMIT_BYTES


def test_group_two_and_group_lengths_within_the_data_set_are_passed_over() -> None:
    data = write(instance(), EXPLICIT_LITTLE).data
    meta = explicit(0x00020000, "UL", bytes(4)) + explicit(0x00020010, "UI", b"1.2.840.10008.1.2\0")
    header = read_header(Whole(meta + explicit(0x00080000, "UL", b"\x10\0\0\0") + data), EXPLICIT_LITTLE, 0)

    assert not {"00020000", "00020010", "00080000"} & json_of(header).keys()


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 7, b"\0" * 100])
def test_zeros_after_the_last_element_are_no_fault(padding: bytes) -> None:
    header = read_header(Whole(write(instance(), EXPLICIT_LITTLE).data + padding), EXPLICIT_LITTLE, 0)

    assert header.instance.problems == ()


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_a_data_set_that_breaks_off_is_kept_when_it_can_be_found_again(syntax: str) -> None:
    data = write(instance(), syntax).data
    header = read_header(Whole(data[:-5]), syntax, 0)

    assert "breaks off" in header.instance.problems[-1]
    assert header.instance.frames.form is Form.UNKNOWN
    with pytest.raises(Unreadable):
        read_header(Whole(data[:40]), syntax, 0)


def test_pixels_before_their_shape_are_told_by_the_reader() -> None:
    made = write(instance(NumberOfFrames=None), EXPLICIT_LITTLE).data
    late = explicit(0x00280008, "IS", b"2 ")
    header = read_header(Whole(made + late), EXPLICIT_LITTLE, 0)

    assert (header.instance.frames.count, header.instance.frames.form) == (2, Form.UNKNOWN)


def test_an_icon_does_not_pass_for_the_picture() -> None:
    icon = instance(Rows=1, Columns=1, PixelData=b"\1\2")
    header = header_of(instance(IconImageSequence=Sequence([icon])))

    assert header.instance.frames.count == 1
    assert header.instance.frames.form is Form.NATIVE


def test_a_deflate_bomb_is_refused_wherever_it_lies() -> None:
    made = write(instance(), EXPLICIT_LITTLE).data
    bomb = explicit(0x7FE10010, "OB", bytes(2 * RATIO_FREE_BYTES))
    with pytest.raises(TooDense):
        read_header(Inflated(iter((deflate(made + bomb),))), DEFLATED, 0)


def test_deflated_pixels_are_told_apart_by_the_reader() -> None:
    assert header_of(instance(), DEFLATED).instance.frames.form is Form.UNKNOWN


def test_a_deflated_data_set_that_breaks_off_says_so() -> None:
    data = write(instance(PixelData=bytes(range(256)) * 4), DEFLATED).data
    header = read_header(Inflated(iter((data[: len(data) - 40],))), DEFLATED, 0)

    assert "breaks off" in header.instance.problems[-1]


def test_the_wanted_attributes_do_not_overlap() -> None:
    assert not IDENTITY & STUDY
    assert not STUDY & SERIES
    assert not IDENTITY & SERIES


def test_items_of_a_hundred_thousand_frames_leave_the_header_whole_but_for_the_json() -> None:
    content = explicit(0x00209153, "FD", bytes(8)) + explicit(0x00080060, "CS", b"MR")
    frames = explicit(0x52009230, "SQ", implicit(ITEM, content) * 100_000)
    made = write(instance(PixelData=None), EXPLICIT_LITTLE).data
    header = read_header(Whole(made + frames), EXPLICIT_LITTLE, 0)

    assert not header.instance.json_whole
    assert header.series.modality == "CT"
