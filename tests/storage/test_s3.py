"""Objects in S3, on a real SeaweedFS."""

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import ParseError

import minio.error
import pytest
import urllib3.exceptions
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3 import HTTPResponse

import storage.s3
from storage.errors import NoRoom, ObjectMissing, ObjectsUnavailable
from storage.objects import Bytes
from storage.s3 import S3Objects, connect
from storage.s3_address import S3Address
from storage.s3_errors import FAILURES, FULL_CODES, refusal_of
from storage.s3_upload import Upload
from tests.contracts.object_store import MIB, ObjectStoreContract, breaks_after, is_as_sent, new_key, reused
from tests.ports import free_ports
from tests.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed, running

PART = 5 * MIB


@pytest.fixture(scope="module")
def one_bucket(seaweed: Seaweed) -> str:
    return seaweed.new_bucket()


@pytest.fixture
def bucket(seaweed: Seaweed, one_bucket: str) -> str:
    """Empty. The same one each time, since the first object of a bucket takes SeaweedFS a while."""
    owner = seaweed.owner()
    for found in owner.list_objects(one_bucket, recursive=True):
        owner.remove_object(one_bucket, found.object_name)
    for upload in owner._list_multipart_uploads(one_bucket).uploads:
        owner._abort_multipart_upload(one_bucket, upload.object_name, str(upload.upload_id))
    return one_bucket


@pytest.fixture
def client(seaweed: Seaweed) -> Minio:
    return Minio(seaweed.endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region="us-east-1")


class TestS3Objects(ObjectStoreContract):
    @pytest.fixture
    def store(self, seaweed: Seaweed, bucket: str) -> S3Objects:
        return connect(seaweed.url(bucket), ACCESS_KEY, SECRET_KEY)

    @pytest.fixture
    def opener(self, seaweed: Seaweed, bucket: str) -> str:
        arguments = ", ".join(map(repr, (seaweed.url(bucket), ACCESS_KEY, SECRET_KEY)))
        return f"from storage.s3 import connect\nstore = connect({arguments})"


@pytest.mark.parametrize(
    ("size", "parts"),
    [(PART - 1, 0), (PART, 0), (PART + 1, 2), (2 * PART, 2), (2 * PART + 1, 3), (3 * PART, 3)],
)
def test_an_object_up_to_a_part_is_one_request(client: Minio, bucket: str, size: int, parts: int) -> None:
    store, key = S3Objects(client, bucket, PART), new_key()
    assert store.put(key, reused(size)) == size
    etag = client.stat_object(bucket, key).etag
    assert (etag or "").partition("-")[2] == (str(parts) if parts else "")
    assert is_as_sent(store.read(key), size)


def test_a_broken_put_drops_its_parts_even_when_the_error_looks_like_the_stores(
    client: Minio, bucket: str
) -> None:
    store = S3Objects(client, bucket, PART)
    error = urllib3.exceptions.ProtocolError("the sender's, by chance of the same kind")
    with pytest.raises(urllib3.exceptions.ProtocolError) as caught:
        store.put(new_key(), breaks_after(3 * PART, error))
    assert caught.value is error
    assert client._list_multipart_uploads(bucket).uploads == []


def test_unfinished_uploads_are_found_page_by_page(
    client: Minio, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.s3, "PAGE", 2)
    for _ in range(5):
        client._create_multipart_upload(bucket, new_key(), {})
    client._create_multipart_upload(bucket, "somebody/else's", {})
    store = S3Objects(client, bucket)
    assert store.abort_stale(datetime.now(UTC) + timedelta(hours=1)) == 5
    assert [each.object_name for each in client._list_multipart_uploads(bucket).uploads] == [
        "somebody/else's"
    ]


def test_what_is_not_ours_is_not_listed(client: Minio, bucket: str) -> None:
    client.put_object(bucket, "somebody/else's", io.BytesIO(b"x"), 1)
    assert list(S3Objects(client, bucket).list()) == []


