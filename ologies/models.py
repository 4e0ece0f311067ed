"""Three-dimensional models as encapsulated objects (PS3.3 §A.85.1 to A.85.3, §C.35.1): byte for byte, M3D.

A model says in no unit what its numbers are: the case does.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedMTLStorage, EncapsulatedOBJStorage, EncapsulatedSTLStorage

from ologies.case import ScaleUnit
from ologies.dataset import code_item, enhanced_equipment, named_uid, start
from ologies.digests import digest_of
from ologies.documents import DOCUMENT_LIMIT_BYTES, encapsulate
from ologies.errors import Asked, Damaged
from ologies.recognition import Kind
from ologies.settled import Settled
from ologies.srgb import srgb
from ologies.three_d import STL_HEAD_BYTES, STL_TRIANGLE_BYTES

MODEL_KINDS = frozenset({Kind.STL, Kind.OBJ})

#: MIME Type of Encapsulated Document (PS3.3 Table C.24-2, §A.85.1 ff.).
_STL, _OBJ, _MTL = "model/stl", "model/obj", "model/mtl"

#: PS3.16 CID 7063, in UCUM.
_UNITS: Mapping[ScaleUnit, str] = {
    ScaleUnit.MICROMETRE: "micrometer",
    ScaleUnit.MILLIMETRE: "mm",
    ScaleUnit.CENTIMETRE: "cm",
    ScaleUnit.METRE: "m",
}

_FACET = re.compile(rb"^\s*facet\s+normal\b", re.MULTILINE)
_VERTEX = re.compile(rb"^\s*vertex\s", re.MULTILINE)
_LIBRARY = re.compile(rb"^[ \t]*mtllib[ \t]+([^\r\n]+?)[ \t]*\r?$", re.MULTILINE)
_TEXTURE = re.compile(rb"^[ \t]*(?:map_\w+|bump|disp|decal|refl)[ \t]", re.MULTILINE)
_ELEMENT = re.compile(rb"^[ \t]*(v|f|l|p|curv2?|surf)[ \t]+(.*?)[ \t]*\r?$", re.MULTILINE)
_FILE_NAME = re.compile(r"[\w-][\w .-]{0,254}")


@dataclass(frozen=True, slots=True)
class Model:
    """A model file, and the materials that belong to it."""

    content: bytes
    kind: Kind
    materials: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


def read_model(path: Path, kind: Kind) -> Model:
    """Raises Damaged for one that does not hold the surface that it announces."""
    if path.stat().st_size > DOCUMENT_LIMIT_BYTES:
        raise Damaged(f"it is larger than a model is taken to be ({DOCUMENT_LIMIT_BYTES:,} bytes)")
    content = path.read_bytes()
    if kind is Kind.STL:
        _check_stl(content)
        return Model(content, kind)
    _check_obj(content)
    materials = materials_beside(path)
    notes = []
    if len(materials) < len(_libraries(content)):
        notes.append("a library of materials that it names is not beside it: its colours are not kept")
    if any(_TEXTURE.search(each.read_bytes()) for each in materials):
        notes.append("its materials name pictures, which are not kept with it")
    return Model(content, kind, materials, tuple(notes))


def materials_beside(path: Path) -> tuple[Path, ...]:
    """The libraries of materials that an OBJ names, where they lie beside it: none of another folder."""
    with path.open("rb") as file:
        names = _libraries(file.read(DOCUMENT_LIMIT_BYTES))
    beside = [path.with_name(name) for name in names if _FILE_NAME.fullmatch(name)]
    return tuple(each for each in beside if each.is_file() and each.stat().st_size <= DOCUMENT_LIMIT_BYTES)


def model_objects(model: Model, settled: Settled, digest: str) -> Iterator[Dataset]:
    """The materials first, then the model that refers to them. Raises Asked for its units."""
    units = settled.case.units
    missing = [
        *(["title"] if not settled.case.title else []),
        *([f"units ({', '.join(each.value for each in ScaleUnit)})"] if units is None else []),
    ]
    if missing:
        raise Asked(missing, [])
    assert units is not None
    library = []
    for path in model.materials:
        content = path.read_bytes()
        material = _object(EncapsulatedMTLStorage, _MTL, content, units, settled, digest_of(path))
        library.append((path.name, material))
        yield material
    sop_class, media_type = (
        (EncapsulatedSTLStorage, _STL) if model.kind is Kind.STL else (EncapsulatedOBJStorage, _OBJ)
    )
    dataset = _object(sop_class, media_type, model.content, units, settled, digest)
    if library:
        dataset.ReferencedInstanceSequence = [_reference(name, material) for name, material in library]
        dataset.ReferencedSeriesSequence = [_series(dataset, [material for _, material in library])]
    yield dataset


def _object(
    sop_class: str, media_type: str, content: bytes, units: ScaleUnit, settled: Settled, digest: str
) -> Dataset:
    dataset = start(settled, sop_class, "M3D", "models", digest)
    enhanced_equipment(dataset)
    if sop_class != EncapsulatedSTLStorage:  # what colours without a profile are taken for (§A.85.2, §A.85.3)
        dataset.ICCProfile = srgb() + b"\0" * (len(srgb()) % 2)
    if sop_class != EncapsulatedMTLStorage:
        # One of its own: nothing says where in the patient two models lie to each other (PS3.3 §C.7.4.1).
        dataset.FrameOfReferenceUID = named_uid("frame of reference", dataset.SOPInstanceUID)
        dataset.PositionReferenceIndicator = None
    dataset.BurnedInAnnotation = "NO"
    encapsulate(dataset, content, media_type, settled.case.title or "", settled)
    dataset.MeasurementUnitsCodeSequence = [code_item(units.value, "UCUM", _UNITS[units])]
    return dataset


def _reference(name: str, material: Dataset) -> Dataset:
    """By the name that the model has for it (PS3.3 §C.24.2, Referenced Instance Sequence)."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = material.SOPClassUID, material.SOPInstanceUID
    item.RelativeURIReferenceWithinEncapsulatedDocument = name
    return item


