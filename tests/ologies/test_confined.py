"""A file that ends its reader takes no other along."""

import os
import time
from pathlib import Path

import pytest

from ologies.case import Case
from ologies.confined import Job, wrap_all
from ologies.errors import Asked, Damaged
from ologies.recognition import Kind
from ologies.wrapping import Wrapped
from tests.ologies.material import PDF, a_case


def hostile(path: Path, case: Case) -> Wrapped:
    """Reads no file, but does what its name says."""
    match path.name:
        case "crash":
            os._exit(139)
        case "memory":
            bytearray(8 * 1024**3)
        case "asks":
            raise Asked(["person.sex"], [])
    return Wrapped(Kind.PDF, "1", "1", "1", "1", path.name.encode())


def test_the_rest_of_the_batch_goes_on() -> None:
    names = ["good", "crash", "better", "memory", "asks", "best"]
    done = list(wrap_all([Job(Path(name), a_case()) for name in names], processes=2, work=hostile))
    assert [each.job.path.name for each in done] == names
    outcomes = {each.job.path.name: each.outcome for each in done}
    assert all(isinstance(outcomes[name], Wrapped) for name in ("good", "better", "best"))
    assert isinstance(outcomes["crash"], Damaged)
    assert isinstance(outcomes["memory"], Damaged)
    assert isinstance(outcomes["asks"], Asked)
    assert outcomes["asks"].missing == ("person.sex",)


def test_no_more_than_a_few_wait_to_be_taken(tmp_path: Path) -> None:
    """Whoever takes the first has not had the last begun: objects do not pile up."""
    jobs = [Job(tmp_path / f"{number}", a_case()) for number in range(12)]
    done = wrap_all(jobs, processes=1, work=leaves_a_mark)
    next(done)
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) <= 3
    assert len(list(done)) == 11


def leaves_a_mark(path: Path, case: Case) -> Wrapped:
    path.touch()
    return Wrapped(Kind.PDF, "1", "1", "1", "1", b"")


@pytest.mark.parametrize("processes", [1, 2])
def test_files_are_wrapped_in_their_order(tmp_path: Path, processes: int) -> None:
    paths = [tmp_path / f"{number}.pdf" for number in range(5)]
    for path in paths:
        path.write_bytes(PDF + path.name.encode() + b"%%EOF")
    done = list(wrap_all([Job(path, a_case()) for path in paths], processes))
    assert [each.job.path for each in done] == paths
    assert all(isinstance(each.outcome, Wrapped) for each in done)
