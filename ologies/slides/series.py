"""The pictures of one slide as the objects of one series, numbered as they come."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from ologies.slides.instance import Part, instance
from ologies.slides.slide import Flavour, SettledSlide
from ologies.slides.tiles import Tiled
from ologies.writing import Made


@dataclass(frozen=True, slots=True)
class Series:
    """What all of them share; `size` is the largest level's, in columns and rows."""

    size: tuple[int, int]
    settled: SettledSlide
    digest: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def level(self, found: Tiled, is_resampled: bool, before: tuple[str, float] | None = None) -> Made:
        """The largest, which was scanned, or one that was made of it."""
        part = Part(
            number=next(self.numbers),
            name=f"level {found.columns_px} x {found.rows_px}",
            flavour=Flavour.VOLUME,
            is_resampled=is_resampled,
            spacing_mm=self._spacing(found),
            lossy_before=before,
        )
        return self._made(found, part)

    def other(self, flavour: Flavour, found: Tiled) -> Made:
        """The label, the overview, the thumbnail."""
        is_small = flavour is Flavour.THUMBNAIL
        number = next(self.numbers)
        part = Part(
            number=number,
            name=f"{flavour.value} {number}",
            flavour=flavour,
            is_resampled=is_small,
            spacing_mm=self._spacing(found) if is_small else None,
        )
        return self._made(found, part)

    def _made(self, found: Tiled, part: Part) -> Made:
        return instance(found, part, self.settled, self.digest)

    def _spacing(self, found: Tiled) -> tuple[float, float]:
        """Every level shows the whole: its pixels are larger as it has fewer."""
        columns, rows = self.size
        across, down = self.settled.microns_per_pixel
        return across / 1000 * columns / found.columns_px, down / 1000 * rows / found.rows_px
