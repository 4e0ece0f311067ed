"""One request that sends bytes into an upload, until another takes over.

Who sends takes the upload first; a later request takes it over, and the earlier one finds out at its next
piece. So nobody waits for a connection that is dead, and no two ever write the same bytes.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.errors import Unavailable
from storage.keys import fresh_piece_key
from storage.objects import ObjectStore
from storage.upload import NoSuchUpload, Piece, TakenOver, Upload, WrongOffset
from storage.upload_pieces import STALE, forget
from storage.upload_rows import UPLOAD_COLUMNS, one_upload
from storage.uploads import Uploads

_WRITE = """
    update upload set writer = %(writer)s
    where id = %(id)s and received = %(offset)s and state = 'receiving' and expires_at > now()
"""
_ANNOUNCE = """
    insert into upload_piece (key, upload)
    select %(key)s, id from upload where id = %(id)s and writer = %(writer)s for share
"""
_ADVANCE = f"""
    update upload set received = received + %(size)s, expires_at = now() + %(keep)s * interval '1 s',
        state = case when received + %(size)s < length then 'receiving'
            when of_case is null then 'whole' else 'waiting' end
    where id = %(id)s and writer = %(writer)s and received = %(offset)s and state = 'receiving'
    returning {UPLOAD_COLUMNS}
"""
#: What the upkeep may be deleting by now does not come to count.
_COUNT = f"""
    update upload_piece set start = %s, size = %s where key = %s and created_at > now() - interval '{STALE}'
"""


@dataclass(slots=True)
class Writing:
    """One request that sends, until another takes over."""

    pool: ConnectionPool
    objects: ObjectStore
    keep_s: float
    number: UUID
    writer: UUID
    offset: int  # up to which everything is durable and counted

    def announce(self) -> str:
        """The key of the next piece. Its row is committed before its bytes are written. Raises TakenOver."""
        key = fresh_piece_key(datetime.now(UTC))
        with mapped_errors(), self.pool.connection() as connection:
            values = {"key": key, "id": self.number, "writer": self.writer}
            if connection.execute(_ANNOUNCE, values).rowcount != 1:
                raise TakenOver
        return key

    def count(self, pieces: Sequence[Piece]) -> Upload:
        """These are durable, and follow one another: from now on they count. Raises TakenOver."""
        start, size = self.offset, sum(piece.size for piece in pieces)
        values = {
            "id": self.number, "writer": self.writer, "offset": start, "size": size,
            "keep": self.keep_s,
        }  # fmt: skip
        with mapped_errors(), self.pool.connection() as connection:
            try:
                upload = one_upload(connection, _ADVANCE, values)
            except NoSuchUpload as error:
                raise TakenOver from error
            for piece in pieces:
                if connection.execute(_COUNT, (start, piece.size, piece.key)).rowcount != 1:
                    raise TakenOver  # and nothing of this counts
                start += piece.size
        self.offset = upload.received
        return upload

    def drop(self, keys: Sequence[str]) -> None:
        """Pieces that are not to count. What cannot be deleted now, the upkeep deletes."""
        with suppress(Unavailable):
            forget(self.pool, self.objects, keys)


def write(uploads: Uploads, number: UUID, offset: int) -> Writing:
    """Send on from there; whoever sent before is cut off. Raises WrongOffset."""
    writer = uuid4()
    with mapped_errors(), uploads.pool.connection() as connection:
        taken = connection.execute(_WRITE, {"writer": writer, "id": number, "offset": offset})
        if taken.rowcount != 1:
            raise WrongOffset
    return Writing(uploads.pool, uploads.objects, uploads.settings.keep_s, number, writer, offset)
