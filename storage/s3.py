"""Objects in an S3 bucket."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO, cast

from minio import Minio
from minio.error import S3Error
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout

from storage.errors import ObjectMissing, ObjectsUnavailable
from storage.keys import checked, is_key
from storage.objects import Bytes, Listed
from storage.s3_address import S3Address
from storage.s3_errors import FAILURES, refusal_of
from storage.s3_upload import Upload

READ_BYTES = 1024 * 1024

#: One part of a multipart upload, and so a third of the most that one put holds in memory. S3 takes
#: parts from 5 MiB, and 10,000 of them: objects up to 80 GB.
PART_BYTES = 8 * 1024 * 1024

#: Unfinished uploads asked for at once; S3 gives no more.
PAGE = 1000

#: How long to wait for a connection; one that is refused fails at once.
_CONNECT_S = 3.0


class S3Objects:
    """Bytes in one bucket of any S3, through minio. Safe between threads; each process makes its own.

    An object shorter than a part is one PUT; a longer one is a multipart upload, sent while its bytes
    arrive. Durable as far as the store is: docker-compose.yml sets what SeaweedFS needs for that.

    What we wrote is what is there: the store's ETag is compared with the MD5 of what went out. That
    costs no round trip (a HEAD after each put would add a millisecond to two), and SeaweedFS does not
    compare the signed SHA-256 itself.
    """

    def __init__(self, client: Minio, bucket: str, part_size_bytes: int = PART_BYTES) -> None:
        self._client = client
        self._bucket = bucket
        self._part_bytes = part_size_bytes

    def put(self, key: str, chunks: Iterable[Bytes]) -> int:
        """See ObjectStore.put."""
        name = checked(key)
        upload = Upload(chunks, self._part_bytes)
        try:
            # One part at a time: minio's own threads would go on after a failure
            written = self._client.put_object(
                self._bucket,
                name,
                cast(BinaryIO, upload),
                length=-1,
                part_size=self._part_bytes,
                num_parallel_uploads=1,
            )
        except Exception as error:
            if upload.broken_by is not None:  # not the store's fault: minio has dropped the parts
                raise upload.broken_by from None
            if isinstance(error, FAILURES):
                raise refusal_of(error) from error
            raise
        upload.compare(written.etag, written.http_headers)
        return upload.size

    def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See ObjectStore.read."""
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError("a range is counted from the start")
        if stop is not None and start >= stop:
            self.size(key)
            return iter(())
        length = 0 if stop is None else stop - start
        name = checked(key)
        try:
            response = self._client.get_object(self._bucket, name, offset=start, length=length)
        except FAILURES as error:
            if isinstance(error, S3Error) and error.code == "InvalidRange":  # it starts beyond the end
                return iter(())
            raise refusal_of(error, key) from error
        if response.length_remaining is None:
            response.close()
            raise ObjectsUnavailable("the object store gives no size")
        body = _Body(response, response.length_remaining)
        first = body.read()
        if body.is_at_end:
            return iter((first,) if first else ())
        return _rest(body, first)

    def at_hand(self, key: str, start: int, stop: int | None) -> bytes | None:
        """See ObjectStore.at_hand. Nothing is."""
        return None

    def size(self, key: str) -> int:
        """See ObjectStore.size."""
        name = checked(key)
        try:
            found = self._client.stat_object(self._bucket, name).size
        except FAILURES as error:
            refusal = refusal_of(error, key)
            if isinstance(refusal, ObjectMissing):
                self._require_bucket()
            raise refusal from error
        if found is None:
            raise ObjectsUnavailable("the object store gives no size")
        return found

    def list(self) -> Iterator[Listed]:
        """See ObjectStore.list. Objects that are not ours are passed over."""
        try:
            for found in self._client.list_objects(self._bucket, recursive=True):
                if is_key(found.object_name) and found.size is not None and found.last_modified:
                    yield Listed(found.object_name, found.size, found.last_modified)
        except FAILURES as error:
            raise refusal_of(error) from error

    def delete(self, key: str) -> None:
        """See ObjectStore.delete."""
        name = checked(key)
        try:
            self._client.remove_object(self._bucket, name)
        except FAILURES as error:
            refusal = refusal_of(error, key)
            if not isinstance(refusal, ObjectMissing):
                raise refusal from error

    def abort_stale(self, older_than: datetime) -> int:
        """See ObjectStore.abort_stale: multipart uploads that nobody completed."""
        dropped = 0
        try:
            for key, upload_id, started_at in list(self._unfinished()):
                if started_at < older_than:
                    self._client._abort_multipart_upload(self._bucket, key, upload_id)
                    dropped += 1
        except FAILURES as error:
            raise refusal_of(error) from error
        return dropped

    def require_room(self) -> None:
        """See ObjectStore.require_room. S3 does not say how much is left; a put finds out."""

    def room(self) -> None:
        """See ObjectStore.room: S3 does not say."""
        return

    def _unfinished(self) -> Iterator[tuple[str, str, datetime]]:
        """Key, upload and start of each (ListMultipartUploads), which minio has no public name for.

        The next page starts after this one's last upload. SeaweedFS goes by the upload alone and finds
        nothing when a key is given too; S3 goes by both.
        """
        key: str | None = None
        upload_id: str | None = None
        while True:
            page = self._client._list_multipart_uploads(
                self._bucket, key_marker=key, upload_id_marker=upload_id, max_uploads=PAGE
            )
            for found in page.uploads:
                upload_id = found.upload_id
                if is_key(found.object_name) and upload_id and found.initiated_time:
                    yield found.object_name, upload_id, found.initiated_time
            key = page.next_key_marker
            if not page.is_truncated or not page.uploads:
                return

    def _require_bucket(self) -> None:
        """A HEAD on an object says no more than 404 when the whole bucket is away."""
        try:
            is_there = self._client.bucket_exists(self._bucket)
        except FAILURES as error:
            raise refusal_of(error) from error
        if not is_there:
            raise ObjectsUnavailable("the bucket is not there")


