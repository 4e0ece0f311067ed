"""What is said to be kept is durable before it is said, as the kernel sees it."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from benchmarks.phantoms import LARGE, SMALL, Load, write_batch
from benchmarks.senders import Address, Tuning, push
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from tests.peers.conftest import introduce
from tests.peers.strace import Call, traced
from tests.service import PATIENCE_S, Service

pytestmark = pytest.mark.peers

_FLUSHES = ("fsync", "fdatasync")
_SENDS = ("sendto", "sendmsg", "write", "writev")


def test_a_larger_object_data_folder_commit_answer_in_that_order(service: Service, tmp_path: Path) -> None:
    with traced(processes(service, "router"), tmp_path / "trace") as trace:
        send_one(service, LARGE, tmp_path)

    calls = trace.calls
    data = _first(calls, lambda call: _flushes(call, r"/objects/.*\.dcm"))
    folder = Path(_path(calls[data])).parent
    named = _first(calls, lambda call: _flushes(call, f"{folder}>"), after=data)
    commit = _first(calls, lambda call: call.pid == calls[data].pid and _sends(call, "UNIX"), after=named)
    logged = _first(calls, lambda call: _flushes(call, "/pg_wal/"), after=commit)
    answer = _first(calls, _is_p_data)

    said = _first(calls, lambda call: "instance_id" in call.arguments, after=commit)  # by the database
    assert data < named < commit < logged < said < answer
    # PostgreSQL's log writer flushes whenever it likes; who commits has flushed nothing before.
    assert not any(call.pid == calls[said].pid and _flushes(call, "/pg_wal/") for call in calls[:commit])
    _assert_flushed_above(folder, service, calls[:commit])


def test_a_small_object_is_committed_and_then_answered(service: Service, tmp_path: Path) -> None:
    with traced(processes(service, "router"), tmp_path / "trace") as trace:
        send_one(service, SMALL, tmp_path)

    logged = _first(trace.calls, lambda call: _flushes(call, "/pg_wal/"))
    assert logged < _first(trace.calls, _is_p_data)


@pytest.fixture
def unused(peers_folder: Path) -> Iterator[Service]:
    """A service whose worker has moved nothing, and so flushed no folder, before the test."""
    service = Service(peers_folder / "durability-unused")
    try:
        service.start()
        introduce(service, "DCMSEND")
        yield service
    finally:
        service.stop()


def test_a_small_object_is_let_go_once_it_is_durable_elsewhere(unused: Service, tmp_path: Path) -> None:
    service = unused
    with traced(processes(service, "worker"), tmp_path / "trace") as trace:
        send_one(service, SMALL, tmp_path)
        wait_until_all_are_let_go(service)

    calls = trace.calls
    data = _first(calls, lambda call: _flushes(call, r"/objects/.*\.dcm"))
    folder = Path(_path(calls[data])).parent
    named = _first(calls, lambda call: _flushes(call, f"{folder}>"), after=data)
    let_go = _first(calls, lambda call: _sends(call, "UNIX") and "delete from staged" in call.arguments)
    assert data < named < let_go
    _assert_flushed_above(folder, service, calls[:let_go])


def wait_until_all_are_let_go(service: Service) -> None:
    """Until the database keeps nobody's bytes."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(cluster_in(service.data, find_binaries(), None).conninfo()) as connection:
        while connection.execute("select from staged").rowcount:
            assert time.monotonic() < deadline, "it is not moved"
            connection.rollback()
            time.sleep(0.2)


def processes(service: Service, part: str) -> list[int]:
    """Those of that part, and of PostgreSQL."""
    wanted = (f"imx.child {part}", "postgres")
    return [each.pid for each in service.family() if any(name in each.command for name in wanted)]


def send_one(service: Service, load: Load, folder: Path) -> None:
    """One instance, by dcmsend."""
    batch = write_batch(replace(load, files=1), folder / "files")
    push(batch, Address("IMX", service.dicom_port), Tuning.TUNED, calling="DCMSEND")


def _assert_flushed_above(folder: Path, service: Service, calls: list[Call]) -> None:
    """Each folder above is new, or was made by a process that may have died before it flushed."""
    above = [parent for parent in folder.parents if parent.is_relative_to(service.data / "objects")]
    flushed = [call for call in calls if call.name in _FLUSHES]
    assert {parent for parent in above if not any(_flushes(call, f"{parent}>") for call in flushed)} == set()


def _first(calls: list[Call], is_it: Callable[[Call], bool], after: int = -1) -> int:
    for number, call in enumerate(calls):
        if number > after and is_it(call):
            return number
    raise AssertionError(
        "no such call:\n" + "\n".join(f"{call.pid} {call.name} {call.arguments}" for call in calls)
    )


def _flushes(call: Call, path: str) -> bool:
    return call.name in _FLUSHES and re.search(path, call.arguments) is not None


def _sends(call: Call, to: str) -> bool:
    return call.name in _SENDS and f"<{to}" in call.arguments


def _is_p_data(call: Call) -> bool:
    """A P-DATA-TF PDU to the sender (PS3.8 §9.3.5): here the C-STORE response is the only one."""
    return _sends(call, "TCP") and r'"\4\0' in call.arguments


def _path(call: Call) -> str:
    found = re.search(r"<(/[^>]*)>", call.arguments)
    assert found is not None
    return found[1]
