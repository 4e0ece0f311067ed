"""What we take: abstract syntaxes and transfer syntaxes, as data. The conformance statement prints them.

The order of TRANSFER_SYNTAXES is our preference where a context offers several (PS3.8 §9.3.2.2): never
a lossy one where a lossless or native one is offered, Explicit VR before Implicit (private elements keep
their VR), Little before Big Endian.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import pynetdicom  # noqa: F401  (adds JPEG XL and Deflated Image Frame to pydicom's dictionary of UIDs)
from pydicom._uid_dict import UID_dictionary
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import _STORAGE_CLASSES

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PATIENT_STUDY_ONLY_FIND = "1.2.840.10008.5.1.4.1.2.3.1"  # retired, and still asked

#: What we agree to by SOP class extended negotiation (PS3.7 §D.3.3.5) where it is asked for, byte by byte.
#: C-FIND (PS3.4 Table C.5-1): relational queries, combined date-time matching. Names match literally, times
#: are those of the sender, and no enhanced multi-frame image is converted.
EXTENSIONS: Mapping[str, bytes] = dict.fromkeys(
    (PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_STUDY_ONLY_FIND), bytes((1, 1, 0, 0, 0))
)

#: Query/Retrieve Information Models (PS3.4 §C.6), Patient Root and Study Root.
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
GET_CLASSES = frozenset({PATIENT_ROOT_GET, STUDY_ROOT_GET})

#: Data sets as they are. Reading one needs no pixel codec.
NATIVE = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed Explicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian, retired
)

#: For data sets without pixels: requests, identifiers, reports.
UNCOMPRESSED = tuple(uid for uid in NATIVE if not uid.startswith(f"{NATIVE[0]}."))

#: Compressed without loss, by what most readers can decode.
LOSSLESS = (
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction (process 14, selection value 1)
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless (process 14)
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 (lossless only)
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 (lossless only)
    "1.2.840.10008.1.2.4.202",  # High-Throughput JPEG 2000 with RPCL options (lossless only)
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
    "1.2.840.10008.1.2.4.110",  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2 multi-component (lossless only)
    "1.2.840.10008.1.2.4.58",  # JPEG Lossless (process 15), retired
    "1.2.840.10008.1.2.4.65",  # JPEG Lossless, hierarchical (process 28), retired
    "1.2.840.10008.1.2.4.66",  # JPEG Lossless, hierarchical (process 29), retired
)

#: May have lost something, or, for JPEG recompression, holds a JPEG that has.
LOSSY = (
    "1.2.840.10008.1.2.4.111",  # JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline (process 1)
    "1.2.840.10008.1.2.4.51",  # JPEG Extended (processes 2 and 4)
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    "1.2.840.10008.1.2.4.93",  # JPEG 2000 Part 2 multi-component
    "1.2.840.10008.1.2.4.52",  # JPEG Extended (processes 3 and 5), retired
    "1.2.840.10008.1.2.4.53",  # JPEG Spectral Selection (processes 6 and 8), retired
    "1.2.840.10008.1.2.4.54",  # JPEG Spectral Selection (processes 7 and 9), retired
    "1.2.840.10008.1.2.4.55",  # JPEG Full Progression (processes 10 and 12), retired
    "1.2.840.10008.1.2.4.56",  # JPEG Full Progression (processes 11 and 13), retired
    "1.2.840.10008.1.2.4.59",  # JPEG Extended, hierarchical (processes 16 and 18), retired
    "1.2.840.10008.1.2.4.60",  # JPEG Extended, hierarchical (processes 17 and 19), retired
    "1.2.840.10008.1.2.4.61",  # JPEG Spectral Selection, hierarchical (processes 20 and 22), retired
    "1.2.840.10008.1.2.4.62",  # JPEG Spectral Selection, hierarchical (processes 21 and 23), retired
    "1.2.840.10008.1.2.4.63",  # JPEG Full Progression, hierarchical (processes 24 and 26), retired
    "1.2.840.10008.1.2.4.64",  # JPEG Full Progression, hierarchical (processes 25 and 27), retired
)

#: Moving pictures, the fragmentable forms first: they may grow beyond 4 GB.
VIDEO = (
    "1.2.840.10008.1.2.4.107",  # HEVC/H.265 Main Profile / Level 5.1
    "1.2.840.10008.1.2.4.108",  # HEVC/H.265 Main 10 Profile / Level 5.1
    "1.2.840.10008.1.2.4.102.1",  # MPEG-4 AVC/H.264 High Profile / Level 4.1, fragmentable
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC/H.264 High Profile / Level 4.1
    "1.2.840.10008.1.2.4.103.1",  # MPEG-4 AVC/H.264 BD-compatible, fragmentable
    "1.2.840.10008.1.2.4.103",  # MPEG-4 AVC/H.264 BD-compatible
    "1.2.840.10008.1.2.4.104.1",  # MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D video, fragmentable
    "1.2.840.10008.1.2.4.104",  # MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D video
    "1.2.840.10008.1.2.4.105.1",  # MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D video, fragmentable
    "1.2.840.10008.1.2.4.105",  # MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D video
    "1.2.840.10008.1.2.4.106.1",  # MPEG-4 AVC/H.264 Stereo High Profile, fragmentable
    "1.2.840.10008.1.2.4.106",  # MPEG-4 AVC/H.264 Stereo High Profile
    "1.2.840.10008.1.2.4.101.1",  # MPEG2 Main Profile / High Level, fragmentable
    "1.2.840.10008.1.2.4.101",  # MPEG2 Main Profile / High Level
    "1.2.840.10008.1.2.4.100.1",  # MPEG2 Main Profile / Main Level, fragmentable
    "1.2.840.10008.1.2.4.100",  # MPEG2 Main Profile / Main Level
)

#: Accepted for every storage class, and kept as they are.
TRANSFER_SYNTAXES = NATIVE + LOSSLESS + LOSSY + VIDEO

#: The rest of the standard's (PS3.6 Table A-1), and why not.
REFUSED_TRANSFER_SYNTAXES: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.94": "JPIP Referenced: the pixels stay elsewhere",
    "1.2.840.10008.1.2.4.95": "JPIP Referenced Deflate: the pixels stay elsewhere",
    "1.2.840.10008.1.2.4.204": "JPIP HTJ2K Referenced: the pixels stay elsewhere",
    "1.2.840.10008.1.2.4.205": "JPIP HTJ2K Referenced Deflate: the pixels stay elsewhere",
    "1.2.840.10008.1.2.7.1": "SMPTE ST 2110-20 progressive: a live flow, not an object",
    "1.2.840.10008.1.2.7.2": "SMPTE ST 2110-20 interlaced: a live flow, not an object",
    "1.2.840.10008.1.2.7.3": "SMPTE ST 2110-30 audio: a live flow, not an object",
    "1.2.840.10008.1.2.6.1": "RFC 2557 MIME encapsulation: not a data set",
    "1.2.840.10008.1.2.6.2": "XML encoding: not a data set",
    "1.2.840.10008.1.20": "Papyrus 3: a file format of its own",
}

#: Storage classes that the standard has retired and that pynetdicom does not list (PS3.6 Table A-1).
RETIRED_STORAGE_CLASSES = (
    "1.2.840.10008.5.1.1.27",  # Stored Print
    "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image
    "1.2.840.10008.5.1.1.30",  # Hardcopy Color Image
    "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame Image
    "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine Image
    "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound Image
    "1.2.840.10008.5.1.4.1.1.8",  # Standalone Overlay
    "1.2.840.10008.5.1.4.1.1.9",  # Standalone Curve
    "1.2.840.10008.5.1.4.1.1.9.1",  # Waveform, trial
    "1.2.840.10008.5.1.4.1.1.10",  # Standalone Modality LUT
    "1.2.840.10008.5.1.4.1.1.11",  # Standalone VOI LUT
    "1.2.840.10008.5.1.4.1.1.12.3",  # X-Ray Angiographic Bi-Plane Image
    "1.2.840.10008.5.1.4.1.1.77.1",  # VL Image, trial
    "1.2.840.10008.5.1.4.1.1.77.2",  # VL Multi-frame Image, trial
    "1.2.840.10008.5.1.4.1.1.88.1",  # Text SR, trial
    "1.2.840.10008.5.1.4.1.1.88.2",  # Audio SR, trial
    "1.2.840.10008.5.1.4.1.1.88.3",  # Detail SR, trial
    "1.2.840.10008.5.1.4.1.1.88.4",  # Comprehensive SR, trial
    "1.2.840.10008.5.1.4.1.1.129",  # Standalone PET Curve
    "1.2.840.10008.5.1.4.34.1",  # RT Beams Delivery Instruction, trial
)

#: SOP classes that are called storage and are not taken, and why.
REFUSED_STORAGE_CLASSES: Mapping[str, str] = {
    "1.2.840.10008.1.3.10": "Media Storage Directory: a DICOMDIR is not sent (PS3.4 §I)",
    "1.2.840.10008.5.1.4.38.1": "Hanging Protocol: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.39.1": "Color Palette: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.43.1": "Generic Implant Template: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.44.1": "Implant Assembly Template: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.45.1": "Implant Template Group: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.1.1.200.1": "CT Defined Procedure Protocol: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.1.1.200.3": "Protocol Approval: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.1.1.200.7": "XA Defined Procedure Protocol: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.1.1.201.1": "Inventory: no patient's (PS3.4 §GG)",
    "1.2.840.10008.5.1.4.1.1.501.1": "DICOS CT: baggage, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.2.1": "DICOS Digital X-Ray for presentation: baggage, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.2.2": "DICOS Digital X-Ray for processing: baggage, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.3": "DICOS Threat Detection Report: baggage, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.4": "DICOS 2D AIT: security, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.5": "DICOS 3D AIT: security, not a patient",
    "1.2.840.10008.5.1.4.1.1.501.6": "DICOS Quadrupole Resonance: baggage, not a patient",
    "1.2.840.10008.5.1.4.1.1.601.1": "DICONDE Eddy Current: a machine part, not a patient",
    "1.2.840.10008.5.1.4.1.1.601.2": "DICONDE Eddy Current Multi-frame: a machine part, not a patient",
}

#: Composite instances of patients (PS3.4 §B.5): those pynetdicom lists, and the retired.
STORAGE_CLASSES: frozenset[str] = frozenset(map(str, _STORAGE_CLASSES.values())) | frozenset(
    RETIRED_STORAGE_CLASSES
)


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context."""

    number: int  # odd, 1 to 255
    abstract_syntax: str
    transfer_syntax: str
    extended: bytes = b""  # agreed application information of its SOP class (PS3.7 §D.3.3.5)
    is_for_them: bool = False  # the requestor is SCP too: it takes instances in it (PS3.7 §D.3.3.4)


