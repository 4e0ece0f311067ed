"""Every kind that is understood is fed with damage, from a file that is whole."""

from pathlib import Path

import pytest

from ologies.recognition import Kind, recognise
from tests.fuzz.changes import changed
from tests.fuzz.seeds import seed_of
from tests.ologies.material import wrap_here


@pytest.mark.parametrize("kind", Kind)
def test_a_seed_is_whole(kind: Kind, tmp_path: Path) -> None:
    seed = seed_of(kind)
    if seed is None:
        pytest.skip("its real file is not beside this checkout")
    path = tmp_path / "seed"
    path.write_bytes(seed.content)
    for name, content in seed.beside.items():
        tmp_path.joinpath(name).write_bytes(content)
    assert recognise(path) is kind
    assert wrap_here(path, seed.case).objects
    assert seed_of(kind) == seed  # so that a number says which file it is


def test_a_number_names_its_damage() -> None:
    content = bytes(range(256)) * 8
    assert changed(content, 7) == changed(content, 7)
    assert len({changed(content, number) for number in range(50)}) > 45
