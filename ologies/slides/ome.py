"""OME-TIFF: images, their sizes and their objective are XML in the first directory, levels are SubIFDs.

Brightfield: the three colours are samples of one directory.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from ologies.case import Device
from ologies.errors import Damaged
from ologies.settled import Said
from ologies.slides import tiff
from ologies.slides.generic import shows_the_same
from ologies.slides.raster import Raster, raster_of
from ologies.slides.said import number, plain, xml_of
from ologies.slides.slide import Flavour, Slide
from ologies.slides.tiff import Directory

#: Lengths (OME, UnitsLength) in microns; without one they are microns.
_UNITS: Mapping[str, float] = {"": 1, "µm": 1, "um": 1, "nm": 0.001, "mm": 1000, "cm": 10_000, "Å": 0.0001}

_NAMES: Mapping[str, Flavour] = {
    "label": Flavour.LABEL,
    "macro": Flavour.OVERVIEW,
    "overview": Flavour.OVERVIEW,
    "thumbnail": Flavour.THUMBNAIL,
}


def read_ome(directories: Sequence[Directory]) -> Slide:
    """Raises Damaged where its XML is none, or names pictures that are not there."""
    root = xml_of(directories[0].text(tiff.DESCRIPTION))
    images = [*_images(root, directories)]
    scanned = [(image, first) for image, first in images if _flavour(image) is None]
    if not scanned:
        raise Damaged("it has no slide, but only pictures beside one")
    image, first = max(scanned, key=lambda each: each[1].number(tiff.WIDTH) * each[1].number(tiff.LENGTH))
    base = raster_of(first)
    pixels = _one(image, "Pixels")
    if int(number(pixels.get("SizeC")) or 1) != base.samples:
        raise Damaged("its colours are channels, one picture each: fluorescence is not understood here")
    below = [raster_of(each) for each in first.below()]
    levels = [base, *(each for each in below if shows_the_same(each, base))]
    others = len(scanned) - 1
    return Slide(
        levels=tuple(sorted(levels, key=lambda level: -level.columns_px)),
        others=tuple(_others(images)),
        microns_per_pixel=_microns(pixels),
        objective=_objective(root, image),
        colour_profile=first.raw(tiff.ICC_PROFILE),
        said=Said(at=_at(image), device=_device(root)),
        notes=(f"{others} other pictures of the file are not part of it",) if others else (),
    )


def _images(root: Element, directories: Sequence[Directory]) -> Iterator[tuple[Element, Directory]]:
    """Each image, and its first directory: the one that it names, else the next."""
    following = 0
    for image in _all(root, "Image"):
        named = next((each.get("IFD") for each in _all(image, "TiffData") if each.get("IFD")), None)
        place = int(named) if named is not None and named.isdecimal() else following
        if place >= len(directories):
            raise Damaged("it names a picture that is not there")
        following = place + 1
        yield image, directories[place]


def _others(images: Sequence[tuple[Element, Directory]]) -> Iterator[tuple[Flavour, Raster]]:
    for image, directory in images:
        flavour = _flavour(image)
        if flavour is not None:
            yield flavour, raster_of(directory)


def _flavour(image: Element) -> Flavour | None:
    name = image.get("Name", "").strip().lower()
    named = (flavour for word, flavour in _NAMES.items() if name.startswith(word) or name.endswith(word))
    return next(named, None)


def _microns(pixels: Element) -> tuple[float, float] | None:
    found = []
    for name in ("PhysicalSizeX", "PhysicalSizeY"):
        size, unit = number(pixels.get(name)), _UNITS.get(pixels.get(f"{name}Unit", ""))
        if size is None or unit is None:
            return None
        found.append(size * unit)
    return found[0], found[1]


def _objective(root: Element, image: Element) -> float | None:
    settings = next(iter(_all(image, "ObjectiveSettings")), None)
    wanted = settings.get("ID") if settings is not None else None
    objectives = [each for each in _all(root, "Objective") if wanted is None or each.get("ID") == wanted]
    return number(objectives[0].get("NominalMagnification")) if len(objectives) == 1 else None


def _device(root: Element) -> Device:
    microscope = next(iter(_all(root, "Microscope")), None)
    if microscope is None:
        return Device()
    return Device(
        manufacturer=plain(microscope.get("Manufacturer")),
        model=plain(microscope.get("Model")),
        serial_number=plain(microscope.get("SerialNumber")),
    )


def _at(image: Element) -> datetime | None:
    said = next(iter(_all(image, "AcquisitionDate")), None)
    try:
        return datetime.fromisoformat((said.text or "").strip()) if said is not None else None
    except ValueError:
        return None


def _all(element: Element, name: str) -> list[Element]:
    """Whatever edition of OME's namespace it is of."""
    return [each for each in element.iter() if str(each.tag).rpartition("}")[2] == name]


def _one(element: Element, name: str) -> Element:
    found = _all(element, name)
    if not found:
        raise Damaged(f"its description has no {name}")
    return found[0]
