"""What is written over a picture: that it is not for diagnosis, and who and how, where a reader asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from storage.syntaxes import ALWAYS_LOSSY
from viewer_api.rendering.dates import day
from viewer_api.rendering.numbers import floats, texts
from viewer_api.view import Annotation

NOT_FOR_DIAGNOSIS = "Not for diagnosis"
#: Below this on its shorter side a picture holds no text that can be read; its metadata say it all the same.
LEAST_SIDE_PX = 200
#: Below this, a reader who asks for annotations is refused them.
LEAST_ANNOTATED_PX = 96

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def loss(frame: Dataset) -> str:
    """That something was lost before it came here, and how much if that is known; else nothing."""
    if str(frame.get("LossyImageCompression", "")) != "01" and _syntax(frame) not in ALWAYS_LOSSY:
        return ""
    ratio = floats(frame, "LossyImageCompressionRatio")
    return f"Lossy compression {ratio[-1]:.3g}:1" if ratio and ratio[-1] > 1 else "Lossy compression"


def _syntax(frame: Dataset) -> str:
    meta = getattr(frame, "file_meta", None)
    return str(meta.get("TransferSyntaxUID", "")) if meta is not None else ""


def is_tile(frame: Dataset) -> bool:
    """Part of a larger picture, over which the same words would stand hundreds of times."""
    wide, high = floats(frame, "TotalPixelMatrixColumns"), floats(frame, "TotalPixelMatrixRows")
    return bool(wide and high and (wide[0] > int(frame.Columns) or high[0] > int(frame.Rows)))


def marked(image: Image.Image, corners: "Corners") -> Image.Image:
    """The picture with text in its corners."""
    if not any((corners.top_left, corners.top_right, corners.bottom_left)):
        return image
    side = min(image.size)
    size = max(9, min(40, side // 36))
    margin = max(2, size // 2)
    step = round(size * 1.3)
    _write(image, (margin, margin), corners.top_left, size, step, image.width - margin, "l")
    _write(image, (image.width - margin, margin), corners.top_right, size, step, image.width - margin, "r")
    top = image.height - margin - step * len(corners.bottom_left)
    _write(image, (margin, top), corners.bottom_left, size, step, image.width - margin, "l")
    return image


class Corners:
    """Lines of text for three corners of a picture."""

    def __init__(
        self, top_left: Sequence[str] = (), top_right: Sequence[str] = (), bottom_left: Sequence[str] = ()
    ) -> None:
        self.top_left, self.top_right, self.bottom_left = top_left, top_right, bottom_left


def corners_of(frame: Dataset, annotations: frozenset[Annotation], *, with_marks: bool) -> Corners:
    """Which text belongs to a picture."""
    return Corners(
        patient_lines(frame) if Annotation.PATIENT in annotations else (),
        technique_lines(frame) if Annotation.TECHNIQUE in annotations else (),
        [line for line in (loss(frame), NOT_FOR_DIAGNOSIS) if line] if with_marks else (),
    )


def patient_lines(frame: Dataset) -> list[str]:
    """Who it is (PS3.18 §8.3.5.1.1)."""
    name = str(frame.get("PatientName") or "")
    shown = next((part for part in name.split("=") if part.strip("^ ")), "")
    family, _, rest = shown.partition("^")
    others = " ".join(part for part in rest.split("^") if part)
    full = ", ".join(part for part in (family.strip().upper(), others.strip()) if part)
    number = str(frame.get("PatientID") or "")
    born = day(str(frame.get("PatientBirthDate") or ""))
    sex = str(frame.get("PatientSex") or "")
    lines = [
        full,
        f"ID {number}" if number else "",
        " ".join(filter(None, (f"Born {born}" if born else "", sex))),
    ]
    return [line for line in lines if line]


def technique_lines(frame: Dataset) -> list[str]:
    """How it was made (PS3.18 §8.3.5.1.1)."""
    taken = day(str(frame.get("AcquisitionDate") or frame.get("ContentDate") or frame.get("StudyDate") or ""))
    first = " ".join(filter(None, (str(frame.get("Modality") or ""), taken)))
    numbers = " ".join(
        f"{word} {frame.get(keyword)}"
        for word, keyword in (("Series", "SeriesNumber"), ("Image", "InstanceNumber"))
        if frame.get(keyword) not in (None, "")
    )
    exposure = " ".join(
        f"{value[0]:g} {unit}"
        for keyword, unit in (
            ("KVP", "kV"), ("XRayTubeCurrent", "mA"), ("Exposure", "mAs"), ("SliceThickness", "mm"),
            ("RepetitionTime", "ms TR"), ("EchoTime", "ms TE"), ("MagneticFieldStrength", "T"),
        )
        if (value := floats(frame, keyword))
    )  # fmt: skip
    said = [
        texts(frame, keyword)[:1] for keyword in ("InstitutionName", "StudyDescription", "SeriesDescription")
    ]
    return [line for line in (first, *(line for (line, *_) in filter(None, said)), numbers, exposure) if line]


def _write(
    image: Image.Image,
    place: tuple[int, int],
    lines: Sequence[str],
    size: int,
    step: int,
    width: int,
    side: str,
) -> None:
    """White with a dark rim: to be read over whatever is below."""
    for number, line in enumerate(lines):
        words = _stamp(line, size, width, side)
        left, top = place[0] + words.left, place[1] + number * step + words.top
        image.paste("black", (left, top), words.rim)
        image.paste("white", (left, top), words.face)


@dataclass(frozen=True, slots=True)
class _Stamp:
    """One line, drawn: where it is white, and where black around, from its anchor."""

    left: int
    top: int
    rim: Image.Image
    face: Image.Image


@lru_cache(maxsize=64)
def _stamp(line: str, size: int, width: int, side: str) -> _Stamp:
    """To draw the letters takes as long as to encode the picture, and most pictures say the same."""
    font, stroke = font_of(size), max(1, size // 9)
    measure = ImageDraw.Draw(Image.new("L", (1, 1)))
    while measure.textlength(line, font) > width and len(line) > 4:
        line = line[:-4] + "…"
    left, top, right, bottom = map(
        round, measure.textbbox((0, 0), line, font, f"{side}a", stroke_width=stroke)
    )
    layers = []
    for rim in (stroke, 0):
        layer = Image.new("L", (right - left + 1, bottom - top + 1))
        ImageDraw.Draw(layer).text((-left, -top), line, 255, font, f"{side}a", stroke_width=rim)
        layers.append(layer)
    return _Stamp(left, top, *layers)


@cache
def font_of(size: int) -> Font:
    """DejaVu Sans, which has more alphabets, where the system brings it; else Pillow's own."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