def _series(dataset: Dataset, materials: Sequence[Dataset]) -> Dataset:
    """What of its own study it refers to (PS3.3 §C.12.2)."""
    item = Dataset()
    item.SeriesInstanceUID = dataset.SeriesInstanceUID
    item.ReferencedInstanceSequence = []
    for material in materials:
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = (
            material.SOPClassUID,
            material.SOPInstanceUID,
        )
        item.ReferencedInstanceSequence.append(one)
    return item


def _check_stl(content: bytes) -> None:
    """Binary: as many triangles as it announces, of finite numbers. Text: from solid to endsolid."""
    if content.lstrip()[:5] == b"solid" and _FACET.search(content[:4096]):
        if not re.search(rb"endsolid[^\r\n]*\s*$", content[-4096:]):
            raise Damaged("the STL is cut off: its end is missing")
        facets, corners = len(_FACET.findall(content)), len(_VERTEX.findall(content))
        if not facets or corners != 3 * facets:
            raise Damaged("the STL has facets that are no triangles")
        return
    (count,) = struct.unpack_from("<I", content, STL_HEAD_BYTES - 4)
    if not count or len(content) != STL_HEAD_BYTES + count * STL_TRIANGLE_BYTES:
        raise Damaged("the STL does not hold the triangles that it announces")
    triangles = np.frombuffer(content, [("numbers", "<f4", 12), ("attribute", "<u2")], count, STL_HEAD_BYTES)
    if not np.isfinite(triangles["numbers"][:, 3:]).all():
        raise Damaged("the STL has corners that are nowhere")


def _check_obj(content: bytes) -> None:
    """Corners of finite numbers, and faces that name those which there are."""
    corners, named = 0, 0
    for match in _ELEMENT.finditer(content):
        kind, said = match[1], match[2]
        if kind == b"v":
            corners += 1
            _numbers(said)
        elif kind in (b"f", b"l", b"p"):
            named = max([named, *(_named(each, corners) for each in said.split())])
    if not corners or not named:
        raise Damaged("the OBJ has no surface")
    if named > corners:
        raise Damaged("the OBJ names corners that it does not hold")


def _numbers(said: bytes) -> None:
    try:
        numbers = [float(each) for each in said.split()]
    except ValueError:
        numbers = []
    if len(numbers) < 3 or not np.isfinite(numbers).all():
        raise Damaged("the OBJ has corners that are nowhere")


def _named(said: bytes, corners: int) -> int:
    """Which corner, from one; from the last one backwards where it is negative."""
    try:
        number = int(said.split(b"/")[0])
    except ValueError:
        number = 0
    number = number if number >= 0 else corners + 1 + number
    if number < 1:
        raise Damaged("the OBJ names corners that it does not hold")
    return number


def _libraries(content: bytes) -> list[str]:
    return [match[1].decode("utf-8", "replace") for match in _LIBRARY.finditer(content)]
