"""A file of every specialty as its department would have it, made here, with the case that goes with it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ologies.ecg.leads import MEASURED
from tests.ologies.clips.material import a_clip
from tests.ologies.material import an_aecg
from tests.ologies.slides.material import SPECIMEN, write_svs

PERSON = {
    "identifier": "4410023", "issuer": "RBT", "nhs_number": "9990000018",
    "name": {"family": "SYNTHETIC", "given": "Ada"}, "birth_date": "1953-05-08", "sex": "F",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Specialty:
    """One department's file."""

    write: Callable[[Path], object]
    case: Mapping[str, Any]
    selector: str = ".viewport-element canvas"  # where the viewer draws it

    def put(self, folder: Path, name: str) -> Path:
        """The file, and its case beside it."""
        path = folder / name
        self.write(path)
        encounter = {"number": name, "issuer": "RBT", "at": "2026-03-03T10:00:00+00:00"}
        said = {"person": PERSON, "encounter": encounter, **self.case}
        path.with_name(f"{name}.json").write_text(json.dumps(said))
        return path


#: P, Q, R, S and T: how high, when in the beat (samples), how wide.
_WAVES = ((40, 110, 300), (-40, 168, 12), (420, 180, 30), (-90, 192, 18), (90, 300, 1500))


def write_ecg(path: Path, family: str = "SYNTHETIC") -> None:
    """Ten seconds at 500 Hz, of somebody of that name."""
    at = np.arange(5000) % 420
    beat = np.zeros(at.size)
    for height, where, width in _WAVES:
        beat += height * np.exp(-((at - where) ** 2) / width)
    leads = {lead: (beat * (1 - number / 5)).astype(int).tolist() for number, lead in enumerate(MEASURED)}
    path.write_bytes(an_aecg(leads, family=family))


def _skin(path: Path) -> None:
    random = np.random.default_rng(7)
    image = Image.new("RGB", (1200, 900), (222, 178, 150))
    draw = ImageDraw.Draw(image)
    draw.ellipse((460, 300, 760, 600), fill=(110, 66, 48))
    draw.ellipse((520, 340, 660, 520), fill=(74, 42, 34))
    _grained(image.filter(ImageFilter.GaussianBlur(18)), random).save(path, "JPEG", quality=90)


def _fundus(path: Path) -> None:
    random = np.random.default_rng(8)
    image = Image.new("RGB", (1000, 1000), (8, 4, 4))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 940, 940), fill=(190, 84, 44))
    draw.ellipse((620, 420, 760, 560), fill=(246, 206, 140))
    for bend in range(-4, 5):
        draw.line([(690, 490), (460, 490 + bend * 60), (180, 490 + bend * 95)], fill=(130, 36, 26), width=9)
    _grained(image.filter(ImageFilter.GaussianBlur(3)), random).save(path, "JPEG", quality=92)


def _scope(path: Path) -> None:
    random = np.random.default_rng(9)
    down, across = np.mgrid[:800, :800]
    far = np.hypot(down - 400, across - 400)
    light = np.clip(250 - np.abs(far - 260) / 1.4 + 14 * np.sin(far / 17), 10, 255)
    pixels = np.stack([light, light * 0.55, light * 0.48], -1) * (far < 390)[..., None]
    _grained(Image.fromarray(pixels.astype(np.uint8)), random).save(path, "JPEG", quality=90)


def _grained(image: Image.Image, random: np.random.Generator) -> Image.Image:
    pixels: NDArray[np.int16] = np.asarray(image, dtype=np.int16)
    grain = random.integers(-5, 6, (*pixels.shape[:2], 1), dtype=np.int16)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


_ARM = {"value": "40983000", "meaning": "Upper arm"}
_DERMOSCOPE = {"manufacturer": "M", "model": "D4", "serial_number": "7", "software": "1.0"}

SPECIALTIES: Mapping[str, Specialty] = {
    "cardiology-ecg": Specialty(write_ecg, {}),
    "dermatology-photograph": Specialty(_skin, {"body_site": _ARM, "laterality": "L"}),
    "dermatology-dermoscopy": Specialty(
        _skin,
        {
            "view": "dermoscopy",
            "body_site": _ARM,
            "laterality": "L",
            "device": _DERMOSCOPE,
            "dermoscopy": {"polarized": True, "contact": True, "magnification": 10},
            "lesion": {"number": "L1"},
        },
    ),
    "ophthalmology-fundus": Specialty(
        _fundus, {"view": "eye", "eye_device": "fundus camera", "laterality": "R"}
    ),
    "endoscopy-still": Specialty(_scope, {"view": "endoscopy"}),
    "cardiology-echo": Specialty(
        lambda path: a_clip(path, size=(640, 480), count=50, container="mp4"),
        {"view": "ultrasound", "burned_in": False},
        selector="video, .viewport-element canvas",
    ),
    "pathology-slide": Specialty(
        lambda path: write_svs(path, 4000, 3000),
        {"specimen": SPECIMEN, "body_site": {"value": "76752008", "meaning": "Breast"}},
        selector=".ol-viewport canvas",
    ),
}
