"""What S3, minio and urllib3 say when something goes wrong, in our words."""

from http.client import HTTPException
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from storage.errors import NoRoom, ObjectMissing, ObjectsUnavailable

#: Everything that minio and what it stands on raise for a request: an answer that is not S3's shows as
#: a ParseError, or as the ValueError of a missing element.
FAILURES = (MinioException, HTTPError, HTTPException, OSError, ParseError, ValueError)

#: S3's codes for a store that is full, as various stores spell them.
FULL_CODES = frozenset(
    {
        "InsufficientStorage",
        "QuotaExceeded",
        "QuotaExceededException",
        "StorageFull",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
    }
)

#: What stores that answer "InternalError" say of it.
FULL_WORDS = ("no space", "no writable volumes", "no free volumes", "not enough free", "disk full")

_INSUFFICIENT_STORAGE = 507  # RFC 4918 §11.5


def refusal_of(error: Exception, key: str | None = None) -> ObjectMissing | NoRoom | ObjectsUnavailable:
    """One of `FAILURES` as the port's error; "no such key" is the answer only to who asked for `key`."""
    if isinstance(error, S3Error):
        if error.code == "NoSuchKey" and key is not None:
            return ObjectMissing(key)
        if _is_full(error):
            return NoRoom("the object store is full")
        return ObjectsUnavailable(f"the object store answers {error.code}")
    if isinstance(error, MinioException):
        status = getattr(error, "status_code", None) or getattr(error, "_code", None)
        if status == _INSUFFICIENT_STORAGE:
            return NoRoom("the object store is full")
        return ObjectsUnavailable(f"the object store answers HTTP {status}")
    return ObjectsUnavailable(f"the object store does not answer: {type(error).__name__}")


def _is_full(error: S3Error) -> bool:
    message = (error.message or "").lower()
    return (
        error.code in FULL_CODES
        or error.response.status == _INSUFFICIENT_STORAGE
        or any(words in message for words in FULL_WORDS)
    )
