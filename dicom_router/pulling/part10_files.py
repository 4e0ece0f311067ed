"""Part 10 files as other archives give them, into the archive's door."""

from collections.abc import Iterator
from itertools import chain

from dicom_router.pulling.source import Take
from storage.errors import Unreadable
from storage.ingest import Incoming
from storage.part10 import META_LIMIT_BYTES, read_meta
from storage.receipt import Receipt

#: Nearly every file meta is within this; a longer one is read on for.
_USUAL_BYTES = 64 * 1024


def take_file(chunks: Iterator[bytes], take: Take) -> Receipt:
    """Keep the data set of a file that comes in pieces. Raises Unreadable where it is none."""
    head = _up_to(_USUAL_BYTES, b"", chunks)
    meta = read_meta(head)
    if len(head) - meta.data_offset < _USUAL_BYTES // 2 and len(head) >= _USUAL_BYTES:
        head = _up_to(META_LIMIT_BYTES, head, chunks)  # its end may not have been in sight
        meta = read_meta(head)
    if not (meta.sop_class_uid and meta.sop_instance_uid and meta.transfer_syntax_uid):
        raise Unreadable("a file whose meta lacks its SOP class, SOP instance or transfer syntax")
    incoming = Incoming(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid)
    return take(incoming, chain((head[meta.data_offset :],), chunks))


def _up_to(size: int, head: bytes, chunks: Iterator[bytes]) -> bytes:
    pieces = bytearray(head)
    while len(pieces) < size:
        piece = next(chunks, b"")
        if not piece:
            break
        pieces += piece
    return bytes(pieces)
