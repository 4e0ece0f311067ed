"""OME-TIFF: images, their sizes and their objective are XML in the first directory, levels are SubIFDs.

In brightfield the three colours are samples of one directory; in fluorescence each channel has its own.
"""

import math
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
from ologies.slides.slide import Flavour, Fluorescence, Slide
from ologies.slides.tiff import Directory

#: Lengths (OME, UnitsLength) in microns; without one they are microns.
_UNITS: Mapping[str, float] = {"": 1, "µm": 1, "um": 1, "nm": 0.001, "mm": 1000, "cm": 10_000, "Å": 0.0001}

#: Markers of one slide: multiplexed ones have tens.
_CHANNELS_LIMIT = 256
_PLANES_LIMIT = 65_536

_FLUORESCENCE = "fluorescence"
_COLOURS = frozenset({"red", "green", "blue", "r", "g", "b", "rgb", "brightfield"})

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
    channels = channels_of(pixels) if base.samples == 1 else ()
    planes = planes_of(pixels, directories.index(first)) if channels else {}
    if not channels and _size(pixels, "C") != base.samples:
        raise Damaged("its colours are channels, one picture each, and it does not say what shines in them")
    if sorted(planes) != list(range(len(channels))) or any(at >= len(directories) for at in planes.values()):
        raise Damaged("it names channels that are not there")
    levels, *further = [_levels(directories[planes[number]]) for number in range(len(channels))] or [
        _levels(first)
    ]
    if any(len(each) != len(levels) for each in further):
        raise Damaged("its channels have other levels than the first")
    notes = []
    if others := len(scanned) - 1:
        notes.append(f"{others} other pictures of the file are not part of it")
    if (elsewhere := _size(pixels, "Z") * _size(pixels, "T") - 1) > 0:
        notes.append(f"{elsewhere} other focal planes or times are not part of it")
    return Slide(
        levels=levels,
        further=tuple(further),
        others=tuple(_others(images)),
        microns_per_pixel=_microns(pixels),
        objective=_objective(root, image),
        colour_profile=first.raw(tiff.ICC_PROFILE),
        channels=channels,
        said=Said(at=_at(image), device=_device(root)),
        notes=tuple(notes),
    )


def channels_of(pixels: Element) -> tuple[Fluorescence, ...]:
    """What each channel shows, where its description says that they are of fluorescence."""
    described = [_channel(each) for each in _all(pixels, "Channel")]
    if len(described) != _size(pixels, "C") or len(described) > _CHANNELS_LIMIT:
        return ()
    names = {each.name.lower() for each in described}
    shines = any(each.excitation_nm or each.emission_nm for each in described) or any(
        _FLUORESCENCE in f"{each.get('ContrastMethod')} {each.get('IlluminationType')}".lower()
        for each in _all(pixels, "Channel")
    )
    # Colours that a writer took apart are called so, or not at all; markers have names of their own.
    is_named = all(each.name for each in described) and not names <= _COLOURS
    return tuple(described) if shines or (is_named and len(described) > 1) else ()


def _channel(channel: Element) -> Fluorescence:
    excitation, emission = (
        _length(channel, f"{each}Wavelength", "nm", 0.001) for each in ("Excitation", "Emission")
    )
    return Fluorescence(
        plain(channel.get("Name")) or plain(channel.get("Fluor")) or "",
        round(excitation * 1000, 3) if excitation else None,
        round(emission * 1000, 3) if emission else None,
    )


def planes_of(pixels: Element, first: int) -> dict[int, int]:
    """Of each channel, the directory of its first focal plane and time (OME-TIFF specification, TiffData)."""
    order = (pixels.get("DimensionOrder") or "XYCZT")[2:]
    if sorted(order) != ["C", "T", "Z"]:
        raise Damaged("its description orders planes in no way that OME knows")
    sizes = {axis: _size(pixels, axis) for axis in order}
    total = sizes["C"] * sizes["Z"] * sizes["T"]
    planes: dict[int, int] = {}
    for part in _all(pixels, "TiffData") or [Element("TiffData")]:
        at = _whole(part, "IFD", first)
        count = min(_whole(part, "PlaneCount", 1 if "IFD" in part.attrib else total), total)
        place, step = 0, 1
        for axis in order:
            place += _whole(part, f"First{axis}", 0) * step
            step *= sizes[axis]
        for more in range(count):
            index, found = place + more, {}
            for axis in order:
                index, found[axis] = divmod(index, sizes[axis])
            if not found["Z"] and not found["T"] and not index:
                planes.setdefault(found["C"], at + more)
    return planes


def _levels(first: Directory) -> tuple[Raster, ...]:
    base = raster_of(first)
    below = [raster_of(each) for each in first.below()]
    levels = [base, *(each for each in below if shows_the_same(each, base))]
    return tuple(sorted(levels, key=lambda level: -level.columns_px))


def _images(root: Element, directories: Sequence[Directory]) -> Iterator[tuple[Element, Directory]]:
    """Each image, and its first directory: the one that it names, else the next."""
    following = 0
    for image in _all(root, "Image"):
        named = next((each.get("IFD") for each in _all(image, "TiffData") if each.get("IFD")), None)
        place = int(named) if named is not None and named.isdecimal() else following
        if place >= len(directories):
            raise Damaged("it names a picture that is not there")
        pixels = _one(image, "Pixels")
        of_colours = directories[place].number(tiff.SAMPLES, 1)
        following = place + max(1, math.prod(_size(pixels, axis) for axis in "CZT") // max(1, of_colours))
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
    across, down = (_length(pixels, f"PhysicalSize{axis}", "", 1) for axis in "XY")
    return (across, down) if across and down else None


def _length(element: Element, name: str, unit: str, microns: float) -> float | None:
    """In microns; `unit` is worth so many, and counts where none is said."""
    size, said = number(element.get(name)), element.get(f"{name}Unit", unit)
    worth = microns if said == unit else _UNITS.get(said)
    return size * worth if size is not None and worth is not None else None


def _size(pixels: Element, axis: str) -> int:
    return min(max(1, _whole(pixels, f"Size{axis}", 1)), _PLANES_LIMIT)


def _whole(element: Element, name: str, otherwise: int) -> int:
    text = element.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise


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
