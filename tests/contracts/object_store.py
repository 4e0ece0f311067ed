"""What every ObjectStore must do. An adapter is accepted when its fixtures make these pass."""

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from storage.errors import ObjectMissing
from storage.keys import fresh_key
from storage.objects import Bytes, ObjectStore

MIB = 1024 * 1024

#: A put in another process: it says when 12 MiB are on their way, and never ends.
_STALLING_PUT = """
import sys, time
{opener}
def chunks():
    for _ in range(12):
        yield b"x" * 1024 * 1024
    print("under way", flush=True)
    time.sleep(600)
store.put(sys.argv[1], chunks())
"""


def new_key() -> str:
    """A key of this hour."""
    return fresh_key(datetime.now(UTC))


def breaks_after(size: int, error: Exception) -> Iterator[Bytes]:
    """Chunks of a sender that goes away."""
    for _ in range(0, size, MIB):
        yield bytes(MIB)
    raise error


def reused(size: int) -> Iterator[Bytes]:
    """`size` bytes through one buffer, as the receiving edge hands them on; the n-th MiB is full of n."""
    buffer = bytearray(MIB)
    for number in range(-(-size // MIB)):
        length = min(MIB, size - number * MIB)
        buffer[:length] = bytes([number % 256]) * length
        yield memoryview(buffer)[:length]
        buffer[:] = b"\xff" * MIB  # used up: whoever kept the view now holds nonsense


def is_as_sent(chunks: Iterator[bytes], size: int) -> bool:
    """Whether these are the bytes of `reused`."""
    place = 0
    for chunk in chunks:
        for at in range(place, place + len(chunk), 4096):
            if chunk[at - place] != (at // MIB) % 256:
                return False
        place += len(chunk)
    return place == size


class ObjectStoreContract:
    """Fixtures: `store`, and `opener`, source text that binds `store` to the same one in another process."""

    def test_what_was_put_is_there(self, store: ObjectStore) -> None:
        key = new_key()
        assert store.put(key, [b"ab", bytearray(b"cd"), b"", memoryview(b"ef")]) == 6
        assert store.size(key) == 6
        assert list(store.read(key)) == [b"abcdef"]

    def test_an_object_may_be_empty(self, store: ObjectStore) -> None:
        key = new_key()
        assert store.put(key, []) == 0
        assert store.size(key) == 0
        assert list(store.read(key)) == []
        assert list(store.read(key, 0, 10)) == []

    def test_putting_the_same_again_changes_nothing(self, store: ObjectStore) -> None:
        key = new_key()
        store.put(key, [b"same"])
        assert store.put(key, [b"same"]) == 4
        assert b"".join(store.read(key)) == b"same"
        assert [each.key for each in store.list()].count(key) == 1

    @pytest.mark.parametrize(
        ("start", "stop"),
        [
            (0, None), (0, 0), (0, 1), (9, 10), (9, None), (3, 7), (7, 3),
            (0, 10), (5, 99), (10, None), (10, 12), (99, 100),
        ],
    )  # fmt: skip
    def test_a_range_is_cut_as_a_slice_is(self, store: ObjectStore, start: int, stop: int | None) -> None:
        key = new_key()
        store.put(key, [b"0123456789"])
        assert b"".join(store.read(key, start, stop)) == b"0123456789"[start:stop]

    @pytest.mark.parametrize(("start", "stop"), [(0, None), (3, 7), (7, 3), (5, 99), (12, None)])
    def test_what_is_at_hand_is_what_is_there(self, store: ObjectStore, start: int, stop: int | None) -> None:
        key = new_key()
        store.put(key, [b"0123456789"])
        assert list(store.read(key)) == [b"0123456789"]
        assert store.at_hand(key, start, stop) in (None, b"0123456789"[start:stop])

    def test_what_is_long_or_missing_is_not_at_hand(self, store: ObjectStore) -> None:
        key = new_key()
        assert store.at_hand(key, 0, None) is None
        store.put(key, reused(MIB + 1))
        assert store.at_hand(key, 0, None) is None

    @pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, -1)])
    def test_a_range_does_not_count_from_the_end(self, store: ObjectStore, start: int, stop: int) -> None:
        with pytest.raises(ValueError, match="range"):
            store.read(new_key(), start, stop)

    @pytest.mark.parametrize(("size", "chunks"), [(1, 1), (MIB - 1, 1), (MIB, 1), (MIB + 1, 2), (3 * MIB, 3)])
    def test_chunks_are_as_long_as_they_may_be(self, store: ObjectStore, size: int, chunks: int) -> None:
        key = new_key()
        store.put(key, reused(size))
        read = list(store.read(key))
        assert len(read) == chunks
        assert is_as_sent(iter(read), size)

    def test_a_read_may_be_left_early(self, store: ObjectStore) -> None:
        key = new_key()
        store.put(key, reused(5 * MIB))
        for _ in range(10):
            next(store.read(key))
            store.read(key)
        assert is_as_sent(store.read(key), 5 * MIB)

    def test_a_missing_key_is_missing_at_once(self, store: ObjectStore) -> None:
        key = new_key()
        for ask in (store.size, store.read, lambda missing: store.read(missing, 5, 5)):
            with pytest.raises(ObjectMissing) as caught:
                ask(key)
            assert caught.value.what == key

    def test_deleting_twice_is_deleting_once(self, store: ObjectStore) -> None:
        key = new_key()
        store.put(key, [b"gone soon"])
        store.delete(key)
        store.delete(key)
        with pytest.raises(ObjectMissing):
            store.size(key)
        assert key not in {each.key for each in store.list()}

    @pytest.mark.parametrize("size", [0, 1 * MIB, 12 * MIB, 20 * MIB])
    def test_a_broken_put_leaves_nothing(self, store: ObjectStore, size: int) -> None:
        key = new_key()
        error = OSError(28, "the sender's own, not the store's")
        with pytest.raises(OSError, match="the sender's own") as caught:
            store.put(key, breaks_after(size, error))
        assert caught.value is error
        with pytest.raises(ObjectMissing):
            store.size(key)
        assert list(store.list()) == []
        assert store.abort_stale(datetime.now(UTC) + timedelta(hours=1)) == 0

    def test_a_put_that_is_killed_leaves_nothing_under_the_key(self, store: ObjectStore, opener: str) -> None:
        key = new_key()
        with subprocess.Popen(
            [sys.executable, "-c", _STALLING_PUT.format(opener=opener), key], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"under way\n"
            with pytest.raises(ObjectMissing):
                store.size(key)
            process.kill()
        with pytest.raises(ObjectMissing):
            store.size(key)
        assert list(store.list()) == []
        now = datetime.now(UTC)
        assert store.abort_stale(now - timedelta(hours=1)) == 0, "it is not old yet"
        assert store.abort_stale(now + timedelta(hours=1)) == 1
        assert store.abort_stale(now + timedelta(hours=1)) == 0

    def test_a_listing_shows_sizes_and_ages(self, store: ObjectStore) -> None:
        sizes = {new_key(): size for size in range(20)}
        for key, size in sizes.items():
            store.put(key, [b"x" * size])
        listed = list(store.list())
        assert {each.key: each.size for each in listed} == sizes
        assert all(abs(datetime.now(UTC) - each.modified_at) < timedelta(minutes=1) for each in listed)

    def test_a_large_object_passes_through_in_little_memory(self, store: ObjectStore) -> None:
        key, size = new_key(), 64 * MIB
        tracemalloc.start()
        try:
            assert store.put(key, reused(size)) == size
            assert is_as_sent(store.read(key), size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 40 * MIB
        assert store.size(key) == size

    def test_many_threads_put_and_read_at_once(self, store: ObjectStore) -> None:
        def put_one(number: int) -> tuple[str, bytes]:
            key, content = new_key(), random.Random(number).randbytes(number * 997)
            store.put(key, [content])
            return key, content

        with ThreadPoolExecutor(8) as threads:
            kept = list(threads.map(put_one, range(80)))
            read = threads.map(lambda pair: b"".join(store.read(pair[0])) == pair[1], kept)
            assert all(read)
        assert {each.key for each in store.list()} == {key for key, _ in kept}

    @pytest.mark.parametrize(
        "key",
        [
            "", ".", "..", "/etc/passwd", "../../../../etc/passwd", "1.2.840.10008.1.2.1.dcm",
            "2026/11/21/22/../../../../../etc/passwd", "2026/11/21/22/\0.dcm",
            f"2026/11/21/22/{'0' * 32}.dcm\n", f"2026/11/21/22/{'0' * 32}.dcm/",
            f"2026/11/21/22/{'0' * 32}.dcm.part", f"2026/11/21/22/{'A' * 32}.dcm",
        ],
    )  # fmt: skip
    def test_only_our_own_keys_are_taken(self, store: ObjectStore, key: str) -> None:
        for ask in (store.read, store.size, store.delete, lambda key: store.put(key, [b"x"])):
            with pytest.raises(ValueError, match="not a key"):
                ask(key)

    def test_room_is_a_number_or_unknown(self, store: ObjectStore) -> None:
        room = store.room()
        assert room is None or room > 0
