"""The bytes of one put on their way to S3: read in parts as minio asks, and digested as they go."""

import hashlib
import re
from collections.abc import Iterable, Mapping

from storage.errors import ObjectsUnavailable
from storage.objects import Bytes

#: An ETag that is an MD5: of the object, or of its parts' MD5s and their number.
_MD5_ETAG = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")

#: Stores that encrypt with a key of the client's or of a key service make other ETags of the same form.
_ENCRYPTION = "x-amz-server-side-encryption"


class Upload:
    """Chunks as something to read from, for `Minio.put_object`, which asks for a part at a time.

    A chunk is copied before the next is asked for. What `chunks` raises is kept apart, in `broken_by`:
    it may look like one of the store's own errors.
    """

    def __init__(self, chunks: Iterable[Bytes], part_bytes: int) -> None:
        self.size = 0
        self.broken_by: Exception | None = None
        self._chunks = iter(chunks)
        self._part_bytes = part_bytes
        self._kept = bytearray()  # read from `chunks`, not yet asked for
        self._digest = hashlib.md5(usedforsecurity=False)
        self._digests = b""  # of the parts that are full

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer only at the end."""
        try:
            while len(self._kept) < size and (chunk := next(self._chunks, None)) is not None:
                self._kept += chunk
        except Exception as error:
            self.broken_by = error
            raise
        read = bytes(memoryview(self._kept)[:size])
        del self._kept[:size]
        self._follow(read)
        return read

    def etag(self) -> str:
        """What S3 calls the bytes that were read: the MD5, of the parts' MD5s when there are several."""
        if self.size <= self._part_bytes:
            return (self._digests or self._digest.digest()).hex()
        last = self._digest.digest() if self.size % self._part_bytes else b""
        digests = self._digests + last
        return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(digests) // 16}"

    def compare(self, etag: str | None, headers: Mapping[str, str]) -> None:
        """Raise unless the store holds what was read, as far as its answer to the put tells."""
        if etag is not None and not _MD5_ETAG.fullmatch(etag):
            return
        if headers.get(_ENCRYPTION, "AES256") != "AES256":
            return
        if etag != self.etag():
            raise ObjectsUnavailable("the object store does not hold what was sent")

    def _follow(self, read: bytes) -> None:
        """Digest what goes out, part by part."""
        view = memoryview(read)
        while view:
            step = min(len(view), self._part_bytes - self.size % self._part_bytes)
            self._digest.update(view[:step])
            self.size += step
            view = view[step:]
            if self.size % self._part_bytes == 0:
                self._digests += self._digest.digest()
                self._digest = hashlib.md5(usedforsecurity=False)
