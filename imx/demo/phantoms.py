"""Phantom studies as valid DICOM objects: CT, MR, CR, US, and multi-frame ones (PS3.3 §A)."""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import compress
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MRImageStorage,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from imx.demo import anatomy
from imx.demo.stamp import Visit, name_by_content, stamp, uid_of

DATE, TIME = "20260312", "101500"
CT_PIXELS, CT_SPACING_MM = 320, 1.25
MR_PIXELS, MR_SPACING_MM = 256, 0.9
SLICES = 24
FRAMES = 24
FRAME_TIME_MS = 42


def ct_chest(visit: Visit) -> Iterator[Dataset]:
    """A chest CT, one object a slice, in Hounsfield units (PS3.3 §A.3)."""
    for number, z in enumerate(np.linspace(0.9, -0.9, SLICES)):
        ds = _image(visit, CTImageStorage, ExplicitVRLittleEndian, "CT", "Chest")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.KVP, ds.GantryDetectorTilt = 120, 0
        ds.WindowCenter, ds.WindowWidth = [40, -500], [400, 1500]
        ds.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
        _rescale(ds, -1024, "HU")
        _plane(ds, number, z * 150.0, CT_PIXELS, CT_SPACING_MM, 300.0 * 0.9 / (SLICES - 1))
        stored = anatomy.chest_slice(float(z), CT_PIXELS).astype(np.int32) + 1024
        _pixels(ds, stored.astype(np.uint16), 12)
        yield ds


