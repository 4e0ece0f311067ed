"""Slides as scanners write them, of any size, in little time: a few tiles of tissue, over and over."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

TILE_PX = 256

#: Different tiles of a slide. 256 x 256 pixels of tissue have some 18 KB at this quality.
_KINDS = 64
_QUALITY = 80

_APERIO = "Aperio Image Library v12.0.16\n{side}x{side} (256x256) JPEG/RGB Q=70|AppMag = 40|MPP = 0.2500"
_TABLES = frozenset({0xDB, 0xC4})


def write_svs(path: Path, side_px: int) -> None:
    """Aperio's: levels a quarter apart, a thumbnail, a label, an overview."""
    small = np.full((768, 768, 3), 230, dtype=np.uint8)
    said = _APERIO.format(side=side_px)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, side in enumerate(_sides(side_px, 4)):
            _write_level(file, side, said, 0)
            if number == 0:
                file.write(small, photometric="rgb", compression="jpeg", description=said, metadata=None)
        for name, kind, coding in (("label", 1, "lzw"), ("macro", 9, "jpeg")):
            named = f"Aperio Image Library v12.0.16\n{name} 768x768"
            file.write(
                small,
                photometric="rgb",
                compression=coding,
                subfiletype=kind,
                description=named,
                metadata=None,
            )


def write_generic(path: Path, side_px: int) -> None:
    """A pyramid of no vendor: levels a half apart, its resolution in pixels a centimetre."""
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, side in enumerate(_sides(side_px, 2)):
            density = 40_000 * side / side_px
            _write_level(
                file, side, None, int(number > 0), resolution=(density, density), resolutionunit="CENTIMETER"
            )


def _sides(side_px: int, step: int) -> Iterator[int]:
    while side_px >= 2 * TILE_PX:
        yield side_px
        side_px //= step


def _write_level(
    file: tifffile.TiffWriter, side: int, description: str | None, kind: int, **more: Any
) -> None:
    across = -(-side // TILE_PX)
    tables, tiles = _tiles()
    file.write(
        (tiles[(number * 7 + number // across) % len(tiles)] for number in range(across * across)),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(TILE_PX, TILE_PX),
        photometric="ycbcr",
        subsampling=(2, 1),
        compression="jpeg",
        jpegtables=tables,
        description=description,
        subfiletype=kind,
        metadata=None,
        **more,
    )


def _tiles() -> tuple[bytes, Sequence[bytes]]:
    """JPEG tables that all share (TIFF Technical Note 2), and tiles without them."""
    random = np.random.default_rng(7)
    streams = [_encoded(random) for _ in range(_KINDS)]
    parts = [_parted(stream) for stream in streams]
    return b"\xff\xd8" + parts[0][0] + b"\xff\xd9", [tile for _, tile in parts]


def _encoded(random: np.random.Generator) -> bytes:
    """Stained cells, with the grain of a camera."""
    down, across = np.mgrid[:TILE_PX, :TILE_PX] / 9.0
    cells = 128 + 80 * np.sin(down + random.uniform(0, 6)) * np.cos(across * 1.3 + random.uniform(0, 6))
    grain = random.integers(-9, 10, (TILE_PX, TILE_PX))
    colours: NDArray[Any] = np.stack([cells + 40, cells / 2 + 60, 220 - cells / 3], axis=-1)
    pixels = np.clip(colours + grain[..., None], 0, 255).astype(np.uint8)
    return bytes(imagecodecs.jpeg8_encode(pixels, level=_QUALITY, subsampling="422"))


def _parted(stream: bytes) -> tuple[bytes, bytes]:
    """The tables of a JPEG, and the JPEG without them and without JFIF's marker."""
    tables, rest, position = [], [stream[:2]], 2
    while stream[position + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", stream, position + 2)
        segment = stream[position : position + 2 + length]
        if segment[1] in _TABLES:
            tables.append(segment)
        elif segment[1] != 0xE0:
            rest.append(segment)
        position += 2 + length
    return b"".join(tables), b"".join((*rest, stream[position:]))
