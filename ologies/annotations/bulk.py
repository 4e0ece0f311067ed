"""Annotations as a Microscopy Bulk Simple Annotations object (PS3.3 §A.87, §C.37.1)."""

import hashlib
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MicroscopyBulkSimpleAnnotationsStorage, VLWholeSlideMicroscopyImageStorage

from ologies.annotations.colour import cielab
from ologies.annotations.mark import Drawing, Graphic, Group
from ologies.annotations.slide import Slide
from ologies.case import Algorithm, Property
from ologies.dataset import code_item, coded, named_uid, start
from ologies.errors import Asked
from ologies.settled import Settled

#: What a class is where nobody says: PS3.16 CID 7150, and "Selected region" of DCM.
_UNSAID_CATEGORY = ("309825002", "SCT", "Spatial and Relational Concept")
_UNSAID_TYPE = ("111099", "DCM", "Selected region")

#: Codes for what programs call their measurements (PS3.3 §8.2: private schemes begin with 99).
_OURS = "99IMX"

#: Names that SNOMED CT has (PS3.16 CID 7469, 7470), without their unit.
_MEASURED = {"area": "42798000", "length": "410668003", "perimeter": "131191004"}

#: How names end that say their unit, and the unit in UCUM.
_UNITS = (
    ("µm^2", "um2", "square micrometer"),
    ("μm^2", "um2", "square micrometer"),  # GREEK SMALL LETTER MU
    ("µm²", "um2", "square micrometer"),
    ("µm", "um", "micrometer"),
    ("μm", "um", "micrometer"),
    ("%", "%", "Percent"),
)
_NO_UNIT = ("1", "no units")


def bulk_annotations(drawing: Drawing, slide: Slide, settled: Settled, digest: str) -> Dataset:
    """The object, whole but for its file meta. Raises Asked for the program that found what nobody drew."""
    told = settled.case.annotations
    if any(group.is_automatic for group in drawing.groups) and told.algorithm is None:
        raise Asked(["annotations.algorithm"], [])
    series = f"annotations {slide.instance_uid}"
    dataset = start(settled, MicroscopyBulkSimpleAnnotationsStorage, "ANN", series, digest)
    dataset.SeriesDescription = settled.case.title or "Annotations"
    _equipment(dataset)
    dataset.Laterality = settled.laterality.value if settled.laterality else None
    dataset.ContentLabel = told.label or "ANNOTATIONS"
    dataset.ContentDescription = settled.case.title
    performed_by = settled.encounter.performed_by
    dataset.ContentCreatorName = performed_by.as_pn() if performed_by else None
    dataset.AnnotationCoordinateType = "2D"
    dataset.PixelOriginInterpretation = "VOLUME"
    dataset.ReferencedImageSequence = [_reference(slide)]
    of_series = Dataset()
    of_series.SeriesInstanceUID = slide.series_uid
    of_series.ReferencedInstanceSequence = [_reference(slide)]
    dataset.ReferencedSeriesSequence = [of_series]
    dataset.AnnotationGroupSequence = [
        _group(dataset.SOPInstanceUID, number, group, told.classes.get(group.label), told.algorithm)
        for number, group in enumerate(drawing.groups, start=1)
    ]
    return dataset


def uncoded(drawing: Drawing, settled: Settled) -> tuple[str, ...]:
    """A note, where the case gives a class no code."""
    count = len({group.label for group in drawing.groups} - settled.case.annotations.classes.keys())
    return (
        (f"{count:,} of its classes have a name but no code: annotations.classes gives them",)
        if count
        else ()
    )


def _reference(slide: Slide) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = VLWholeSlideMicroscopyImageStorage
    item.ReferencedSOPInstanceUID = slide.instance_uid
    return item


def _equipment(dataset: Dataset) -> None:
    """Enhanced General Equipment (PS3.3 §C.7.5.2): where nobody says what made them, what made the object."""
    dataset.Manufacturer = dataset.Manufacturer or "Imaging Exchange"
    for keyword, ours in (
        ("ManufacturerModelName", "imx wrap"), ("DeviceSerialNumber", "none"), ("SoftwareVersions", "1"),
    ):  # fmt: skip
        if keyword not in dataset:
            setattr(dataset, keyword, ours)


