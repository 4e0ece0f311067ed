"""Objects in local files."""

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.errors import NoRoom, ObjectMissing, ObjectsUnavailable
from storage.files import WRITEBACK_BYTES, FileObjects
from storage.keys import fresh_key
from storage.objects import Bytes
from tests.contracts.object_store import MIB, ObjectStoreContract, breaks_after, new_key, reused

_OPENER = """
from pathlib import Path
from storage.files import FileObjects
store = FileObjects(Path({root!r}), 0)
"""


class TestFileObjects(ObjectStoreContract):
    @pytest.fixture
    def store(self, root: Path) -> FileObjects:
        return FileObjects(root, 0)

    @pytest.fixture
    def opener(self, root: Path) -> str:
        return _OPENER.format(root=str(root))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that is not there yet, in a folder that is not either."""
    return tmp_path / "data" / "objects"


@pytest.fixture
def store(root: Path) -> FileObjects:
    return FileObjects(root, 0)


def files_in(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if not path.is_dir()]


def test_only_the_owner_may_look(store: FileObjects, root: Path) -> None:
    store.put(new_key(), [b"x"])
    for path in [root, root.parent, *root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_what_is_not_ours_is_neither_listed_nor_dropped(store: FileObjects, root: Path) -> None:
    for name in ("README", "2026/note.part", "2026/11/21/22/x.dcm"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not ours")
    assert list(store.list()) == []
    assert store.abort_stale(datetime.now(UTC) + timedelta(days=1)) == 0
    assert len(files_in(root)) == 3


def test_an_unfinished_put_is_not_listed(store: FileObjects, root: Path) -> None:
    key = new_key()

    def looks_around() -> Iterator[Bytes]:
        yield b"half"
        (path,) = files_in(root)
        assert re.fullmatch(re.escape(key) + r"\.[0-9a-f]{8}\.part", str(path.relative_to(root)))
        assert list(store.list()) == []
        assert store.abort_stale(datetime.now(UTC) - timedelta(days=1)) == 0
        yield b"whole"

    assert store.put(key, looks_around()) == 9
    assert [each.key for each in store.list()] == [key]


def test_what_a_crash_left_is_in_nobodys_way(store: FileObjects, root: Path) -> None:
    """A process killed in mid-put, and the same key put again by the next."""
    key = new_key()
    dying = _OPENER.format(root=str(root)) + (
        "import os, signal\n"
        "def chunks():\n"
        "    yield b'half'\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"store.put({key!r}, chunks())\n"
    )
    assert subprocess.run([sys.executable, "-c", dying]).returncode < 0
    assert len(files_in(root)) == 1

    assert store.put(key, [b"whole"]) == 5
    assert b"".join(store.read(key)) == b"whole"
    assert store.abort_stale(datetime.now(UTC) + timedelta(days=1)) == 1
    assert files_in(root) == [root / key]


def test_a_put_that_fails_does_not_take_what_was_put_before(
    store: FileObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that move one object: the folder cannot be flushed for the second."""
    key = new_key()
    store.put(key, [b"content"])

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(ObjectsUnavailable):
            store.put(key, [b"content"])
    assert b"".join(store.read(key)) == b"content"


def test_an_unfinished_put_that_was_dropped_fails(store: FileObjects, root: Path) -> None:
    def is_dropped() -> Iterator[Bytes]:
        yield b"slow"
        assert store.abort_stale(datetime.now(UTC) + timedelta(days=1)) == 1

    with pytest.raises(ObjectsUnavailable):
        store.put(new_key(), is_dropped())
    assert files_in(root) == []


@pytest.mark.parametrize("size", [0, 3 * MIB, WRITEBACK_BYTES + MIB])
def test_a_broken_put_leaves_no_file(store: FileObjects, root: Path, size: int) -> None:
    with pytest.raises(ConnectionError):
        store.put(new_key(), breaks_after(size, ConnectionError()))
    assert files_in(root) == []


