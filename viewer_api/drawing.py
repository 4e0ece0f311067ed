"""An instance drawn: read from the store, rendered, and put into a file. Blocking, for threads that draw."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from pydicom.dataset import Dataset

from storage.archive import FrameRanges
from storage.corrections import Correction
from storage.errors import ArchiveError, BadQuery, Unreadable
from storage.frame_reading import FrameReader
from storage.stored import Stored
from storage.transcoding import Transcoder
from viewer_api.one_frame import OneFrame, whole_of
from viewer_api.rendering import ecg
from viewer_api.rendering.emblem import emblem
from viewer_api.rendering.files import as_cine, as_file, frame_time_ms
from viewer_api.rendering.marks import (
    LEAST_ANNOTATED_PX,
    LEAST_SIDE_PX,
    NOT_FOR_DIAGNOSIS,
    corners_of,
    is_tile,
    loss,
    marked,
)
from viewer_api.rendering.picture import render
from viewer_api.rendering.presentation import Reference, presented
from viewer_api.rendering.report import as_html, as_plain
from viewer_api.rendering.sheet import as_image, as_svg
from viewer_api.renditions import HTML, SVG
from viewer_api.view import View

_IN_UTF8 = ("text/html", "text/plain", "image/svg+xml")

#: Of a cine: its frames, and the pixels of all of them.
CINE_LIMIT_FRAMES = 1_000
CINE_LIMIT_PIXELS = 48 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Drawn:
    """A file for a reader, and whether its pixels had lost something before they came here."""

    body: bytes
    media_type: str
    loss: str = ""

    @property
    def content_type(self) -> str:
        """With the character set, where it is text."""
        return f"{self.media_type}; charset=utf-8" if self.media_type in _IN_UTF8 else self.media_type


@dataclass(frozen=True, slots=True)
class Wish:
    """How an instance is to be drawn."""

    view: View
    media_type: str
    is_thumbnail: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws what the store holds. Verbs raise Unreadable, BadQuery, and what the object store raises."""

    reader: FrameReader
    transcoder: Transcoder

    def frame(
        self, found: FrameRanges, number: int, corrections: tuple[Correction, ...], wish: Wish
    ) -> Drawn:
        """Frame `number` of an instance."""
        frame = OneFrame(self.reader, self.transcoder, found, corrections).read(number)
        with _drawable():
            return finished(render(frame, wish.view, number), frame, wish)

    def presented(
        self,
        state: Dataset,
        reference: Reference,
        found: FrameRanges,
        corrections: tuple[Correction, ...],
        wish: Wish,
    ) -> Drawn:
        """A frame as a presentation state says."""
        frame = OneFrame(self.reader, self.transcoder, found, corrections).read(reference.number)
        with _drawable():
            return finished(presented(state, frame, reference, wish.view), frame, wish)

    def cine(self, each: Sequence[FrameRanges], corrections: tuple[Correction, ...], wish: Wish) -> Drawn:
        """All frames of an instance, moving."""
        if len(each) > CINE_LIMIT_FRAMES:
            raise Unreadable(f"a cine has at most {CINE_LIMIT_FRAMES:,} frames")
        images: list[Image.Image] = []
        frame = Dataset()
        for number, found in enumerate(each, 1):
            frame = OneFrame(self.reader, self.transcoder, found, corrections).read(number)
            with _drawable():
                image = render(frame, wish.view, number)
                images.append(_marked(image, frame, wish))
            if len(images) * image.width * image.height > CINE_LIMIT_PIXELS:
                raise Unreadable("a cine of so many pixels is too large: ask for a smaller viewport")
        with _drawable():
            return Drawn(as_cine(images, frame_time_ms(frame), _comment(frame)), wish.media_type, loss(frame))

    def emblem(self, words: Sequence[str], wish: Wish) -> Drawn:
        """What kind of thing an instance is, where it has no picture of its own."""
        image = emblem(words, wish.view.viewport)
        return Drawn(as_file(image, wish.media_type, wish.view.quality, NOT_FOR_DIAGNOSIS), wish.media_type)

    def waveform(self, stored: Stored, corrections: tuple[Correction, ...], wish: Wish) -> Drawn:
        """On squared paper."""
        found = self.whole(stored, corrections)
        with _drawable():
            sheet = ecg.drawn(found, wish.view.annotations, is_thumbnail=wish.is_thumbnail)
            if wish.media_type == SVG:
                return Drawn(as_svg(sheet), SVG)
            port = wish.view.viewport
            image = as_image(sheet, (port.width_px, port.height_px) if port else None)
            body = as_file(image, wish.media_type, wish.view.quality, NOT_FOR_DIAGNOSIS)
            return Drawn(body, wish.media_type)

    def document(self, stored: Stored, wish: Wish) -> Drawn:
        """What is encapsulated, as it is (PS3.3 §C.24)."""
        found = self.whole(stored, ())
        document = found.get("EncapsulatedDocument")
        if not isinstance(document, bytes):
            raise Unreadable("the document is missing")
        length = found.get("EncapsulatedDocumentLength")
        if isinstance(length, int) and 0 < length <= len(document):
            document = document[:length]
        elif document.endswith(b"\0"):
            document = document[:-1]  # that made its length even (PS3.5 §6.2)
        return Drawn(document, wish.media_type)

    def report(self, stored: Stored, corrections: tuple[Correction, ...], wish: Wish) -> Drawn:
        """A structured report, or a selection of key objects, to be read."""
        found = self.whole(stored, corrections)
        with _drawable():
            text = as_html(found) if wish.media_type == HTML else as_plain(found)
            return Drawn(text.encode(), wish.media_type)

    def whole(self, stored: Stored, corrections: tuple[Correction, ...]) -> Dataset:
        """All of an instance that has no pixels, as it leaves."""
        chunks = self.reader.objects.read(stored.key, stored.data_offset)
        return whole_of(chunks, stored, corrections)


@contextmanager
def _drawable() -> Iterator[None]:
    """Whatever pydicom, numpy or Pillow find wrong is Unreadable; their own words may hold values."""
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:
        raise Unreadable(f"it cannot be drawn: {type(error).__name__}") from error


def finished(image: Image.Image, frame: Dataset, wish: Wish) -> Drawn:
    """A picture with its marks, as a file."""
    image = _marked(image, frame, wish)
    body = as_file(image, wish.media_type, wish.view.quality, _comment(frame))
    return Drawn(body, wish.media_type, loss(frame))


def _marked(image: Image.Image, frame: Dataset, wish: Wish) -> Image.Image:
    if wish.is_thumbnail:
        return image  # of whom it is, a thumbnail never says (PS3.18 §10.4.1.1.4)
    side = min(image.size)
    if wish.view.annotations and side < LEAST_ANNOTATED_PX:
        raise BadQuery(f"annotations need a picture of at least {LEAST_ANNOTATED_PX} pixels on a side")
    with_marks = side >= LEAST_SIDE_PX and not is_tile(frame)
    return marked(image, corners_of(frame, wish.view.annotations, with_marks=with_marks))


def _comment(frame: Dataset) -> str:
    return ". ".join(line for line in (NOT_FOR_DIAGNOSIS, loss(frame)) if line)
