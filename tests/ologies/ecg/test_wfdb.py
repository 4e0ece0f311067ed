"""WFDB records: every format's samples worth what they were, and only files beside the header opened."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ologies.ecg.wfdb import is_header
from ologies.errors import Damaged, OlogyError
from ologies.recognition import Kind, recognise
from ologies.wrapping import files_beside
from tests.ologies.ecg.test_waveform import microvolts
from tests.ologies.material import a_case, wrap_here, wrap_one


def _packed_212(samples: Sequence[int]) -> bytes:
    """Pairs of twelve bits in three bytes (signal(5))."""
    made = bytearray()
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        one, two = first & 0xFFF, second & 0xFFF
        made += bytes([one & 0xFF, one >> 8 | (two >> 8) << 4, two & 0xFF])
    return bytes(made)


def _packed_310(samples: Sequence[int]) -> bytes:
    """Three of ten bits in two words of eleven, and what is left of them."""
    made = bytearray()
    for at in range(0, len(samples), 3):
        one, two, three = (each & 0x3FF for each in samples[at : at + 3])
        words = one << 1 | (three & 0x1F) << 11, two << 1 | (three >> 5) << 11
        made += b"".join(word.to_bytes(2, "little") for word in words)
    return bytes(made)


def _packed_311(samples: Sequence[int]) -> bytes:
    made = bytearray()
    for at in range(0, len(samples), 3):
        one, two, three = (each & 0x3FF for each in samples[at : at + 3])
        made += (one | two << 10 | three << 20).to_bytes(4, "little")
    return bytes(made)


def _of(kind: str) -> Callable[[Sequence[int]], bytes]:
    return lambda samples: np.asarray(samples).astype(kind).tobytes()


#: How each format is written, and the bits of a sample.
FORMATS: Mapping[int, tuple[Callable[[Sequence[int]], bytes], int]] = {
    16: (_of("<i2"), 16),
    24: (lambda samples: b"".join(each.to_bytes(3, "little", signed=True) for each in samples), 24),
    32: (_of("<i4"), 32),
    61: (_of(">i2"), 16),
    80: (lambda samples: bytes(each + 128 for each in samples), 8),
    160: (lambda samples: np.asarray([each + 32_768 for each in samples]).astype("<u2").tobytes(), 16),
    212: (_packed_212, 12),
    310: (_packed_310, 10),
    311: (_packed_311, 10),
}


def a_record(folder: Path, kind: int, leads: Mapping[str, Sequence[int]], rate: str = "500") -> Path:
    """A header whose name says nothing, and its signals, at 200 counts a millivolt and a baseline of 10."""
    write, _ = FORMATS[kind]
    together = [value for frame in zip(*leads.values(), strict=True) for value in frame]
    folder.joinpath("r1.dat").write_bytes(write(together))
    lines = [f"r1 {len(leads)} {rate} {len(next(iter(leads.values())))} 10:15:00 03/03/2026"]
    for name, samples in leads.items():
        total = (sum(samples) + 0x8000) % 0x10000 - 0x8000
        lines.append(f"r1.dat {kind} 200(10)/mV 0 0 {samples[0]} {total} 0 {name}")
    path = folder / "header"
    path.write_text("# made for a test\n" + "\n".join(lines) + "\n# <age>: 70\n")
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_every_sample_of_every_format_is_worth_what_it_was(kind: int, tmp_path: Path) -> None:
    _, bits = FORMATS[kind]
    most = min(2 ** (bits - 1) - 1, 2**20)
    values = np.random.default_rng(kind).integers(-most + 1, most, (6, 2))
    values[0], values[1] = most, -most
    leads = {"I": [int(each) for each in values[:, 0]], "II": [int(each) for each in values[:, 1]]}

    found = microvolts(
        pydicom.dcmread(wrap_one(a_record(tmp_path, kind, leads), a_case()).file).WaveformSequence[0]
    )

    for lead, samples in leads.items():
        np.testing.assert_allclose(found[lead], (np.array(samples) - 10) / 200 * 1000, rtol=1e-9, atol=1e-9)


def test_what_was_not_measured_is_missing_and_no_rate_is_rounded(tmp_path: Path) -> None:
    path = a_record(tmp_path, 16, {"I": [1, -32_768, 3], "II": [4, 5, 6]}, rate="250.5")

    group = pydicom.dcmread(wrap_one(path, a_case()).file).WaveformSequence[0]

    assert group.SamplingFrequency == 250.5
    np.testing.assert_array_equal(np.isnan(microvolts(group)["I"]), [False, True, False])


def test_a_record_of_segments_is_one_recording(tmp_path: Path) -> None:
    for name, samples in (("s1", [1, 2]), ("s2", [3, 4, 5])):
        tmp_path.joinpath(f"{name}.dat").write_bytes(np.array(samples, "<i2").tobytes())
        tmp_path.joinpath(f"{name}.hea").write_text(
            f"{name} 1 500 {len(samples)}\n{name}.dat 16 1000/mV 0 0 0 {sum(samples)} 0 II\n"
        )
    path = tmp_path / "r.hea"
    path.write_text("r/2 1 500 5\ns1 2\ns2 3\n")

    assert {each.name for each in files_beside(path, Kind.WFDB)} == {"s1.hea", "s1.dat", "s2.hea", "s2.dat"}
    group = pydicom.dcmread(wrap_one(path, a_case()).file).WaveformSequence[0]

    np.testing.assert_allclose(microvolts(group)["II"], [1, 2, 3, 4, 5])


def test_other_signals_are_another_object(tmp_path: Path) -> None:
    path = a_record(tmp_path, 16, {"I": [1, 2, 3]})
    path.write_text("r1 1 500 3\nr1.dat 16 200/mV\n")
    first = wrap_here(path, a_case())
    tmp_path.joinpath("r1.dat").write_bytes(bytes(6))
    second = wrap_here(path, a_case())

    assert first.digest == second.digest
    assert first.beside[0].digest != second.beside[0].digest
    assert first.objects[0].sop_instance_uid != second.objects[0].sop_instance_uid


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("r1 1 500 3\nother.dat 16 200/mV 0 0 1 6 0 I\n", "not beside it"),
        ("r1 1 500 3\n../r1.dat 16 200/mV 0 0 1 6 0 I\n", "not beside it"),
        ("r1 1 500 3\n/etc/passwd 16 200/mV 0 0 1 6 0 I\n", "not beside it"),
        ("r1 1 500 3\n.hidden 16 200/mV 0 0 1 6 0 I\n", "not beside it"),
        ("r1 1 500 9\nr1.dat 16 200/mV 0 0 1 6 0 I\n", "can be read"),
        ("r1 2 500 3\nr1.dat 16 200/mV 0 0 1 6 0 I\n", "announces 2 lines"),
        ("r1 1 500 3\nr1.dat 16 200/mV 0 0 1 7 0 I\n", "checksums"),
        ("r1 1 500 3\nr1.dat 16 200/mmHg 0 0 1 6 0 ABP\n", "no voltage"),
        ("r1/2 1 500 6\n~ 0\nr1 3\n", "differ in their signals"),
        ("r1/1 1 500 6\nheader 3\n", "not beside it"),
    ],
)
def test_a_header_that_lies_ends_in_words(header: str, reason: str, tmp_path: Path) -> None:
    path = a_record(tmp_path, 16, {"I": [1, 2, 3]})
    path.write_text(header)

    with pytest.raises(Damaged, match=reason):
        wrap_here(path, a_case())


def test_it_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    assert recognise(a_record(tmp_path, 16, {"I": [1, 2, 3]})) is Kind.WFDB
    assert is_header(b"# a comment\n100 2 360 650000\n100.dat 212 200 11 1024 995 -22131 0 MLII\n")
    assert not is_header(b"Dear 2 colleagues\nthank you for 3 letters\n")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_change_to_a_header_ends_in_words_or_in_an_object(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = a_record(tmp_path_factory.mktemp("hostile"), 212, {"I": [1, 2], "II": [3, 4]})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    path.write_bytes(content)
    try:
        if recognise(path) is Kind.WFDB:
            wrap_here(path, a_case())
    except OlogyError:
        pass