def test_a_bucket_that_is_away_is_not_a_missing_object(seaweed: Seaweed) -> None:
    store = connect(seaweed.url("no-such-bucket"), ACCESS_KEY, SECRET_KEY)
    for verb in verbs(store):
        with pytest.raises(ObjectsUnavailable):
            verb()


def test_a_wrong_secret_is_unavailable(seaweed: Seaweed, bucket: str) -> None:
    for verb in verbs(connect(seaweed.url(bucket), ACCESS_KEY, "wrong")):
        with pytest.raises(ObjectsUnavailable):
            verb()


def test_a_store_that_never_was_is_unavailable() -> None:
    url = f"s3://bucket?endpoint=127.0.0.1:{free_ports(1)[0]}&secure=0"
    for verb in verbs(connect(url, ACCESS_KEY, SECRET_KEY)):
        with pytest.raises(ObjectsUnavailable):
            verb()


def test_a_plain_server_is_not_taken_for_one_that_speaks_tls(seaweed: Seaweed, bucket: str) -> None:
    url = seaweed.url(bucket).replace("secure=0", "secure=1")
    with pytest.raises(ObjectsUnavailable):
        connect(url, ACCESS_KEY, SECRET_KEY).size(new_key())


def test_a_store_that_hangs_dies_and_comes_back(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        url = server.url(server.new_bucket())
        store = connect(url, ACCESS_KEY, SECRET_KEY)
        kept, unfinished = new_key(), new_key()
        store.put(kept, reused(32 * MIB))

        server.hang()
        began = time.monotonic()
        for verb in verbs(connect(url, ACCESS_KEY, SECRET_KEY, patience_s=0.2), kept):
            with pytest.raises(ObjectsUnavailable):
                verb()
        assert time.monotonic() - began < 30, "patience is bounded"
        server.wake()

        def outlives_the_store() -> Iterator[Bytes]:
            yield from reused(10 * MIB)
            server.kill()
            yield from reused(10 * MIB)

        reading = store.read(kept)  # more than the sockets' buffers hold
        with pytest.raises(ObjectsUnavailable):
            store.put(unfinished, outlives_the_store())
        with pytest.raises(ObjectsUnavailable):
            list(reading)
        for verb in verbs(store, kept):
            with pytest.raises(ObjectsUnavailable):
                verb()

        server.start()
        assert is_as_sent(store.read(kept), 32 * MIB)
        with pytest.raises(ObjectMissing):
            store.size(unfinished)
        assert store.abort_stale(datetime.now(UTC) + timedelta(hours=1)) == 1
        assert store.put(new_key(), reused(10 * MIB)) == 10 * MIB


def verbs(store: S3Objects, key: str | None = None) -> list[Callable[[], object]]:
    """Each verb of the port, to be asked once."""
    asked = key or new_key()
    now = datetime.now(UTC)
    return [
        lambda: store.put(new_key(), [b"x"]),
        lambda: list(store.read(asked)),
        lambda: list(store.read(asked, 0, 1)),
        lambda: store.size(asked),
        lambda: list(store.list()),
        lambda: store.delete(new_key()),
        lambda: store.abort_stale(now),
    ]


# What can go wrong, by name


POOL = urllib3.HTTPConnectionPool("host")


def s3_error(code: str, status: int = 500, message: str = "") -> S3Error:
    return S3Error(HTTPResponse(status=status), code, message, "/bucket/key", None, None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (s3_error("NoSuchKey", 404), ObjectMissing),
        (s3_error("NoSuchBucket", 404), ObjectsUnavailable),
        (s3_error("NoSuchUpload", 404), ObjectsUnavailable),
        (s3_error("AccessDenied", 403), ObjectsUnavailable),
        (s3_error("SignatureDoesNotMatch", 403), ObjectsUnavailable),
        (s3_error("RequestTimeTooSkewed", 403), ObjectsUnavailable),
        (s3_error("SlowDown", 503), ObjectsUnavailable),
        (s3_error("BadDigest", 400), ObjectsUnavailable),
        (s3_error("InternalError"), ObjectsUnavailable),
        *((s3_error(code, 400), NoRoom) for code in sorted(FULL_CODES)),
        (s3_error("Unknown", 507), NoRoom),
        (s3_error("InternalError", 500, "write x.dat: no space left on device"), NoRoom),
        (s3_error("InternalError", 500, "No writable volumes and no free volumes left"), NoRoom),
        (ServerError("server failed", 507), NoRoom),
        (ServerError("server failed", 500), ObjectsUnavailable),
        (InvalidResponseError(507, "text/html", "full"), NoRoom),
        (InvalidResponseError(502, "text/html", "<html>"), ObjectsUnavailable),
        (urllib3.exceptions.ConnectTimeoutError("slow"), ObjectsUnavailable),
        (urllib3.exceptions.ReadTimeoutError(POOL, "/", "slow"), ObjectsUnavailable),
        (urllib3.exceptions.IncompleteRead(1, 2), ObjectsUnavailable),
        (urllib3.exceptions.SSLError("certificate verify failed"), ObjectsUnavailable),
        (ConnectionResetError(104, "reset"), ObjectsUnavailable),
        (ParseError("not XML"), ObjectsUnavailable),
        (ValueError("XML element <UploadId> not found"), ObjectsUnavailable),
    ],
    ids=lambda value: f"{value}"[:60] if isinstance(value, Exception) else value.__name__,
)  # fmt: skip
def test_what_a_failure_means(error: Exception, expected: type[Exception]) -> None:
    assert isinstance(error, FAILURES)
    refusal = refusal_of(error, "key")
    assert type(refusal) is expected
    assert type(refusal_of(error)) is (ObjectsUnavailable if expected is ObjectMissing else expected)


