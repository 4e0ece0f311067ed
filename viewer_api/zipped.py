"""Instances as one ZIP archive (PS3.18 §10.4.3, PKWARE APPNOTE), made as it is sent.

Names are numbers: a folder a series, a file an instance. Nothing in them is anybody's. There is no DICOMDIR.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Every entry's, so that the same instances make the same archive.
_MOMENT = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    name: str
    chunks: Iterable[bytes]


def entry_names(series_uids: Iterable[str]) -> Iterator[str]:
    """For instances that come series by series: "SE000001/IM000001.dcm" and so on."""
    series, before, number = 0, "", 0
    for uid in series_uids:
        if uid != before:
            series, before, number = series + 1, uid, 0
        number += 1
        yield f"SE{series:06}/IM{number:06}.dcm"


def zip_chunks(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The archive in pieces, uncompressed: pixels would gain little. Any size, any number (ZIP64)."""
    passing = _Passing()
    with zipfile.ZipFile(passing, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for entry in entries:
            about = zipfile.ZipInfo(entry.name, _MOMENT)
            about.external_attr = 0o600 << 16
            with archive.open(about, "w", force_zip64=True) as file:
                for chunk in entry.chunks:
                    file.write(chunk)
                    yield from passing.taken()
            yield from passing.taken()
    yield from passing.taken()


class _Passing(io.RawIOBase):
    """What is written passes by: there is no way back, so sizes follow each entry (APPNOTE §4.3.9)."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces
