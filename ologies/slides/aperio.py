"""Aperio's SVS: levels and other pictures are directories, told apart by what their descriptions say."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from ologies.case import Device
from ologies.settled import Said
from ologies.slides import tiff
from ologies.slides.raster import Raster, raster_of
from ologies.slides.said import number, plain
from ologies.slides.slide import Flavour, Slide
from ologies.slides.tiff import Directory


def read_aperio(directories: Sequence[Directory]) -> Slide:
    """Raises Damaged where one of its pictures is broken."""
    levels: list[Raster] = []
    others: list[tuple[Flavour, Raster]] = []
    for place, directory in enumerate(directories):
        if tiff.TILE_WIDTH in directory:
            levels.append(raster_of(directory))
        elif place == 1:
            others.append((Flavour.THUMBNAIL, raster_of(directory)))
        else:
            first = directory.text(tiff.DESCRIPTION).partition("\n")[2].lower()
            flavour = Flavour.LABEL if first.startswith("label") else Flavour.OVERVIEW
            others.append((flavour, raster_of(directory)))
    said = said_by(directories[0].text(tiff.DESCRIPTION))
    microns = number(said.get("MPP"))
    return Slide(
        levels=tuple(sorted(levels, key=lambda level: -level.columns_px)),
        others=tuple(others),
        microns_per_pixel=(microns, microns) if microns else None,
        objective=number(said.get("AppMag")),
        colour_profile=directories[0].raw(tiff.ICC_PROFILE),
        container=said.get("Barcode", "")[:64],
        said=Said(
            at=_at(said),
            device=Device(
                manufacturer="Aperio",
                serial_number=plain(said.get("ScanScope ID")),
                software=plain(directories[0].text(tiff.DESCRIPTION).partition("\n")[0]),
            ),
        ),
    )


def said_by(description: str) -> Mapping[str, str]:
    """`name = value` between bars, behind the first; of a name that comes twice, the last."""
    pairs = (each.partition("=") for each in description.split("|")[1:])
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _at(said: Mapping[str, str]) -> datetime | None:
    """The scanner's clock: month first, its zone (where it says one) in hours."""
    zone = re.fullmatch(r"GMT([+-])(\d\d):?(\d\d)", said.get("Time Zone", ""))
    text = f"{said.get('Date', '')} {said.get('Time', '')}" + ("".join(zone.groups()) if zone else "")
    for year in ("%y", "%Y"):
        try:
            return datetime.strptime(text, f"%m/{'%d'}/{year} %H:%M:%S" + ("%z" if zone else ""))  # noqa: DTZ007
        except ValueError:
            continue
    return None