def mr_head(visit: Visit) -> Iterator[Dataset]:
    """A T1-weighted head, one RLE-compressed object a slice (PS3.3 §A.4)."""
    for number, z in enumerate(np.linspace(0.85, -0.75, SLICES)):
        ds = _image(visit, MRImageStorage, ExplicitVRLittleEndian, "MR", "Head")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "NONE", ""
        ds.MRAcquisitionType = "2D"
        ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength, ds.FlipAngle = 500, 12, 1, 90
        ds.MagneticFieldStrength = 1.5
        ds.WindowCenter, ds.WindowWidth = 450, 900
        _plane(ds, number, z * 90.0, MR_PIXELS, MR_SPACING_MM, 144.0 / (SLICES - 1))
        _pixels(ds, anatomy.head_slice(float(z), MR_PIXELS), 12)
        compress(ds, RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        yield ds


def cr_chest(visit: Visit) -> Iterator[Dataset]:
    """A frontal chest radiograph (PS3.3 §A.2)."""
    ds = _image(visit, ComputedRadiographyImageStorage, ImplicitVRLittleEndian, "CR", "Chest")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ViewPosition = "PA"
    ds.PatientOrientation = ["L", "F"]
    ds.KVP, ds.PlateID = 125, ""
    ds.ImagerPixelSpacing = [0.35, 0.35]
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    _pixels(ds, anatomy.chest_radiograph(1024), 12)
    yield ds


def us_still(visit: Visit) -> Iterator[Dataset]:
    """One ultrasound picture (PS3.3 §A.6)."""
    ds = _ultrasound(visit, UltrasoundImageStorage, ExplicitVRLittleEndian)
    _pixels(ds, anatomy.ultrasound(0.25, 480, 640), 8)
    yield ds


def us_cine(visit: Visit) -> Iterator[Dataset]:
    """One beat as an ultrasound clip, its frames JPEG (PS3.3 §A.7, PS3.5 §8.2.1)."""
    ds = _ultrasound(visit, UltrasoundMultiFrameImageStorage, JPEGBaseline8Bit)
    frames = [anatomy.ultrasound(number / FRAMES, 480, 640) for number in range(FRAMES)]
    _pixels(ds, np.stack(frames), 8)
    ds.FrameIncrementPointer = 0x00181063
    ds.FrameTime, ds.CineRate = FRAME_TIME_MS, round(1000 / FRAME_TIME_MS)
    encoded = [_jpeg(frame) for frame in frames]
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    ds.LossyImageCompressionRatio = round(480 * 640 * FRAMES / sum(map(len, encoded)), 2)
    ds.PixelData = encapsulate(encoded)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    yield ds


def ct_enhanced(visit: Visit) -> Iterator[Dataset]:
    """The chest again as one multi-frame object with functional groups (PS3.3 §A.38.1)."""
    ds = _image(visit, EnhancedCTImageStorage, ExplicitVRLittleEndian, "CT", "Chest")
    del ds.AcquisitionDate, ds.AcquisitionTime  # AcquisitionDateTime takes their place
    kind = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    ds.ImageType = kind
    ds.PixelPresentation, ds.VolumetricProperties = "MONOCHROME", "VOLUME"
    ds.VolumeBasedCalculationTechnique = "NONE"
    ds.ContentQualification, ds.BurnedInAnnotation, ds.LossyImageCompression = "RESEARCH", "NO", "00"
    ds.PresentationLUTShape, ds.AcquisitionContextSequence = "IDENTITY", Sequence()
    ds.AcquisitionDateTime, ds.AcquisitionDuration = DATE + TIME, 4.0
    levels = np.linspace(0.9, -0.9, SLICES)
    spacing_mm = round(270.0 / (SLICES - 1), 3)
    volume = np.stack([anatomy.chest_slice(float(z), CT_PIXELS) for z in levels]).astype(np.int32)
    _pixels(ds, (volume + 1024).astype(np.uint16), 12)
    ds.NumberOfFrames = SLICES

    organisation = uid_of("dimension", visit.study_uid)
    ds.DimensionOrganizationType = "3D"
    ds.DimensionOrganizationSequence = Sequence([_item(DimensionOrganizationUID=organisation)])
    ds.DimensionIndexSequence = Sequence([
        _item(DimensionOrganizationUID=organisation, DimensionIndexPointer=0x00209056,
              FunctionalGroupPointer=0x00209111, DimensionDescriptionLabel="Stack ID"),
        _item(DimensionOrganizationUID=organisation, DimensionIndexPointer=0x00209057,
              FunctionalGroupPointer=0x00209111, DimensionDescriptionLabel="In-Stack Position Number"),
    ])  # fmt: skip
    frame_type = _item(
        FrameType=kind, PixelPresentation="MONOCHROME", VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )  # fmt: skip
    measures = _item(
        PixelSpacing=[CT_SPACING_MM] * 2, SliceThickness=spacing_mm, SpacingBetweenSlices=spacing_mm
    )
    rescale = _item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU")
    ds.SharedFunctionalGroupsSequence = Sequence([_item(
        PixelMeasuresSequence=Sequence([measures]),
        PlaneOrientationSequence=Sequence([_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        FrameAnatomySequence=Sequence([_item(
            FrameLaterality="U", AnatomicRegionSequence=Sequence([_code("816094009", "SCT", "Chest")]),
        )]),
        CTImageFrameTypeSequence=Sequence([frame_type]),
        PixelValueTransformationSequence=Sequence([rescale]),
        FrameVOILUTSequence=Sequence([_item(WindowCenter=40, WindowWidth=400)]),
        IrradiationEventIdentificationSequence=Sequence(
            [_item(IrradiationEventUID=uid_of("irradiation", visit.study_uid))]
        ),
    )])  # fmt: skip
    ds.PerFrameFunctionalGroupsSequence = Sequence([
        _item(
            FrameContentSequence=Sequence([_item(
                StackID="1", InStackPositionNumber=number + 1, DimensionIndexValues=[1, number + 1],
                FrameAcquisitionNumber=1, FrameReferenceDateTime=DATE + TIME,
                FrameAcquisitionDateTime=DATE + TIME, FrameAcquisitionDuration=150.0,
            )]),
            PlanePositionSequence=Sequence([_item(
                ImagePositionPatient=_corner(float(z) * 150.0, CT_PIXELS, CT_SPACING_MM),
            )]),
        )
        for number, z in enumerate(levels)
    ])  # fmt: skip
    yield ds


#: What a modality can be asked to make.
PHANTOMS: Mapping[str, Callable[[Visit], Iterator[Dataset]]] = {
    "CT chest": ct_chest,
    "MR head": mr_head,
    "CR chest": cr_chest,
    "US still": us_still,
    "US cine": us_cine,
    "CT enhanced": ct_enhanced,
}


def phantoms(name: str, visit: Visit) -> Iterator[Dataset]:
    """The objects of a phantom study, ready to be written as files."""
    for number, ds in enumerate(PHANTOMS[name](visit), start=1):
        stamp(ds, visit, name)
        ds.InstanceNumber = number
        name_by_content(ds)
        yield ds


def _image(visit: Visit, sop_class: UID, syntax: UID, modality: str, body_part: str) -> Dataset:
    """Study, series, equipment and acquisition modules that all of them share."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    ds.Modality = modality
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = TIME
    ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber = "1", 1, 1
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = f"SYNTHETIC {modality} {body_part.lower()}"
    ds.SeriesDescription = "Phantom of ellipses and noise"
    ds.BodyPartExamined = body_part.upper()
    ds.Manufacturer, ds.ManufacturerModelName = "Imaging Exchange", "Phantom"
    ds.DeviceSerialNumber, ds.SoftwareVersions = visit.modality.ae_title, "1"
    ds.PatientPosition = "HFS"
    if modality in ("CT", "MR"):
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid_of("frame", visit.study_uid), ""
    return ds


def _ultrasound(visit: Visit, sop_class: UID, syntax: UID) -> Dataset:
    ds = _image(visit, sop_class, syntax, "US", "Abdomen")
    del ds.PatientPosition
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.PatientOrientation = ""
    ds.LossyImageCompression, ds.UltrasoundColorDataPresent = "00", 0
    # tissue, two-dimensional, in centimetres (PS3.3 §C.8.5.5.1)
    ds.SequenceOfUltrasoundRegions = Sequence([_item(
        RegionSpatialFormat=1, RegionDataType=1, RegionFlags=0, RegionLocationMinX0=0, RegionLocationMinY0=0,
        RegionLocationMaxX1=639, RegionLocationMaxY1=479, PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3, PhysicalDeltaX=0.03, PhysicalDeltaY=0.03,
    )])  # fmt: skip
    return ds


def _plane(ds: Dataset, number: int, z_mm: float, pixels: int, spacing_mm: float, gap_mm: float) -> None:
    """Where an axial slice lies (PS3.3 §C.7.6.2)."""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = _corner(z_mm, pixels, spacing_mm)
    ds.SliceLocation, ds.SliceThickness = round(z_mm, 3), round(gap_mm, 3)
    ds.PixelSpacing = [spacing_mm, spacing_mm]


def _corner(z_mm: float, pixels: int, spacing_mm: float) -> list[float]:
    """The centre of the first pixel, in millimetres: the picture is centred on the patient."""
    edge = round(-(pixels - 1) / 2 * spacing_mm, 3)
    return [edge, edge, round(z_mm, 3)]


def _rescale(ds: Dataset, intercept: int, unit: str) -> None:
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = intercept, 1, unit


def _pixels(ds: Dataset, picture: NDArray[np.uint8] | NDArray[np.uint16], bits: int) -> None:
    """Grey pixels, one frame or several (PS3.3 §C.7.6.3)."""
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.Rows, ds.Columns = picture.shape[-2:]
    if picture.ndim == 3:
        ds.NumberOfFrames = picture.shape[0]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = picture.itemsize * 8, bits, bits - 1
    ds.PixelData = np.clip(picture, 0, 2**bits - 1).astype(picture.dtype.newbyteorder("<")).tobytes()
    ds["PixelData"].VR = "OB" if picture.itemsize == 1 else "OW"


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
