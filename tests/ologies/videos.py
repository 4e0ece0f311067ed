"""Videos that say what a test wants, without a picture in them."""


def mpeg_2(columns: int, rows: int) -> bytes:
    """The head of an MPEG-2 stream of Main Profile at Main Level (ISO 13818-2 §6.2.2)."""
    sequence = b"\0\0\1\xb3" + (columns << 12 | rows).to_bytes(3, "big") + bytes(5)
    extension = b"\0\0\1\xb5" + ((1 << 44) | (0x48 << 36)).to_bytes(6, "big")
    return sequence + extension + bytes(100)
