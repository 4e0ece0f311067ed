"""When a file is whole: it has looked the same for long enough, and nobody has it open to write."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from imx.watching.sightings import Look, Sightings, is_being_written

FILE = Path("/share/slide.svs")


def test_a_file_is_quiet_since_it_looked_so_first() -> None:
    sightings = Sightings()
    for now in (0.0, 5.0, 8.0):
        sightings.note({FILE: Look(100, 1)}, now)
    assert sightings.quiet_s(FILE, 8.0) == 8.0
    sightings.note({FILE: Look(200, 1)}, 9.0)
    sightings.note({FILE: Look(200, 1)}, 11.0)
    assert (sightings.quiet_s(FILE, 11.0), sightings.look(FILE)) == (2.0, Look(200, 1))
    sightings.note({}, 12.0)
    sightings.note({FILE: Look(200, 1)}, 13.0)
    assert sightings.quiet_s(FILE, 13.0) == 0.0, "it went, and came again"


@pytest.fixture
def without_sigio() -> Iterator[None]:
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGIO, before)


@pytest.mark.usefixtures("without_sigio")
def test_whoever_has_it_open_to_write_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "slide.svs"
    with file.open("wb") as writing:
        writing.write(b"half")
        writing.flush()
        assert is_being_written(file)
    with file.open("rb"):
        assert not is_being_written(file)
    assert not is_being_written(tmp_path / "gone")


def test_a_process_that_a_signal_would_end_does_not_ask(tmp_path: Path) -> None:
    file = tmp_path / "slide.svs"
    with file.open("wb"):
        assert not is_being_written(file)
