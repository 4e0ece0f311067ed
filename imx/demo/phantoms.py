"""Phantom studies as valid DICOM objects: CT, MR, CR, US, multi-frame ones, an ECG and a slide (PS3.3 §A)."""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
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
from imx.demo.ecg import ecg
from imx.demo.modules import DATE, TIME, code, corner, item, new_image, set_pixels, set_plane, set_rescale
from imx.demo.slide import slide
from imx.demo.stamp import Visit, name_by_content, stamp, uid_of

CT_PIXELS, CT_SPACING_MM = 320, 1.25
MR_PIXELS, MR_SPACING_MM = 256, 0.9
SLICES = 24
FRAMES = 24
FRAME_TIME_MS = 42


def ct_chest(visit: Visit) -> Iterator[Dataset]:
    """A chest CT, one object a slice, in Hounsfield units (PS3.3 §A.3)."""
    for z in np.linspace(0.9, -0.9, SLICES):
        ds = new_image(visit, CTImageStorage, ExplicitVRLittleEndian, "CT", "Chest")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.KVP, ds.GantryDetectorTilt = 120, 0
        ds.WindowCenter, ds.WindowWidth = [40, -500], [400, 1500]
        ds.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
        set_rescale(ds, -1024, "HU")
        set_plane(ds, z * 150.0, CT_PIXELS, CT_SPACING_MM, 300.0 * 0.9 / (SLICES - 1))
        stored = anatomy.chest_slice(float(z), CT_PIXELS).astype(np.int32) + 1024
        set_pixels(ds, stored.astype(np.uint16), 12)
        yield ds