def test_below_the_watermark_no_byte_is_asked_for(root: Path) -> None:
    def asked() -> Iterator[Bytes]:
        raise AssertionError("it was asked for")
        yield b""

    store = FileObjects(root, watermark_bytes=1 << 62)
    with pytest.raises(NoRoom):
        store.put(new_key(), asked())
    assert files_in(root) == []


def test_a_read_survives_a_delete(store: FileObjects) -> None:
    key = new_key()
    store.put(key, reused(3 * MIB))
    reading = store.read(key)
    next(reading)
    store.delete(key)
    assert sum(map(len, reading)) == 2 * MIB


def test_a_file_that_was_cut_is_noticed(store: FileObjects, root: Path) -> None:
    key = new_key()
    store.put(key, reused(3 * MIB))
    reading = store.read(key)
    next(reading)
    os.truncate(root / key, MIB)
    with pytest.raises(ObjectsUnavailable):
        next(reading)


def test_reads_leave_no_file_open(store: FileObjects) -> None:
    key = new_key()
    store.put(key, reused(3 * MIB))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        store.read(key)
        next(store.read(key))
        list(store.read(key))
    assert len(os.listdir("/proc/self/fd")) == before


def test_many_hours_keep_few_folders_open(store: FileObjects) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    before = len(os.listdir("/proc/self/fd"))
    for hours in range(60):
        store.put(fresh_key(start + timedelta(hours=hours)), [b"x"])
    assert len(os.listdir("/proc/self/fd")) < before + 10
    assert len(list(store.list())) == 60


def test_a_folder_removed_behind_our_back_is_made_again(store: FileObjects, root: Path) -> None:
    key = new_key()
    store.put(key, [b"x"])
    store.delete(key)
    shutil.rmtree(root / key[:4])
    again = key.replace(".dcm", "")[:-4] + "0000.dcm"
    store.put(again, [b"y"])
    assert (root / again).read_bytes() == b"y"


def test_folders_may_come_and_go_while_threads_put(store: FileObjects, root: Path) -> None:
    hour = root / fresh_key(datetime.now(UTC))[:13]
    done = threading.Event()

    def removes_what_is_empty() -> None:
        # Often, and now and then not: a disk that is slow to flush new folders gets one made between two.
        for pause_s in itertools.cycle([0.002] * 5 + [0.1]):
            with contextlib.suppress(OSError):
                hour.rmdir()
            if done.wait(pause_s):
                return

    remover = threading.Thread(target=removes_what_is_empty)
    remover.start()
    try:
        for _ in range(100):
            key = new_key()
            store.put(key, [b"x"])
            store.delete(key)
    finally:
        done.set()
        remover.join()


def test_a_root_that_is_gone_is_not_a_missing_object(store: FileObjects, root: Path) -> None:
    key = new_key()
    store.put(key, [b"x"])
    shutil.rmtree(root)
    for ask in (store.size, store.read, lambda key: store.put(key, [b"x"]), lambda _: list(store.list())):
        with pytest.raises(ObjectsUnavailable):
            ask(key)


def test_a_root_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_bytes(b"")
    with pytest.raises(ObjectsUnavailable):
        FileObjects(tmp_path / "file" / "objects", 0)


