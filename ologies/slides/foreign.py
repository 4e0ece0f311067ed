"""Slides that only OpenSlide reads: their tiles overlap or lie as no TIFF's do, and are coded anew, once."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ologies.case import Case, Device
from ologies.errors import Damaged, NotInstalled
from ologies.recognition import Kind
from ologies.settled import Said
from ologies.slides import mirax
from ologies.slides.barcodes import read_barcodes
from ologies.slides.coding import Coding, Pixels, encode, lossless, lossy, shrunk
from ologies.slides.pyramid import SMALLEST_PX, STEP, TILE_PX, made_below, missing_below
from ologies.slides.raster import SIDE_LIMIT_PX, TILE_LIMIT_PX
from ologies.slides.said import number, plain
from ologies.slides.series import Series
from ologies.slides.slide import Flavour, Slide, settle_slide
from ologies.slides.tiles import Tiled, side_by_side
from ologies.writing import Made

if TYPE_CHECKING:
    from openslide import OpenSlide

#: Whose scanners write them.
_MAKERS: Mapping[Kind, str] = {Kind.MIRAX: "3DHISTECH", Kind.SCN: "Leica", Kind.BIF: "Ventana"}
FOREIGN_KINDS = frozenset(_MAKERS)

_FLAVOURS = {"label": Flavour.LABEL, "macro": Flavour.OVERVIEW, "thumbnail": Flavour.THUMBNAIL}

#: Lossy Image Compression Method (0028,2114) of nearly all of them; MIRAX may hold PNG or BMP instead.
_JPEG = "ISO_10918_1"

#: Decoded tiles that OpenSlide keeps.
_CACHE_BYTES = 64 * 1024 * 1024

#: Tiles that are compressed to learn by how much the others will be.
_TRIED = 24

_CODED_ANEW = "tiles overlap or lie as DICOM cannot take them: they were decoded, and coded anew once as {}"


def wrap_foreign(path: Path, kind: Kind, case: Case, digest: str, scratch: Path) -> Iterator[Made]:
    """The largest level first. Raises Damaged, NotInstalled, and Asked for all that a person has to say."""
    length = path.stat().st_size
    if kind is Kind.MIRAX:
        length += sum(each.stat().st_size for each in mirax.files_beside(path))
        path = mirax.laid_out(path, scratch)
    with _opened(path) as source:
        levels = _levels(source)
        others = list(_others(source))
        was_lossy = _was_lossy(source)
        coding = lossy(3) if was_lossy else lossless(3, 8)
        slide = _slide(source, kind, coding)
        slide = replace(slide, barcodes=_barcodes(others))
        settled = settle_slide(case, slide)
        base = levels[0]
        series = Series((base.columns_px, base.rows_px), settled, digest)
        whole = sum(level.columns_px * level.rows_px * 3 for level in levels)
        before = (_JPEG, whole / max(1, length)) if was_lossy else None
        for level in levels:
            yield series.level(_tiled(level, coding), level is not base, before)
        last = levels[-1]
        sizes = missing_below((last.columns_px, last.rows_px), None)
        if sizes:
            for made in made_below(_bands_below(last), sizes, coding, scratch):
                yield series.level(made, True, before)
        for flavour, pixels in others:
            yield series.other(flavour, _whole(pixels, was_lossy))


@contextmanager
def _opened(path: Path) -> Iterator["OpenSlide"]:
    try:
        from openslide import OpenSlide, OpenSlideCache, OpenSlideError
    except (ImportError, OSError) as error:
        raise NotInstalled("such slides are read by OpenSlide, which this computer lacks") from error
    try:
        with OpenSlide(path) as source:
            source.set_cache(OpenSlideCache(_CACHE_BYTES))
            yield source
    except OpenSlideError as error:
        raise Damaged(
            "OpenSlide cannot read it: a part of it is missing, broken, or of a kind it has no reader for"
        ) from error


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of the source."""

    source: "OpenSlide"
    number: int
    scale: float  # of the largest level's pixels to one of this
    columns_px: int
    rows_px: int
    glass: tuple[int, int, int]  # the colour where nothing was scanned

    def pixels(self, left: int, top: int) -> Pixels | None:
        """One tile as RGB; None where nothing was scanned."""
        from openslide import OpenSlideError  # here already: it opened the file

        place = round(left * self.scale), round(top * self.scale)
        try:
            image = self.source.read_region(place, self.number, (TILE_PX, TILE_PX))
        except OpenSlideError as error:
            raise Damaged("OpenSlide cannot decode a part of it") from error
        scanned = image.getchannel("A")
        if scanned.getextrema() == (0, 0):
            return None
        tile = Image.new("RGB", image.size, self.glass)
        tile.paste(image, mask=scanned)
        return np.asarray(tile)

    def places(self) -> Iterator[tuple[int, int]]:
        """Of its tiles, from the top left, rows after one another."""
        for top in range(0, self.rows_px, TILE_PX):
            for left in range(0, self.columns_px, TILE_PX):
                yield left, top

    def blank(self) -> Pixels:
        """A tile of glass."""
        return np.full((TILE_PX, TILE_PX, 3), self.glass, dtype=np.uint8)