def mr_head(visit: Visit) -> Iterator[Dataset]:
    """A T1-weighted head, one RLE-compressed object a slice (PS3.3 §A.4)."""
    for z in np.linspace(0.85, -0.75, SLICES):
        ds = new_image(visit, MRImageStorage, ExplicitVRLittleEndian, "MR", "Head")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        ds.ScanningSequence, ds.SequenceVariant, ds.ScanOptions = "SE", "NONE", ""
        ds.MRAcquisitionType = "2D"
        ds.RepetitionTime, ds.EchoTime, ds.EchoTrainLength, ds.FlipAngle = 500, 12, 1, 90
        ds.MagneticFieldStrength = 1.5
        ds.WindowCenter, ds.WindowWidth = 450, 900
        set_plane(ds, z * 90.0, MR_PIXELS, MR_SPACING_MM, 144.0 / (SLICES - 1))
        set_pixels(ds, anatomy.head_slice(float(z), MR_PIXELS), 12)
        compress(ds, RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        yield ds


def cr_chest(visit: Visit) -> Iterator[Dataset]:
    """A frontal chest radiograph (PS3.3 §A.2)."""
    ds = new_image(visit, ComputedRadiographyImageStorage, ImplicitVRLittleEndian, "CR", "Chest")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ViewPosition = "PA"
    ds.PatientOrientation = ["L", "F"]
    ds.KVP, ds.PlateID = 125, ""
    ds.ImagerPixelSpacing = [0.35, 0.35]
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    set_pixels(ds, anatomy.chest_radiograph(1024), 12)
    yield ds


def us_still(visit: Visit) -> Iterator[Dataset]:
    """One ultrasound picture (PS3.3 §A.6)."""
    ds = _ultrasound(visit, UltrasoundImageStorage, ExplicitVRLittleEndian)
    set_pixels(ds, anatomy.ultrasound(0.25, 480, 640), 8)
    yield ds


def us_cine(visit: Visit) -> Iterator[Dataset]:
    """One beat as an ultrasound clip, its frames JPEG (PS3.3 §A.7, PS3.5 §8.2.1)."""
    ds = _ultrasound(visit, UltrasoundMultiFrameImageStorage, JPEGBaseline8Bit)
    frames = [anatomy.ultrasound(number / FRAMES, 480, 640) for number in range(FRAMES)]
    set_pixels(ds, np.stack(frames), 8)
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
    ds = new_image(visit, EnhancedCTImageStorage, ExplicitVRLittleEndian, "CT", "Chest")
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
    set_pixels(ds, (volume + 1024).astype(np.uint16), 12)
    ds.NumberOfFrames = SLICES

    organisation = uid_of("dimension", visit.study_uid)
    ds.DimensionOrganizationType = "3D"
    ds.DimensionOrganizationSequence = Sequence([item(DimensionOrganizationUID=organisation)])
    ds.DimensionIndexSequence = Sequence([
        item(DimensionOrganizationUID=organisation, DimensionIndexPointer=0x00209056,
              FunctionalGroupPointer=0x00209111, DimensionDescriptionLabel="Stack ID"),
        item(DimensionOrganizationUID=organisation, DimensionIndexPointer=0x00209057,
              FunctionalGroupPointer=0x00209111, DimensionDescriptionLabel="In-Stack Position Number"),
    ])  # fmt: skip
    frame_type = item(
        FrameType=kind, PixelPresentation="MONOCHROME", VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )  # fmt: skip
    measures = item(
        PixelSpacing=[CT_SPACING_MM] * 2, SliceThickness=spacing_mm, SpacingBetweenSlices=spacing_mm
    )
    rescale = item(RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU")
    ds.SharedFunctionalGroupsSequence = Sequence([item(
        PixelMeasuresSequence=Sequence([measures]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        FrameAnatomySequence=Sequence([item(
            FrameLaterality="U", AnatomicRegionSequence=Sequence([code("816094009", "SCT", "Chest")]),
        )]),
        CTImageFrameTypeSequence=Sequence([frame_type]),
        PixelValueTransformationSequence=Sequence([rescale]),
        FrameVOILUTSequence=Sequence([item(WindowCenter=40, WindowWidth=400)]),
        IrradiationEventIdentificationSequence=Sequence(
            [item(IrradiationEventUID=uid_of("irradiation", visit.study_uid))]
        ),
    )])  # fmt: skip
    ds.PerFrameFunctionalGroupsSequence = Sequence([
        item(
            FrameContentSequence=Sequence([item(
                StackID="1", InStackPositionNumber=number + 1, DimensionIndexValues=[1, number + 1],
                FrameAcquisitionNumber=1, FrameReferenceDateTime=DATE + TIME,
                FrameAcquisitionDateTime=DATE + TIME, FrameAcquisitionDuration=150.0,
            )]),
            PlanePositionSequence=Sequence([item(
                ImagePositionPatient=corner(float(z) * 150.0, CT_PIXELS, CT_SPACING_MM),
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
    "ECG": ecg,
    "slide": slide,
}


def phantoms(name: str, visit: Visit) -> Iterator[Dataset]:
    """The objects of a phantom study, ready to be written as files."""
    for number, ds in enumerate(PHANTOMS[name](visit), start=1):
        stamp(ds, visit, name)
        ds.InstanceNumber = number
        name_by_content(ds)
        yield ds


def _ultrasound(visit: Visit, sop_class: UID, syntax: UID) -> Dataset:
    ds = new_image(visit, sop_class, syntax, "US", "Abdomen")
    del ds.PatientPosition
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.PatientOrientation = ""
    ds.LossyImageCompression, ds.UltrasoundColorDataPresent = "00", 0
    # tissue, two-dimensional, in centimetres (PS3.3 §C.8.5.5.1)
    ds.SequenceOfUltrasoundRegions = Sequence([item(
        RegionSpatialFormat=1, RegionDataType=1, RegionFlags=0, RegionLocationMinX0=0, RegionLocationMinY0=0,
        RegionLocationMaxX1=639, RegionLocationMaxY1=479, PhysicalUnitsXDirection=3,
        PhysicalUnitsYDirection=3, PhysicalDeltaX=0.03, PhysicalDeltaY=0.03,
    )])  # fmt: skip
    return ds


def _jpeg(frame: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
