"""Videos that say what a test wants, without a picture in them."""

import struct


def box(kind: bytes, *content: bytes) -> bytes:
    """One box of an MP4 file (ISO 14496-12 §4.2)."""
    inside = b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def mp4(columns: int, rows: int, frames: int, profile: int, level: int) -> bytes:
    """An MP4 file of one H.264 track and one of sound, its movie box last, as telephones write it."""
    configuration = box(b"avcC", bytes([1, profile, 0, level, 0xFF, 0xE0, 0]))
    entry = box(b"avc1", bytes(24), struct.pack(">HH", columns, rows), bytes(50), configuration)
    tables = (
        box(b"stsd", struct.pack(">II", 0, 1), entry),
        box(b"stsz", struct.pack(">III", 0, 100, frames)),
    )
    video = box(b"trak", box(b"mdia", _handler(b"vide"), box(b"minf", box(b"stbl", *tables))))
    sound = box(b"trak", box(b"mdia", _handler(b"soun")))
    return box(b"ftyp", b"isom") + box(b"mdat", bytes(1_000)) + box(b"moov", sound, video)


def _handler(kind: bytes) -> bytes:
    return box(b"hdlr", bytes(8), kind, bytes(13))


def mpeg_2(columns: int, rows: int) -> bytes:
    """The head of an MPEG-2 stream of Main Profile at Main Level (ISO 13818-2 §6.2.2)."""
    sequence = b"\0\0\1\xb3" + (columns << 12 | rows).to_bytes(3, "big") + bytes(5)
    extension = b"\0\0\1\xb5" + ((1 << 44) | (0x48 << 36)).to_bytes(6, "big")
    return sequence + extension + bytes(100)
