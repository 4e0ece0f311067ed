"""A small whole file of every kind that is understood, from which damage is made."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ologies.case import Case
from ologies.recognition import Kind
from tests.ologies.clips.material import a_clip, x264
from tests.ologies.material import PDF, SAMPLES, a_case, a_dng, an_aecg, an_edf
from tests.ologies.slides.foreign import write_bif, write_scn
from tests.ologies.slides.material import a_slide_case, tissue, write_ndpi, write_svs, write_tiff
from tests.ologies.slides.test_barcodes import label
from tests.ologies.slides.test_scanned import of_a_scanner
from tests.ologies.slides.test_vendors import write_ome, write_philips
from tests.ologies.test_documents import CDA
from tests.ologies.test_models import BINARY, MTL, OBJ


@dataclass(frozen=True, slots=True)
class Seed:
    """A file, and a case with which it becomes DICOM."""

    content: bytes
    case: Case
    beside: Mapping[str, bytes] = field(default_factory=dict)  # files that belong to it, by their names


def seed_of(kind: Kind) -> Seed | None:
    """None where the kind has a real file only, which is not beside this checkout."""
    return SEEDS[kind]()


def _picture(form: str) -> Callable[[], Seed]:
    def make() -> Seed:
        pixels = np.random.default_rng(7).integers(0, 255, (40, 56, 3), dtype=np.uint8)
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "NIKON"
        written = BytesIO()
        Image.fromarray(pixels).save(written, form, exif=exif)
        return Seed(written.getvalue(), a_case())

    return make


def _file(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide"
        write(path)
        return path.read_bytes()


def _clip(container: str, codec: str = "libx264") -> Callable[[], Seed]:
    """The same each time: x264's own assembler and threads make now this of the same frames, now that."""
    options: dict[str, Any] = {"threads": "1", **(x264("asm=0") if codec == "libx264" else {})}

    def make() -> Seed:
        content = _file(lambda path: a_clip(path, container=container, codec=codec, **options))
        return Seed(content, a_case(view="photograph"))

    return make


def _scanned() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return of_a_scanner(Path(folder)).read_bytes()


def _scan() -> Seed:
    dots = Image.fromarray(np.random.default_rng(7).random((40, 56)) > 0.5)
    written = BytesIO()
    dots.save(written, "TIFF", save_all=True, append_images=[dots.convert("L")], dpi=(200, 200))
    return Seed(written.getvalue(), a_case())


def _real(
    name: str, family: str = "Clark", birth_date: str = "1953-05-08", sex: str = "M"
) -> Callable[[], Seed | None]:
    """One of the files beside this checkout, and the person whom it names."""

    def read() -> Seed | None:
        path = SAMPLES / name
        if not path.exists():
            return None
        person = {
            "nhs_number": "9990000018",
            "name": {"family": family},
            "birth_date": birth_date,
            "sex": sex,
        }
        return Seed(path.read_bytes(), a_case(person=person))

    return read


_WFDB = b"r1 1 500 3 10:15:00 03/03/2026\nr1.dat 16 200(1)/mV 0 0 256 2310 0 I\n# <age>: 70\n"
_LEADS = {"I": list(range(50)), "II": list(range(50, 100))}
_SLIDE = {
    "study_uid": "2.25.1", "series_uid": "2.25.2", "instance_uid": "2.25.3", "columns": 2000, "rows": 1000,
    "microns_per_pixel": [0.5, 0.5], "centre_offset_nm": [0, 0],
}  # fmt: skip
_GEOJSON = (
    b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Polygon",'
    b'"coordinates": [[[1, 2], [30, 2], [15.5, 40], [1, 2]], [[9, 9], [11, 9], [10, 12]]]}, "properties":'
    b'{"objectType": "annotation", "classification": {"name": "Tumor", "color": [200, 0, 0]},'
    b'"measurements": {"Area \xc2\xb5m^2": 7.5}}}]}'
)
_IMAGESCOPE = (
    b'<Annotations><Annotation Name="Tumor" LineColor="65280"><Regions><Region Type="0" AreaMicrons="2.5">'
    b'<Vertices><Vertex X="1" Y="1"/><Vertex X="9" Y="1"/><Vertex X="5" Y="8"/></Vertices></Region></Regions>'
    b"</Annotation></Annotations>"
)
_NDPA = (
    b'<annotations><ndpviewstate id="1"><title>Tumour</title><coordformat>nanometers</coordformat>'
    b'<annotation type="circle" color="#ff0000"><x>1000</x><y>2000</y><radius>500</radius></annotation>'
    b"</ndpviewstate></annotations>"
)

