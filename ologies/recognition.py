"""What a file is, by its content and never by its name."""

import re
import struct
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from ologies.ecg import wfdb
from ologies.ecg.classes import ECG_CLASSES
from ologies.errors import Damaged, NotUnderstood
from ologies.slides import mirax, tiff
from ologies.slides.tiff import Tiff
from ologies.three_d import is_obj, is_stl

#: The first bytes of a file that tell what it is.
HEAD_BYTES = 16 * 1024


#: VL Whole Slide Microscopy Image Storage. Whoever only asks what a file is does not wait for pydicom.
_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


class Kind(Enum):
    """The files that become DICOM here; the value is what people call them."""

    AECG = "ECG in HL7 annotated ECG (aECG)"
    MUSE = "ECG in GE MUSE XML"
    SIERRA = "ECG in Philips Sierra XML 1.03 or 1.04"
    SCP = "ECG in SCP-ECG (EN 1064)"
    EDF = "ECG in EDF or EDF+"
    WFDB = "ECG in WFDB: a header, and the files of signals beside it"
    JPEG = "photograph in JPEG"
    PNG = "photograph in PNG"
    TIFF = "photograph in TIFF"
    WEBP = "photograph in WebP"
    HEIC = "photograph in HEIC"
    RAW = "photograph in camera raw: DNG, CR2, CR3, NEF, ARW, RAF, ORF, RW2, PEF"
    MP4 = "clip in MP4"
    MOV = "clip in QuickTime"
    AVI = "clip in AVI"
    MPEG = "clip in MPEG: a program, transport or elementary stream"
    PDF = "document in PDF"
    CDA = "document in HL7 CDA"
    SCAN = "scanned document in TIFF: black and white, or of several pages"
    STL = "model in STL"
    OBJ = "model in OBJ, with the materials beside it"
    SVS = "whole slide in Aperio SVS"
    NDPI = "whole slide in Hamamatsu NDPI"
    MIRAX = "whole slide in 3DHISTECH MIRAX (.mrxs, with the folder of its name)"
    SCN = "whole slide in Leica SCN"
    BIF = "whole slide in Ventana BIF"
    PHILIPS_TIFF = "whole slide in Philips TIFF"
    OME_TIFF = "whole slide in OME-TIFF"
    SLIDE_TIFF = "whole slide in tiled TIFF"
    GEOJSON = "annotations of a slide in GeoJSON (QuPath)"
    APERIO_XML = "annotations of a slide in Aperio ImageScope XML"
    NDPA = "annotations of a slide in Hamamatsu NDP.view XML (.ndpa)"
    DICOM_SLIDE = "whole slide in DICOM, as its scanner wrote it"
    DICOM_ECG = "ECG in DICOM"
    DICOM = "DICOM, which needs no wrapping: imx import, imx send"


_MAGIC = (
    (b"%PDF-", Kind.PDF),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"II*\0", Kind.TIFF),
    (b"MM\0*", Kind.TIFF),
    (b"II+\0", Kind.TIFF),
    (b"MM\0+", Kind.TIFF),
)

#: Camera raw that is no TIFF: Fujifilm, Olympus, Panasonic.
_RAW_MAGIC = (b"FUJIFILMCCD-RAW ", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")

#: Major brands of HEIF with HEVC in it (ISO/IEC 23008-12 §10.2).
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})

#: What a movie begins with; QuickTime's may lack the first (ISO 14496-12 §4.3).
_MOVIE_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide"})
#: Brands of the same boxes around a still picture.
_STILL_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1", b"crx "})

_XML_ROOTS = (
    (re.compile(rb"<(?:\w+:)?AnnotatedECG[\s>]"), Kind.AECG),
    (re.compile(rb"<(?:\w+:)?RestingECG[\s>]"), Kind.MUSE),
    (re.compile(rb"<(?:\w+:)?restingecgdata[\s>]"), Kind.SIERRA),
    (re.compile(rb"<(?:\w+:)?ClinicalDocument[\s>]"), Kind.CDA),
    (re.compile(rb"<Annotations[\s>](?=.{0,2000}?<Annotation[\s>])", re.DOTALL), Kind.APERIO_XML),
    (re.compile(rb"<annotations[\s>](?=.{0,2000}?<ndpviewstate[\s>])", re.DOTALL), Kind.NDPA),
)

#: GeoJSON (RFC 7946 §3), which QuPath also writes as an array of features.
_GEOJSON = re.compile(rb'\s*[\[{].{0,2000}?"type"\s*:\s*"(?:FeatureCollection|Feature)"', re.DOTALL)


#: Those that hold the signal of an ECG.
SIGNALS = frozenset({Kind.AECG, Kind.MUSE, Kind.SIERRA, Kind.SCP, Kind.EDF, Kind.WFDB, Kind.DICOM_ECG})


def recognise(path: Path) -> Kind:
    """Raises NotUnderstood with the list of what is, Damaged for a file that cannot be read."""
    if path.exists() and not path.is_file():
        raise Damaged("it is no file: a folder, a pipe or a device")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise Damaged(f"it cannot be read: {error.strerror}") from error
    if not head:
        raise Damaged("it is empty")
    found = kind_of(head)
    if mirax.is_preview(path):
        return Kind.MIRAX
    if found is None and is_stl(head, path.stat().st_size):
        return Kind.STL
    if found is None:
        raise NotUnderstood([kind.value for kind in Kind])
    if found is Kind.DICOM:
        return _in_dicom(head)
    if found is Kind.TIFF:
        return _slide_in(path) or _still_in(path, head)
    return found