def test_every_exception_of_minio_and_urllib3_is_one_we_map() -> None:
    raised = {
        each
        for module in (minio.error, urllib3.exceptions)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Exception) and not issubclass(each, Warning)
    }
    raised.discard(minio.error.MinioAdminException)  # of another client, which we do not use
    assert len(raised) > 20
    assert [each for each in raised if not issubclass(each, FAILURES)] == []


# The address, and the comparison


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://imx?endpoint=store:8333", S3Address("imx", "store:8333", True, "us-east-1")),
        ("s3://imx?endpoint=store.nhs.uk&secure=0", S3Address("imx", "store.nhs.uk", False, "us-east-1")),
        (
            "s3://a.b-c/?endpoint=[::1]:1&secure=1&region=eu-west-2",
            S3Address("a.b-c", "[::1]:1", True, "eu-west-2"),
        ),
    ],
)
def test_an_address_is_read(url: str, address: S3Address) -> None:
    assert S3Address.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "imx", "http://imx?endpoint=a:1", "s3://?endpoint=a:1", "s3://imx", "s3://imx?endpoint=", "s3://UPPER?endpoint=a",
        "s3://imx/folder?endpoint=a:1", "s3://imx?endpoint=a:1&secure=yes", "s3://imx?endpoint=a:1&acess=x",
        "s3://imx?endpoint=http://a:1", "s3://key:secret@imx?endpoint=a:1",
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"object store|bucket|secure"):
        S3Address.parse(url)


def read_through(content: bytes, step: int) -> Upload:
    upload = Upload([content], PART)
    while upload.read(step):
        pass
    return upload


def test_other_bytes_than_those_sent_are_noticed() -> None:
    upload = read_through(b"x" * (PART + 1), PART + 1)
    upload.compare(upload.etag(), {})
    for other in (None, read_through(b"y" * (PART + 1), 7 * MIB).etag(), "0" * 32):
        with pytest.raises(ObjectsUnavailable):
            upload.compare(other, {})


@pytest.mark.parametrize("headers", [{"x-amz-server-side-encryption": "aws:kms"}, {}])
def test_an_etag_that_is_no_md5_says_nothing(headers: dict[str, str]) -> None:
    read_through(b"x", 10).compare("0" * 32 if headers else "opaque", headers)


def test_importing_the_store_starts_nothing() -> None:
    """The router forks after imports: a pool of connections must not exist by then."""
    script = "import storage.s3, threading, os; assert threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", script], check=True)