def test_processes_share_new_folders(root: Path) -> None:
    script = _OPENER.format(root=str(root)) + (
        "from datetime import UTC, datetime, timedelta\n"
        "from storage.keys import fresh_key\n"
        "for hours in range(40):\n"
        "    store.put(fresh_key(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=7 * hours)), [b'x'])\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert len(list(FileObjects(root, 0).list())) == 160


# A full disk, and one that fails

_EXPECTING = """
import sys
{opener}
from storage.errors import {error}
{before}
try:
    store.put({key!r}, (b"x" * 65536 for _ in range(64)))
except {error}:
    left = [path.name for path in Path({root!r}).rglob("*.dcm*")]
    sys.exit(0 if left == {left!r} else 2)
sys.exit(1)
"""


def expecting(error: str, root: Path, key: str, before: str = "", left: Sequence[str] = ()) -> list[str]:
    """A command that puts 4 MiB and succeeds when `error` was raised and no file but `left` was left."""
    script = _EXPECTING.format(
        opener=_OPENER.format(root=str(root)),
        error=error,
        root=str(root),
        key=key,
        before=before,
        left=list(left),
    )
    return [sys.executable, "-B", "-c", script]


def test_a_full_disk_is_no_room(tmp_path: Path) -> None:
    """On a tmpfs of 1 MiB in a mount namespace of its own; users may have those too on most systems."""
    within = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
    namespace = ["unshare", *within, "sh", "-c", mount, str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace may be made here")
    subprocess.run([*namespace, *expecting("NoRoom", tmp_path / "objects", new_key())], check=True)


def test_a_limit_on_files_is_no_room(root: Path) -> None:
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({MIB}, resource.RLIM_INFINITY))"
    subprocess.run(expecting("NoRoom", root, new_key(), limit), check=True)


def traced(log: Path, *options: str) -> list[str]:
    """The start of a command under strace; skips where that cannot be."""
    command = ["strace", "-f", "-y", "-o", str(log), *options]
    if not shutil.which("strace") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("no strace here")
    return command


@pytest.mark.parametrize(
    ("call", "which"),
    [
        ("write", "1+"),
        ("fdatasync", "1+"),
        ("rename,renameat,renameat2", "1+"),
        ("fsync", "4+"),  # of the root's path there were three to flush, then come the root and three more
        ("fsync", "8+"),  # the object's folder
    ],
)
def test_a_disk_that_fails_is_not_asked_again(root: Path, tmp_path: Path, call: str, which: str) -> None:
    log, key = tmp_path / "trace", new_key()
    chance = "from unittest import mock; mock.patch('storage.files.token_hex', lambda _: '0' * 8).start()"
    only_the_object = ["-P", f"{root}/{key}.00000000.part"] if call == "write" else []
    left = [key.rpartition("/")[2]] if which == "8+" else []  # under its name, and whole
    inject = ["-e", f"trace={call}", *only_the_object, "-e", f"inject={call}:error=EIO:when={which}"]
    command = expecting("ObjectsUnavailable", root, key, chance, left)
    subprocess.run([*traced(log, *inject), *command], check=True)
    assert len(re.findall("EIO", log.read_text())) == 1


def test_a_put_is_flushed_before_it_is_named_and_its_folder_after(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "trace"
    trace = traced(log, "-e", "trace=mkdirat,openat,write,fdatasync,rename,renameat,renameat2,fsync")
    key = new_key()
    script = _OPENER.format(root=str(root)) + f"store.put({key!r}, [b'content'])"
    subprocess.run([*trace, sys.executable, "-c", script], check=True)
    folder, name = f"{root}/{key[:13]}", key[14:]
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    parents = [str(root), *(f"{root}/{key[:length]}" for length in (4, 7, 10))]
    order = [
        rf'openat\(\d+<{folder}>, "{name}\.[0-9a-f]{{8}}\.part", .*O_EXCL.*, 0600\)',
        rf'write\(\d+<{folder}/{name}\.[0-9a-f]{{8}}\.part>, "content", 7\)',
        *(rf"fsync\(\d+<{parent}>\) *= 0" for parent in parents),
        rf"fdatasync\(\d+<{folder}/{name}\.[0-9a-f]{{8}}\.part>\) *= 0",
        rf'rename(at|at2)?\(\d+<{folder}>, "{name}\.[0-9a-f]{{8}}\.part", \d+<{folder}>, "{name}"',
        rf"fsync\(\d+<{folder}>\) *= 0",
    ]
    places = [[place for place, call in enumerate(calls) if re.match(step, call)] for step in order]
    assert [len(found) for found in places] == [1] * len(order), calls
    assert places == sorted(places), calls


def test_a_missing_object_in_a_missing_folder_is_missing(store: FileObjects) -> None:
    with pytest.raises(ObjectMissing):
        store.size(fresh_key(datetime(1999, 1, 1, tzinfo=UTC)))