_DICOM_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(ECG_CLASSES, Kind.DICOM_ECG),
    _SLIDE: Kind.DICOM_SLIDE,
}


def _in_dicom(head: bytes) -> Kind:
    """By Media Storage SOP Class UID (0002,0002), which stands in the file meta (PS3.10 §7.1)."""
    at = 132
    while at + 8 <= len(head):
        group, element, vr, length = struct.unpack_from("<HH2sH", head, at)
        at += 8
        if vr in (b"OB", b"UN"):
            (length,) = struct.unpack_from("<I", head.ljust(at + 4), at)
            at += 4
        if group != 2 or (group, element) > (2, 2):
            break
        if element == 2:
            uid = head[at : at + length].rstrip(b"\0 ").decode("ascii", "replace")
            return _DICOM_KINDS.get(uid, Kind.DICOM)
        at += length
    return Kind.DICOM


#: DNG's own tag; Photometric Interpretations of what a sensor counts (DNG 1.4: CFA, LinearRaw).
_DNG_VERSION = 50706
_OF_A_SENSOR = frozenset({32803, 34892})

#: XML of Leica's SCN, and of Ventana's scanners.
_SCN = "http://www.leica-microsystems.com/scn/"
_ISCAN = re.compile(rb"<iScan[\s>]")


def _slide_in(path: Path) -> Kind | None:
    """Which slide a TIFF is, by its first directory; None for one that is none."""
    with Tiff(path) as file:
        first = file.first()
        description = first.text(tiff.DESCRIPTION)
        if file.is_ndpi:
            return Kind.NDPI
        if description.startswith("Aperio"):
            return Kind.SVS
        if _SCN in description:
            return Kind.SCN
        if _ISCAN.search(first.raw(tiff.XMP)):
            return Kind.BIF
        if first.text(tiff.SOFTWARE).startswith("Philips") or "DPUfsImport" in description[:4096]:
            return Kind.PHILIPS_TIFF
        if "<OME " in description[:4096]:
            return Kind.OME_TIFF
        if tiff.TILE_WIDTH in first and first.number(tiff.BITS, 1) >= 8:
            return Kind.SLIDE_TIFF
    return None


def _still_in(path: Path, head: bytes) -> Kind:
    """A sensor's counts; paper, which is black and white or of several pages; or a photograph."""
    with Tiff(path) as file:
        first, pages = file.first(), file.directories()
        if head[8:10] == b"CR" or _DNG_VERSION in first:
            return Kind.RAW
        if any(each.number(tiff.PHOTOMETRIC, 0) in _OF_A_SENSOR for each in (*pages, *first.below())):
            return Kind.RAW
        if first.number(tiff.BITS, 1) == 1 and first.number(tiff.SAMPLES, 1) == 1:
            return Kind.SCAN
        whole = [each for each in pages if not each.number(tiff.NEW_SUBFILE_TYPE, 0) & 1]
    return Kind.SCAN if len(whole) > 1 else Kind.TIFF


def kind_of(head: bytes) -> Kind | None:
    """By the first bytes: magic numbers first, an XML's root element next."""
    if head[128:132] == b"DICM":
        return Kind.DICOM
    # A PDF's header may stand behind other bytes (ISO 32000-1, note 13 of annex H); behind none here, since
    # what is two kinds at once is neither.
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(_RAW_MAGIC) or head[4:12] == b"ftypcrx ":
        return Kind.RAW
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Kind.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return Kind.HEIC
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Kind.AVI
    if head[:4] in (b"\0\0\1\xba", b"\0\0\1\xb3") or _is_transport_stream(head):
        return Kind.MPEG
    if head[4:8] in _MOVIE_BOXES and head[8:12] not in _STILL_BRANDS:
        return Kind.MP4 if head[4:8] == b"ftyp" and head[8:12] != b"qt  " else Kind.MOV
    if _is_scp(head):
        return Kind.SCP
    if head.startswith(b"0       ") and head[184:192].strip().isdigit() and head[252:256].strip().isdigit():
        return Kind.EDF
    if is_obj(head):
        return Kind.OBJ
    if wfdb.is_header(head):
        return Kind.WFDB
    text = _as_ascii(head)
    if text.lstrip().startswith(b"<"):
        roots = [(match.start(), kind) for pattern, kind in _XML_ROOTS if (match := pattern.search(text))]
        return min(roots, key=lambda each: each[0])[1] if roots else None
    if _GEOJSON.match(text):
        return Kind.GEOJSON
    return None


def _is_transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes, each begun by 0x47 (ISO 13818-1 §2.4.3.2), some with a time of four in front."""
    return any(
        len(head) > at + 4 * step and all(head[at + step * each] == 0x47 for each in range(5))
        for at, step in ((0, 188), (4, 192))
    )


def _is_scp(head: bytes) -> bool:
    """It begins with section 0, whose first pointer is to itself, at byte 7 (EN 1064 §5.3)."""
    if len(head) < 32:
        return False
    section, length, of, at = struct.unpack_from("<8xHI8xH4xI", head)
    return bool(section == 0 and of == 0 and at == 7 and length >= 26)


def _as_ascii(head: bytes) -> bytes:
    """XML in UTF-16 is XML too (XML 1.0 annex F)."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore").encode("ascii", "ignore")
    return head.removeprefix(b"\xef\xbb\xbf")
