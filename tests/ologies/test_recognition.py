"""Files are known by what is in them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ologies.errors import Damaged, NotUnderstood
from ologies.recognition import HEAD_BYTES, Kind, kind_of, recognise
from tests.ologies.material import PDF, an_aecg, sample


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ecg/aecg-subject1_0.xml", Kind.AECG),
        ("ecg/minimum_aecg.xml", Kind.AECG),
        ("ecg/muse-sinus.xml", Kind.MUSE),
        ("ecg/sierra-1.04.01.xml", Kind.SIERRA),
        ("ecg/example.scp", Kind.SCP),
        ("ecg/anonymous_ecg.dcm", Kind.DICOM_ECG),
    ],
)
def test_real_files_are_known(name: str, kind: Kind) -> None:
    assert recognise(sample(name)) is kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PDF, Kind.PDF),
        (an_aecg({"I": [1]}), Kind.AECG),
        (an_aecg({"I": [1]}).decode().replace("UTF-8", "UTF-16").encode("utf-16"), Kind.AECG),
        (b"\xef\xbb\xbf<RestingECG><MuseInfo/>", Kind.MUSE),
        (b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">', Kind.CDA),
        (b"<html><body>%PDF-1.4", None),
        (b"junk %PDF-1.4", None),
        (b"\xff\xd8\xff\xe0", Kind.JPEG),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind.WEBP),
        (b"\0\0\0\x18ftypheic", Kind.HEIC),
        (b"\0\0\0\x18ftypisom", Kind.MP4),
        (b"\0\0\0\x14ftypqt  ", Kind.MOV),
        (b"\0\0\0\x08wide\0\0\1\0mdat", Kind.MOV),
        (b"\0\0\0\x18ftypavif", None),
    ],
)
def test_the_first_bytes_tell(head: bytes, kind: Kind | None) -> None:
    assert kind_of(head) is kind


def test_the_name_does_not(tmp_path: Path) -> None:
    path = tmp_path / "ecg.xml"
    path.write_bytes(PDF)
    assert recognise(path) is Kind.PDF


def test_what_is_not_understood_names_what_is(tmp_path: Path) -> None:
    path = tmp_path / "letter.docx"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(NotUnderstood) as refused:
        recognise(path)
    assert all(kind.value in str(refused.value) for kind in Kind)
    path.write_bytes(b"")
    with pytest.raises(Damaged):
        recognise(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Damaged, match="pipe"):
        recognise(tmp_path / "pipe")


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_are_something_or_nothing(head: bytes) -> None:
    kind_of(head)
