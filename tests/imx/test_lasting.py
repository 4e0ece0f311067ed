"""Tasks of the worker go on, and what went wrong is said without what it may hold of a patient."""

import threading
from typing import Any

import pytest
import structlog

from imx import lasting
from imx.lasting import again_and_again
from imx.metrics import FAULTS
from storage.errors import IndexUnavailable


def test_a_task_goes_on_after_whatever_it_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "FIRST_PAUSE_S", 0.01)
    stop, done = threading.Event(), threading.Event()
    met: list[Exception] = [ValueError("Smith^Jo"), IndexUnavailable("away"), KeyError("Smith^Jo")]

    def act() -> None:
        if met:
            raise met.pop(0)
        done.set()

    with structlog.testing.capture_logs() as logged:
        before = FAULTS.labels("a task")._value.get()
        thread = again_and_again("a task", 0.001, act, stop)
        thread.start()
        assert done.wait(10)
        stop.set()
        thread.join(10)

    assert FAULTS.labels("a task")._value.get() - before == 2
    events: list[Any] = [(entry["event"], entry["error"]) for entry in logged]
    assert events == [
        ("worker.fault", "ValueError"), ("worker.later", "IndexUnavailable"), ("worker.fault", "KeyError"),
    ]  # fmt: skip
    assert "Smith" not in repr([str(entry.get("exc_info")) for entry in logged])