def _group(
    instance_uid: str, number: int, group: Group, what: Property | None, algorithm: Algorithm | None
) -> Dataset:
    item = Dataset()
    item.AnnotationGroupNumber = number
    item.AnnotationGroupUID = named_uid("annotation group", instance_uid, str(number))
    name = f"{group.label}: {group.remark}" if group.remark else group.label
    item.AnnotationGroupLabel = _line(name)
    if item.AnnotationGroupLabel != name:
        item.AnnotationGroupDescription = name
    item.AnnotationGroupGenerationType = "AUTOMATIC" if group.is_automatic else "MANUAL"
    if group.is_automatic and algorithm is not None:
        item.AnnotationGroupAlgorithmIdentificationSequence = [_algorithm(algorithm)]
    item.AnnotationPropertyCategoryCodeSequence = [
        coded(what.category) if what else code_item(*_UNSAID_CATEGORY)
    ]
    item.AnnotationPropertyTypeCodeSequence = [coded(what.type) if what else code_item(*_UNSAID_TYPE)]
    item.NumberOfAnnotations = len(group.shapes)
    item.GraphicType = group.graphic.value
    if group.colour is not None:
        item.RecommendedDisplayCIELabValue = cielab(group.colour)
    _coordinates(item, group)
    item.AnnotationAppliesToAllOpticalPaths = "YES"
    if group.measured:
        item.MeasurementsSequence = list(_measurements(group))
    return item


def _coordinates(item: Dataset, group: Group) -> None:
    """In single precision where that holds every one of them exactly, in double where it does not."""
    points = np.concatenate(group.shapes)
    single = points.astype("<f4")
    if (single == points).all():
        item.PointCoordinatesData = single.tobytes()
    else:
        item.DoublePointCoordinatesData = points.astype("<f8").tobytes()
    if group.graphic in (Graphic.POLYGON, Graphic.POLYLINE):
        # Counted in coordinates, two a point, from 1 (PS3.3 §C.37.1.2).
        lengths = np.array([0, *(2 * len(each) for each in group.shapes[:-1])])
        item.LongPrimitivePointIndexList = (lengths.cumsum() + 1).astype("<u4").tobytes()


def _measurements(group: Group) -> Iterator[Dataset]:
    for name, (numbers, values) in group.measured.items():
        concept, unit = _concept(name)
        item, held = Dataset(), Dataset()
        item.ConceptNameCodeSequence = [concept]
        item.MeasurementUnitsCodeSequence = [unit]
        held.FloatingPointValues = np.asarray(values, dtype="<f4").tobytes()
        if len(numbers) != len(group.shapes):
            held.AnnotationIndexList = (np.asarray(numbers, dtype="<u4") + 1).tobytes()
        item.MeasurementValuesSequence = [held]
        yield item


def _concept(name: str) -> tuple[Dataset, Dataset]:
    """A measurement's code and unit, from what a program calls it."""
    plain, unit, meaning = name.strip(), *_NO_UNIT
    for ending, code, spelt in _UNITS:
        if plain.endswith(ending):
            plain, unit, meaning = plain.removesuffix(ending).strip(), code, spelt
            break
    known = _MEASURED.get(plain.casefold())
    if known:
        concept = code_item(known, "SCT", plain.capitalize())
    else:
        concept = code_item(hashlib.sha256(name.encode()).hexdigest()[:16], _OURS, _line(name))
    return concept, code_item(unit, "UCUM", meaning)


def _algorithm(algorithm: Algorithm) -> Dataset:
    """Algorithm Identification Macro (PS3.3 §10.16)."""
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [coded(algorithm.family)]
    item.AlgorithmName = algorithm.name
    item.AlgorithmVersion = algorithm.version
    return item


def _line(text: str) -> str:
    """As LO has it (PS3.5 §6.2): 64 characters, no backslash, no control character."""
    return (
        "".join(each if each.isprintable() and each != "\\" else " " for each in text)[:64].strip()
        or "unnamed"
    )