SEEDS: Mapping[Kind, Callable[[], Seed | None]] = {
    Kind.AECG: lambda: Seed(an_aecg(_LEADS), a_case()),
    Kind.MUSE: _real("ecg/muse-sinus.xml", "Doe", "1979-07-08"),
    Kind.SIERRA: _real("ecg/sierra-1.04.01.xml", "xxxxxx", "1951-01-01"),
    Kind.SCP: _real("ecg/example.scp"),
    Kind.EDF: lambda: Seed(an_edf({"ECG I": [0, 100] * 50, "ECG II": [5] * 100}, rate_hz=500), a_case()),
    Kind.WFDB: lambda: Seed(_WFDB, a_case(), {"r1.dat": bytes(range(6))}),
    Kind.DICOM_ECG: _real("ecg/anonymous_ecg.dcm", "Clark", "1971-01-23", sex="F"),
    Kind.JPEG: _picture("JPEG"),
    Kind.PNG: _picture("PNG"),
    Kind.TIFF: _picture("TIFF"),
    Kind.WEBP: _picture("WEBP"),
    Kind.HEIC: _real("photo/IMG_5195.HEIC"),
    Kind.PDF: lambda: Seed(PDF, a_case()),
    Kind.CDA: lambda: Seed(CDA, a_case()),
    Kind.GEOJSON: lambda: Seed(_GEOJSON, a_case(slide=_SLIDE)),
    Kind.APERIO_XML: lambda: Seed(_IMAGESCOPE, a_case(slide=_SLIDE)),
    Kind.NDPA: lambda: Seed(_NDPA, a_case(slide=_SLIDE)),
    Kind.MP4: _clip("mp4"),
    Kind.MOV: _clip("mov"),
    Kind.AVI: _clip("avi"),
    Kind.MPEG: _clip("mpeg", "mpeg2video"),
    Kind.SVS: lambda: Seed(_file(lambda path: write_svs(path, 600, 400)), a_slide_case()),
    Kind.NDPI: lambda: Seed(_file(lambda path: write_ndpi(path, tissue(600, 400))), a_slide_case()),
    Kind.PHILIPS_TIFF: lambda: Seed(_file(write_philips), a_slide_case()),
    Kind.OME_TIFF: lambda: Seed(_file(lambda path: write_ome(path, compression="deflate")), a_slide_case()),
    Kind.SLIDE_TIFF: lambda: Seed(
        _file(lambda path: write_tiff(path, [tissue(600, 400)])),
        a_slide_case(scan={"microns_per_pixel": 0.5}),
    ),
    Kind.SCN: lambda: Seed(_file(lambda path: write_scn(path, "S26-100;A;1;1")), a_slide_case()),
    Kind.BIF: lambda: Seed(_file(lambda path: write_bif(path, label("S26-100;A;1;1"))), a_slide_case()),
    Kind.DICOM_SLIDE: lambda: Seed(_scanned(), a_slide_case()),
    Kind.MIRAX: lambda: None,  # several files: tests/ologies/slides/test_foreign.py damages each
    Kind.RAW: lambda: Seed(_file(a_dng), a_case()),
    Kind.SCAN: _scan,
    Kind.STL: lambda: Seed(BINARY, a_case(units="mm")),
    Kind.OBJ: lambda: Seed(OBJ, a_case(units="mm"), {"red.mtl": MTL}),
    Kind.DICOM: lambda: None,  # it is the archive's, and refused here by its first bytes
}
