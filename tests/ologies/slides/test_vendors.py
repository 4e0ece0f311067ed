"""What each vendor's file says of its slide, in files made here after what is public of their look."""

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ologies.errors import Damaged
from ologies.recognition import Kind, recognise
from tests.ologies.material import wrap_here
from tests.ologies.slides.material import (
    SPECIMEN,
    a_slide_case,
    assert_valid,
    by_openslide,
    objects_of,
    pixels_of,
    tissue,
    volumes_of,
)

OME = """<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Microscope Manufacturer="Leica" Model="GT450" SerialNumber="7"/>
<Objective ID="Objective:0" NominalMagnification="40"/></Instrument>
<Image ID="Image:0" Name="slide"><AcquisitionDate>2026-03-03T09:00:00+00:00</AcquisitionDate>
<ObjectiveSettings ID="Objective:0"/>
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="1100" SizeY="700" SizeC="{channels}"
 SizeZ="1" SizeT="1" PhysicalSizeX="263" PhysicalSizeXUnit="nm" PhysicalSizeY="0.263" PhysicalSizeYUnit="µm">
<Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData IFD="0" PlaneCount="1"/></Pixels></Image>
<Image ID="Image:1" Name="label"><Pixels ID="Pixels:1" DimensionOrder="XYCZT" Type="uint8" SizeX="200"
 SizeY="100" SizeC="3" SizeZ="1" SizeT="1"><TiffData IFD="1" PlaneCount="1"/></Pixels></Image></OME>"""


def write_ome(path: Path, channels: int = 3, **options: Any) -> NDArray[np.uint8]:
    whole = tissue(1100, 700)
    said: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "metadata": None, **options}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(whole, subifds=1, description=OME.format(channels=channels).encode(), **said)
        file.write(whole[::4, ::4], subfiletype=1, **said)
        file.write(tissue(200, 100), photometric="rgb", compression="lzw", metadata=None)
    return whole


def test_ome_tiff(tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tif"
    whole = write_ome(path, compression="deflate")
    assert recognise(path) is Kind.OME_TIFF
    wrapping = wrap_here(path, a_slide_case())
    assert_valid(wrapping)
    base, smaller = volumes_of(wrapping)
    np.testing.assert_array_equal(pixels_of(base), whole)
    np.testing.assert_array_equal(pixels_of(smaller), whole[::4, ::4])
    measures = base.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(each) for each in measures.PixelSpacing] == [0.000263, 0.000263]
    assert base.OpticalPathSequence[0].ObjectiveLensPower == 40
    assert (base.Manufacturer, base.ManufacturerModelName) == ("Leica", "GT450")
    assert [each.ImageType[2] for each in objects_of(wrapping)] == ["VOLUME", "VOLUME", "LABEL"]


def test_channels_are_no_colours(tmp_path: Path) -> None:
    write_ome(tmp_path / "slide.ome.tif", channels=5, compression="jpeg")
    with pytest.raises(Damaged, match="channels"):
        wrap_here(tmp_path / "slide.ome.tif", a_slide_case())


PHILIPS = """<?xml version="1.0" encoding="UTF-8" ?>
<DataObject ObjectType="DPUfsImport">
<Attribute Name="DICOM_ACQUISITION_DATETIME" Group="0x0008" Element="0x002A">20260303090000.000000</Attribute>
<Attribute Name="DICOM_DEVICE_SERIAL_NUMBER">FMT0001</Attribute>
<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>
<Attribute Name="DICOM_SOFTWARE_VERSIONS">"1.8" "4.0"</Attribute>
<Attribute Name="PIM_DP_UFS_BARCODE">{barcode}</Attribute>
<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>
<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">WSI</Attribute>
<Attribute Name="DICOM_PIXEL_SPACING">"0.000227" "0.000226"</Attribute>
<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}</Array></Attribute></DataObject>
<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">MACROIMAGE</Attribute>
<Attribute Name="PIM_DP_IMAGE_DATA">{macro}</Attribute></DataObject>
</Array></Attribute></DataObject>"""

LEVEL = """<DataObject ObjectType="PixelDataRepresentation">
<Attribute Name="DICOM_PIXEL_SPACING">"{}" "{}"</Attribute></DataObject>"""


def write_philips(path: Path) -> None:
    """Levels are padded to whole tiles, and the third one shows less than it holds."""
    macro = BytesIO()
    Image.fromarray(tissue(300, 120)).save(macro, "JPEG")
    said = PHILIPS.format(
        levels="".join(LEVEL.format(0.000227 * step, 0.000226 * step) for step in (1, 2, 4)),
        barcode=base64.b64encode(str(SPECIMEN["container"]).encode()).decode(),
        macro=base64.b64encode(macro.getvalue()).decode(),
    )
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, (columns, rows) in enumerate([(1536, 1024), (768, 512), (512, 256)]):
            file.write(
                tissue(columns, rows), tile=(256, 256), photometric="ycbcr", compression="jpeg",
                software="Philips DP v1.0", description=said if number == 0 else None, metadata=None,
                subfiletype=int(number > 0),
            )  # fmt: skip


def test_philips(tmp_path: Path) -> None:
    path = tmp_path / "slide.tiff"
    write_philips(path)
    assert recognise(path) is Kind.PHILIPS_TIFF
    wrapping = wrap_here(path, a_slide_case(specimen={**SPECIMEN, "container": None}))
    assert_valid(wrapping)
    levels = volumes_of(wrapping)
    assert [each.TotalPixelMatrixColumns for each in levels][:3] == [1536, 768, 384]
    np.testing.assert_array_equal(pixels_of(levels[0]), by_openslide(path, 0))
    assert levels[0].ContainerIdentifier == SPECIMEN["container"]
    assert levels[0].SoftwareVersions == "1.8 4.0"
    measures = levels[0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(each) for each in measures.PixelSpacing] == [0.000227, 0.000226]
    (overview,) = (each for each in objects_of(wrapping) if each.ImageType[2] == "OVERVIEW")
    with openslide.OpenSlide(path) as slide:
        macro = np.asarray(slide.associated_images["macro"])[..., :3]
    np.testing.assert_array_equal(pixels_of(overview), macro)
