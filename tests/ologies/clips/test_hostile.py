"""Clips that are broken or lie end in a sentence, and hold no more memory than their limits."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ologies.clips.coding import read_h264, read_h265
from ologies.clips.movie import read_movie
from ologies.confined import Job, wrap_all
from ologies.errors import Damaged, OlogyError
from ologies.wrapping import Wrapping
from tests.ologies.clips.material import a_clip
from tests.ologies.clips.test_copying import CASE
from tests.ologies.material import wrap_here


@cache
def clip(name: str, codec: str = "libx264") -> bytes:
    with TemporaryDirectory() as folder:
        sound, pixels = "aac" if name == "clip.mp4" else None, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        path = a_clip(Path(folder) / name, codec=codec, count=4, sound=sound, pixels=pixels)
        return path.read_bytes()


def edited(content: bytes, edits: list[tuple[float, bytes]]) -> bytes:
    """Other bytes at places of its tables; samples are for its decoder, who has them elsewhere."""
    changed = bytearray(content)
    start = content.index(b"moov")
    for place, new in edits:
        at = start + int(place * (len(content) - start))
        changed[at : at + len(new)] = new
    return bytes(changed)


EDITS = st.lists(
    st.tuples(st.floats(0, 0.999), st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 4))),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(EDITS)
def test_tables_that_lie_are_damaged_or_read(edits: list[tuple[float, bytes]]) -> None:
    content = edited(clip("clip.mp4"), edits)
    try:
        movie = read_movie(lambda start, stop: content[start:stop], len(content))
    except Damaged:
        return
    for track in movie.tracks:
        assert all(place + count <= len(content) for _, count, place in track.chunks)


@settings(max_examples=30, deadline=None)
@given(EDITS)
def test_whatever_they_say_the_end_is_a_sentence(edits: list[tuple[float, bytes]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(edited(clip("clip.mp4"), edits))
        with suppress(OlogyError):
            assert wrap_here(path, CASE).objects


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_parameter_sets_of_any_bytes(unit: bytes) -> None:
    for read in (read_h264, read_h265):
        try:
            read(unit)
        except Damaged:
            continue


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.avi", "mjpeg"), ("clip.mpg", "mpeg2video"), ("clip.mp4", "libx264")]
)
def test_in_their_processes_they_are_wrapped_beside_broken_ones(
    name: str, codec: str, tmp_path: Path
) -> None:
    """Within the limits of a process that a hostile file can only end."""
    whole, broken = tmp_path / name, tmp_path / f"broken {name}"
    whole.write_bytes(clip(name, codec))
    broken.write_bytes(clip(name, codec)[:200])
    jobs = [Job(broken, CASE), Job(whole, CASE)]
    first, second = (done.outcome for done in wrap_all(jobs, tmp_path, processes=1))
    assert isinstance(first, Damaged)
    assert isinstance(second, Wrapping)