def connect(
    url: str, access_key: str, secret_key: str, connections: int = 32, patience_s: float = 20.0
) -> S3Objects:
    """The store that `url` names (see S3Address). Nothing is sent yet.

    `connections` are kept open for reuse; more callers than that open their own for one request.
    `patience_s` is how long the store may be silent within a request. A request that got no answer is
    sent a second time, since each of them means the same twice: a put has a fresh key and its bytes
    still in hand. One that was answered with a failure is not.
    """
    address = S3Address.parse(url)
    once_more = Retry(
        total=1,
        redirect=0,
        status=0,
        other=0,
        allowed_methods=frozenset({"GET", "HEAD", "PUT", "DELETE"}),
        respect_retry_after_header=False,
    )
    pool = PoolManager(
        maxsize=connections, timeout=Timeout(connect=_CONNECT_S, read=patience_s), retries=once_more
    )
    client = Minio(
        address.endpoint,
        access_key=access_key,
        secret_key=secret_key,
        secure=address.secure,
        region=address.region,
        http_client=pool,
    )
    return S3Objects(client, address.bucket)


class _Body:
    """A response that is being read; its connection goes back when it ends, or closes when dropped."""

    def __init__(self, response: BaseHTTPResponse, size: int) -> None:
        self._response = response
        self._left = size

    @property
    def is_at_end(self) -> bool:
        return self._left == 0

    def read(self) -> bytes:
        try:
            chunk = self._response.read(min(READ_BYTES, self._left)) if self._left else b""
        except FAILURES as error:
            raise refusal_of(error) from error
        if self._left and not chunk:
            raise ObjectsUnavailable("the object store ended an answer early")
        self._left -= len(chunk)
        if self.is_at_end:
            self._response.release_conn()
        return chunk

    def __del__(self) -> None:
        if not self.is_at_end:
            self._response.close()
            self._response.release_conn()


def _rest(body: _Body, chunk: bytes) -> Iterator[bytes]:
    yield chunk
    while not body.is_at_end:
        yield body.read()
