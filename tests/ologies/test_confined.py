"""A file that ends its reader takes no other along."""

import os
import time
from pathlib import Path

import pytest

from ologies.case import Case
from ologies.confined import WRITTEN_BYTES, Job, wrap_all
from ologies.errors import Asked, Damaged
from ologies.recognition import Kind
from ologies.wrapping import Wrapping
from tests.ologies.material import PDF, a_case


def hostile(path: Path, case: Case, into: Path) -> Wrapping:
    """Reads no file, but does what its name says."""
    match path.name:
        case "crash":
            os._exit(139)
        case "memory":
            bytearray(8 * 1024**3)
        case "writes":
            with into.joinpath("bomb").open("wb") as file:
                file.truncate(WRITTEN_BYTES + 1)
        case "breaks":
            raise ValueError("a reader of somebody else's")
        case "asks":
            raise Asked(["person.sex"], [])
    return Wrapping(Kind.PDF, "", (), (path.name,))


def test_the_rest_of_the_batch_goes_on(tmp_path: Path) -> None:
    names = ["good", "crash", "better", "memory", "writes", "breaks", "asks", "best"]
    done = list(wrap_all([Job(Path(name), a_case()) for name in names], tmp_path, processes=2, work=hostile))
    assert [each.job.path.name for each in done] == names
    outcomes = {each.job.path.name: each.outcome for each in done}
    assert all(isinstance(outcomes[name], Wrapping) for name in ("good", "better", "best"))
    for name in ("crash", "memory", "writes", "breaks"):
        assert isinstance(outcomes[name], Damaged)
    assert isinstance(outcomes["asks"], Asked)
    assert outcomes["asks"].missing == ("person.sex",)


def test_no_more_than_a_few_wait_to_be_taken(tmp_path: Path) -> None:
    """Whoever takes the first has not had the last begun: objects do not pile up."""
    marks, scratch = tmp_path / "marks", tmp_path / "scratch"
    marks.mkdir()
    scratch.mkdir()
    jobs = [Job(marks / f"{number}", a_case()) for number in range(12)]
    done = wrap_all(jobs, scratch, processes=1, work=leaves_a_mark)
    next(done)
    time.sleep(1)
    assert len(list(marks.iterdir())) <= 3
    assert len(list(done)) == 11


def leaves_a_mark(path: Path, case: Case, into: Path) -> Wrapping:
    path.touch()
    return Wrapping(Kind.PDF, "", ())


@pytest.mark.parametrize("processes", [1, 2])
def test_files_are_wrapped_in_their_order(tmp_path: Path, processes: int) -> None:
    paths = [tmp_path / f"{number}.pdf" for number in range(5)]
    for path in paths:
        path.write_bytes(PDF + path.name.encode() + b"%%EOF")
    done = list(wrap_all([Job(path, a_case()) for path in paths], tmp_path, processes))
    assert [each.job.path for each in done] == paths
    assert all(isinstance(each.outcome, Wrapping) for each in done)
