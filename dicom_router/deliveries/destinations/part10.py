"""An instance as the Part 10 file in which it leaves."""

from collections.abc import Iterator

from dicom_router.storing import Reader
from storage.leaving import Leaving, leaving_data_set
from storage.part10 import write_meta


def file_of(leaving: Leaving, reader: Reader) -> Iterator[bytes]:
    """In pieces. Raises what reading, correcting and decoding raise, at the first piece or later."""
    yield _meta(leaving)
    yield from leaving_data_set(leaving, reader.objects, reader.transcoder)


def size_of(leaving: Leaving) -> int | None:
    """In bytes, where it is known before."""
    return None if leaving.size is None else len(_meta(leaving)) + leaving.size


def _meta(leaving: Leaving) -> bytes:
    """Without our origin: what we know of the sender stays here."""
    return write_meta(leaving.stored.sop_class, leaving.stored.uid, leaving.transfer_syntax)