def _levels(source: "OpenSlide") -> list[_Level]:
    """From the largest down to one that fits a screen, about a step apart; viewers need no more between."""
    glass = _glass(source.properties.get("openslide.background-color", ""))
    chosen: list[_Level] = []
    for at, ((columns, rows), scale) in enumerate(
        zip(source.level_dimensions, source.level_downsamples, strict=True)
    ):
        if not (0 < columns <= SIDE_LIMIT_PX and 0 < rows <= SIDE_LIMIT_PX):
            raise Damaged("it has no rows or columns, or more than any slide")
        if chosen and max(chosen[-1].columns_px, chosen[-1].rows_px) <= SMALLEST_PX:
            break
        if not chosen or chosen[-1].columns_px / columns > STEP - 0.5:
            chosen.append(_Level(source, at, scale, columns, rows, glass))
    if not chosen:
        raise Damaged("it has no level")
    return chosen


def _tiled(level: _Level, coding: Coding) -> Tiled:
    size = level.columns_px, level.rows_px
    blank = encode(level.blank(), coding)

    def coded(place: tuple[int, int]) -> bytes:
        pixels = level.pixels(*place)
        return blank if pixels is None else encode(pixels, coding)

    places = list(level.places())
    tried = places[:: max(1, len(places) // _TRIED)]
    stored = sum(map(len, side_by_side(coded, tried))) * len(places) // len(tried)
    return Tiled(*size, TILE_PX, TILE_PX, coding, side_by_side(coded, places), stored)


def _bands_below(level: _Level) -> Iterator[Pixels]:
    """The level a step smaller, one row of tiles after the other."""
    columns, rows = -(-level.columns_px // STEP), -(-level.rows_px // STEP)
    across = -(-level.columns_px // TILE_PX)

    def small(place: tuple[int, int]) -> Pixels:
        pixels = level.pixels(*place)
        return shrunk(level.blank() if pixels is None else pixels, STEP)

    row: list[Pixels] = []
    for tile in side_by_side(small, level.places()):
        row.append(tile)
        if len(row) == across:
            band = np.concatenate(row, axis=1)[:rows, :columns]
            rows -= len(band)
            yield band
            row = []


def _others(source: "OpenSlide") -> Iterator[tuple[Flavour, Pixels]]:
    for name, flavour in _FLAVOURS.items():
        if name not in source.associated_images:
            continue
        said = (
            source.properties.get(f"openslide.associated.{name}.{side}", "0") for side in ("width", "height")
        )
        columns, rows = (int(each) if each.isdigit() else 0 for each in said)
        if columns * rows > TILE_LIMIT_PX:
            raise Damaged("its label, overview or thumbnail is larger than any slide's")
        yield flavour, np.asarray(source.associated_images[name].convert("RGB"))


def _whole(pixels: Pixels, was_lossy: bool) -> Tiled:
    coding = lossless(3, 8)
    frame = encode(pixels, coding)
    rows, columns = pixels.shape[:2]
    return Tiled(columns, rows, columns, rows, coding, [frame], len(frame), _JPEG if was_lossy else None)


def _barcodes(others: list[tuple[Flavour, Pixels]]) -> tuple[str, ...]:
    """Of the label; of the overview, which shows it, where no picture is the label's alone."""
    by_flavour = dict(others)
    shown = by_flavour.get(Flavour.LABEL, by_flavour.get(Flavour.OVERVIEW))
    return () if shown is None else read_barcodes(shown)


def _was_lossy(source: "OpenSlide") -> bool:
    """Whether what the scanner kept is JPEG."""
    said = {value for name, value in source.properties.items() if name.endswith(".IMAGE_FORMAT")}
    return not said or bool(said - {"PNG", "BMP", "BMP24"})


def _slide(source: "OpenSlide", kind: Kind, coding: Coding) -> Slide:
    said = source.properties
    across, down = (number(said.get(f"openslide.mpp-{axis}")) for axis in "xy")
    profile = source.color_profile
    method = "JPEG, with loss" if coding.method else "JPEG 2000, without loss"
    return Slide(
        levels=(),
        microns_per_pixel=(across, down) if across and down else None,
        objective=number(said.get("openslide.objective-power")),
        colour_profile=profile.tobytes() if profile is not None else b"",
        container=plain(said.get("openslide.barcode")) or "",
        said=Said(
            at=_moment(said.get("leica.creation-date")),
            device=Device(
                manufacturer=_MAKERS[kind],
                model=plain(said.get("leica.device-model") or said.get("ventana.ScannerModel")),
                serial_number=plain(said.get("ventana.UnitNumber")),
                software=plain(said.get("leica.device-version") or said.get("ventana.BuildVersion")),
            ),
        ),
        notes=(_CODED_ANEW.format(method),),
    )


def _glass(text: str) -> tuple[int, int, int]:
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return 255, 255, 255
    return red, green, blue


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