def name_of(uid: str) -> str:
    """The standard's name of a UID, or the UID itself."""
    entry = UID_dictionary.get(uid)
    return entry[0] if entry and entry[0] else uid


@lru_cache(maxsize=64)
def supported_contexts(
    services: tuple[str, ...], private_classes: tuple[str, ...] = ()
) -> tuple[PresentationContext, ...]:
    """What we take, for pynetdicom's negotiation: every storage class, and these services' classes.

    A peer may have private storage classes in its entry. Where C-GET is among the services, a peer may
    propose to be SCP of storage classes, and is answered; else it is not, and keeps the default role. Shared
    between associations: the negotiation only reads them.
    """
    contexts = [build_context(uid, list(UNCOMPRESSED)) for uid in services]
    gives = not GET_CLASSES.isdisjoint(services)
    for uid in sorted(STORAGE_CLASSES | set(private_classes)):
        context = build_context(uid, list(TRANSFER_SYNTAXES))
        if gives:
            context.scu_role = context.scp_role = True
        contexts.append(context)
    return tuple(contexts)


def accepted(
    results: Iterable[PresentationContext], extended: Mapping[str, bytes] | None = None
) -> dict[int, Context]:
    """The contexts that a negotiation accepted, by their number; `extended` is what was agreed besides."""
    return {
        result.context_id: Context(
            result.context_id,
            str(result.abstract_syntax),
            str(result.transfer_syntax[0]),
            (extended or {}).get(str(result.abstract_syntax), b""),
            bool(result.as_scu),
        )
        for result in results
        if result.result == 0 and result.context_id is not None
    }
