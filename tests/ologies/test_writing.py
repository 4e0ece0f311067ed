"""What is written frame by frame is what another reader finds."""

from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from ologies.errors import Damaged
from ologies.writing import IMPLEMENTATION_CLASS_UID, Encapsulated, Made, Stretch, write
from storage.part10 import IMPLEMENTATION_CLASS_UID as ARCHIVES


def a_dataset() -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, "1.2.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", "1.2.1"
    dataset.PatientName = "Müller^Zoë"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    return dataset


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20), st.booleans())
@settings(max_examples=50)
def test_every_frame_is_found(
    tmp_path_factory: pytest.TempPathFactory, frames: Sequence[bytes], has_table: bool
) -> None:
    folder = tmp_path_factory.mktemp("written")
    beside = folder / "beside"
    beside.write_bytes(b"before" + b"".join(frames))
    stretches, at = [], 6
    for frame in frames:
        stretches.append(Stretch(beside, at, len(frame)))
        at += len(frame)
    mixed = [frames[each] if each % 2 else stretches[each] for each in range(len(frames))]
    wrapped = write(Made(a_dataset(), JPEGBaseline8Bit, Encapsulated(mixed, len(frames), has_table)), folder)
    found = pydicom.dcmread(wrapped.file)
    assert found.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert found.PatientName == "Müller^Zoë"
    table = (found.ExtendedOffsetTable, found.ExtendedOffsetTableLengths) if has_table else None
    read = list(generate_frames(found.PixelData, number_of_frames=len(frames), extended_offsets=table))
    assert [frame[: len(sent)] for frame, sent in zip(read, frames, strict=True)] == list(frames)
    assert b"".join(wrapped.data_set()) == wrapped.file.read_bytes()[wrapped.data_set_at :]


def test_frames_that_are_not_there_are_damage(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="2 frames, and has 1"):
        write(Made(a_dataset(), JPEGBaseline8Bit, Encapsulated([b"ab"], 2)), tmp_path)
    short = tmp_path / "short"
    short.write_bytes(b"ab")
    with pytest.raises(Damaged, match="ends within"):
        write(Made(a_dataset(), JPEGBaseline8Bit, Encapsulated([Stretch(short, 0, 3)], 1)), tmp_path)


def test_the_archive_and_the_specialties_are_one_implementation() -> None:
    assert IMPLEMENTATION_CLASS_UID == ARCHIVES
