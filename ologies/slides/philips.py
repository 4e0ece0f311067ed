"""Philips TIFF: levels are directories, padded to whole tiles; everything else is XML in the first one."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from ologies.case import Device
from ologies.errors import Damaged
from ologies.settled import Said
from ologies.slides import tiff
from ologies.slides.raster import Raster, cropped, raster_of, raster_of_jpeg
from ologies.slides.said import number, plain, xml_of
from ologies.slides.slide import Flavour, Slide
from ologies.slides.tiff import Directory

_FLAVOURS: Mapping[str, Flavour] = {"MACROIMAGE": Flavour.OVERVIEW, "LABELIMAGE": Flavour.LABEL}


def read_philips(directories: Sequence[Directory]) -> Slide:
    """Raises Damaged where its XML is none, or one of its pictures is broken."""
    root = xml_of(directories[0].text(tiff.DESCRIPTION))
    said = dict(reversed([*_attributes(root)]))  # of what comes twice, the first: it is of the largest level
    tiled = [raster_of(each) for each in directories if tiff.TILE_WIDTH in each]
    if not tiled:
        raise Damaged("it has no level")
    base = max(tiled, key=lambda level: level.columns_px)
    spacing = [number(each) for each in re.findall(r"[\d.eE+-]+", said.get("DICOM_PIXEL_SPACING", ""))]
    down, across = (*spacing, None, None)[:2]
    levels = sorted((_shown(each, base) for each in tiled), key=lambda level: -level.columns_px)
    return Slide(
        levels=tuple(levels),
        others=(*_directories(directories), *_embedded(root, directories)),
        microns_per_pixel=(across * 1000, down * 1000) if across and down else None,
        objective=number(said.get("DICOM_OBJECTIVE_LENS_POWER")),
        colour_profile=_bytes(said.get("DICOM_ICCPROFILE", "")) or base.directory.raw(tiff.ICC_PROFILE),
        container=plain(_bytes(said.get("PIM_DP_UFS_BARCODE", "")).decode("latin-1")) or "",
        said=Said(
            at=_at(said.get("DICOM_ACQUISITION_DATETIME", "")),
            device=Device(
                manufacturer=plain(said.get("DICOM_MANUFACTURER")) or "Philips",
                model=plain(said.get("DICOM_MANUFACTURERS_MODEL_NAME")),
                serial_number=plain(said.get("DICOM_DEVICE_SERIAL_NUMBER")),
                software=plain(said.get("DICOM_SOFTWARE_VERSIONS", "").replace('"', " ")),
            ),
        ),
    )


def _attributes(root: Element) -> Iterator[tuple[str, str]]:
    for each in root.iter("Attribute"):
        if each.text is not None and not len(each):
            yield each.get("Name", ""), each.text.strip()


def _shown(level: Raster, base: Raster) -> Raster:
    """A level without its padding: each is half of the one above."""
    step = 1 << max(0, round(base.columns_px / level.columns_px) - 1).bit_length()
    return cropped(level, -(-base.columns_px // step), -(-base.rows_px // step))


def _directories(directories: Sequence[Directory]) -> Iterator[tuple[Flavour, Raster]]:
    for each in directories:
        name = each.text(tiff.DESCRIPTION)[:16]
        flavour = {"Macro": Flavour.OVERVIEW, "Label": Flavour.LABEL}.get(name[:5])
        if flavour is not None:
            yield flavour, raster_of(each)


def _embedded(root: Element, directories: Sequence[Directory]) -> Iterator[tuple[Flavour, Raster]]:
    """JPEG in base64, where no directory has the picture."""
    known = {flavour for flavour, _ in _directories(directories)}
    for image in root.iter("DataObject"):
        if image.get("ObjectType") != "DPScannedImage":
            continue
        said = {each.get("Name"): each.text or "" for each in image.findall("Attribute")}
        flavour = _FLAVOURS.get(said.get("PIM_DP_IMAGE_TYPE", "").strip())
        content = _bytes(said.get("PIM_DP_IMAGE_DATA", ""))
        if flavour is not None and flavour not in known and content:
            yield flavour, raster_of_jpeg(content)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _at(text: str) -> datetime | None:
    for layout in ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S"):
        try:
            return datetime.strptime(text.strip(), layout)  # noqa: DTZ007 -- a scanner without a zone says none
        except ValueError:
            continue
    return None
