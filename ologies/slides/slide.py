"""A slide's file, understood: its levels and other pictures, and what it says of how it was made."""

from dataclasses import dataclass, field
from enum import Enum

from ologies.case import Case
from ologies.errors import Asked
from ologies.settled import Said, Settled, settle
from ologies.slides.container import container_of
from ologies.slides.raster import Raster

_READ_FROM_LABEL = "the container's identifier is what the barcode of its label says"


class Flavour(Enum):
    """Image Type (0008,0008), value 3 (PS3.3 §C.8.12.4.1.1)."""

    VOLUME = "VOLUME"
    LABEL = "LABEL"  # the label alone
    OVERVIEW = "OVERVIEW"  # the whole glass, its label too
    THUMBNAIL = "THUMBNAIL"  # the specimen, small


@dataclass(frozen=True, slots=True)
class Fluorescence:
    """Light of one colour, in which what is looked for shines: an optical path (PS3.3 §C.8.12.5)."""

    name: str  # of the filter, or of what shines
    excitation_nm: float | None
    emission_nm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """What a vendor's file holds; empty where it does not say."""

    levels: tuple[Raster, ...]  # the largest first
    further: tuple[tuple[Raster, ...], ...] = ()  # of each channel but the first, the same levels
    others: tuple[tuple[Flavour, Raster], ...] = ()
    microns_per_pixel: tuple[float, float] | None = None  # of the largest level, across and down
    objective: float | None = None
    colour_profile: bytes = b""
    channels: tuple[Fluorescence, ...] = ()  # none in brightfield
    container: str = ""  # its barcode, as the file's header has it
    barcodes: tuple[str, ...] = ()  # as the picture of the label shows them
    said: Said = field(default_factory=Said)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledSlide:
    """A slide and its case, put together; complete."""

    settled: Settled
    microns_per_pixel: tuple[float, float]
    objective: float | None
    colour_profile: bytes
    channels: tuple[Fluorescence, ...]
    container: str
    notes: tuple[str, ...] = ()


def settle_slide(case: Case, slide: Slide) -> SettledSlide:
    """Raises Asked with all that is missing or contradicts, at once."""
    missing: list[str] = []
    contradicted: list[str] = []
    try:
        settled = settle(case, slide.said)
    except Asked as asked:
        settled = None
        missing, contradicted = list(asked.missing), list(asked.contradicted)
    said, spacing = case.scan.microns_per_pixel, slide.microns_per_pixel
    if spacing is None and said is not None:
        spacing = (said, said)
    elif spacing is None:
        missing.append("scan.microns_per_pixel")
    elif said is not None and abs(said - spacing[0]) > 0.01 * spacing[0]:
        contradicted.append("scan.microns_per_pixel")
    container = container_of(case.specimen.container, slide.container, slide.barcodes)
    if container.is_asked:
        missing.append("specimen.container (the slide's barcode)")
    if container.is_contradicted:
        contradicted.append("specimen.container")
    if missing or contradicted or settled is None or spacing is None:
        raise Asked(missing, contradicted)
    return SettledSlide(
        settled=settled,
        microns_per_pixel=spacing,
        objective=slide.objective or case.scan.objective,
        colour_profile=slide.colour_profile,
        channels=slide.channels,
        container=container.identifier,
        notes=(*slide.notes, *((_READ_FROM_LABEL,) if container.is_read else ())),
    )
