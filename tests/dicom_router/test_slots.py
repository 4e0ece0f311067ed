"""Association limits across processes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_router.slots import SlotsUnavailable, folder_of_all, folder_of_peer, take_slot

HOLDER = """
import sys
from pathlib import Path
from dicom_router.slots import take_slot
assert take_slot(Path(sys.argv[1]), 2) is not None
print("held", flush=True)
sys.stdin.read()
"""


def test_a_slot_is_held_until_it_is_freed(tmp_path: Path) -> None:
    first, second = take_slot(tmp_path, 2), take_slot(tmp_path, 2)
    assert first is not None
    assert second is not None
    assert take_slot(tmp_path, 2) is None

    first.free()

    third = take_slot(tmp_path, 2)
    assert third is not None
    second.free()
    third.free()


def test_slots_of_a_killed_process_are_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        ours = take_slot(tmp_path, 2)
        assert ours is not None
        assert take_slot(tmp_path, 2) is None

        other.send_signal(signal.SIGKILL)
        other.wait(10)

        again = take_slot(tmp_path, 2)
        assert again is not None
        ours.free()
        again.free()


def test_no_slots_at_all(tmp_path: Path) -> None:
    assert take_slot(tmp_path, 0) is None


@pytest.mark.parametrize("title", ["../../ETC", "A B", ".", "A" * 16])
def test_an_ae_title_is_never_a_path(tmp_path: Path, title: str) -> None:
    folder = folder_of_peer(tmp_path, title)

    assert folder.parent == tmp_path / "peers"
    assert folder.name.isalnum()
    assert folder != folder_of_all(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "slots").write_text("a file")

    with pytest.raises(SlotsUnavailable, match="slots"):
        take_slot(tmp_path / "slots" / "all", 1)
