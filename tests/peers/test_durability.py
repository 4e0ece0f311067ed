"""What is said to be kept is durable before it is said, as the kernel sees it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.material import Stamp, packages
from tests.peers.senders import dcmsend
from tests.peers.strace import Call, traced
from tests.service import Service

pytestmark = pytest.mark.peers

_FLUSHES = ("fsync", "fdatasync")
_SENDS = ("sendto", "sendmsg", "write", "writev")


def test_data_folder_commit_answer_in_that_order(service: Service, tmp_path: Path) -> None:
    [material] = [each for each in packages() if each.name == "CT_small.dcm"]
    file = Stamp.into(tmp_path / "files")(material)
    family = service.family()
    pids = [each.pid for each in family if "imx.child router" in each.command or "postgres" in each.command]

    with traced(pids, tmp_path / "trace") as trace:
        dcmsend([file], service.dicom_port)

    calls = trace.calls
    data = _first(calls, lambda call: _flushes(call, r"/objects/.*\.dcm"))
    folder = Path(_path(calls[data])).parent
    named = _first(calls, lambda call: _flushes(call, f"{folder}>"), after=data)
    commit = _first(calls, lambda call: call.pid == calls[data].pid and _sends(call, "UNIX"), after=named)
    logged = _first(calls, lambda call: _flushes(call, "/pg_wal/"), after=commit)
    answer = _first(calls, _is_p_data)

    assert data < named < commit < logged < answer
    assert logged == _first(calls, lambda call: call.pid == calls[logged].pid and _flushes(call, "/pg_wal/"))
    above = [parent for parent in folder.parents if parent.is_relative_to(service.data / "objects")]
    flushed_before = [call for call in calls[:commit] if call.name in _FLUSHES]
    # Each is new, or was made by a process that may have died before it flushed.
    assert {
        parent for parent in above if not any(_flushes(call, f"{parent}>") for call in flushed_before)
    } == set()


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
