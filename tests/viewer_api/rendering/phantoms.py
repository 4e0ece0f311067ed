"""Small data sets whose pixels are known."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from viewer_api.rendering.picture import render
from viewer_api.view import View

PLAIN = View()


def image(values: ArrayLike, kind: str = "<i2", **attributes: Any) -> Dataset:
    """A native image of these values: (rows, columns), or (rows, columns, 3) in RGB."""
    pixels = np.asarray(values, kind)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.Rows, made.Columns = pixels.shape[:2]
    made.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    made.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    if pixels.dtype.kind == "f":
        keyword = "FloatPixelData" if pixels.dtype.itemsize == 4 else "DoubleFloatPixelData"
        del made.BitsStored, made.HighBit
        setattr(made, keyword, pixels.tobytes())
    else:
        made.PixelRepresentation = int(pixels.dtype.kind == "i")
        made.PixelData = pixels.tobytes()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def shown(frame: Dataset, view: View = PLAIN, number: int = 1) -> list[Any]:
    """The levels of its picture, row by row."""
    found: list[Any] = np.asarray(render(frame, view, number)).tolist()
    return found


def lut(entries: list[int], first: int, bits: int) -> Dataset:
    """An item of a LUT sequence."""
    made = Dataset()
    made.add_new(0x00283002, "SS" if first < 0 else "US", [len(entries), first, bits])
    made.add_new(0x00283006, "US", entries)
    return made


def overlaid(frame: Dataset, marked: ArrayLike, group: int = 0x6000, **more: Any) -> Dataset:
    """With an overlay plane of these bits, (rows, columns) or (frames, rows, columns)."""
    bits = np.asarray(marked, bool)
    rows, columns = bits.shape[-2:]
    frame.add_new((group, 0x0010), "US", rows)
    frame.add_new((group, 0x0011), "US", columns)
    frame.add_new((group, 0x0040), "CS", more.get("kind", "G"))
    frame.add_new((group, 0x0050), "SS", more.get("origin", [1, 1]))
    frame.add_new((group, 0x0100), "US", 1)
    frame.add_new((group, 0x0102), "US", 0)
    if bits.ndim == 3:
        frame.add_new((group, 0x0015), "IS", len(bits))
        frame.add_new((group, 0x0051), "US", more.get("first_frame", 1))
    if "layer" in more:
        frame.add_new((group, 0x1001), "CS", more["layer"])
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    frame.add_new((group, 0x3000), "OW", packed + bytes(len(packed) % 2))
    return frame
