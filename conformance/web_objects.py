"""What DICOMweb gives and takes, and how errors are answered, from the tables of the HTTP edge."""

from http import HTTPStatus

from dicom_router.contexts import name_of
from storage.elements import EXPLICIT_LITTLE
from storage.errors import ArchiveError
from storage.transcoding import INSTANCE_TARGETS, TARGETS, can_transcode
from viewer_api.compression import CODINGS
from viewer_api.describing import METADATA_LIMIT_BYTES, PDF
from viewer_api.media import DICOM, DICOM_JSON, DICOM_XML, OCTETS, PIXEL_MEDIA_TYPES, TEXT_OFFERS, ZIP
from viewer_api.parts_in import PARTS_LIMIT
from viewer_api.pixels_in import PICTURES
from viewer_api.problems import ANSWERS, RETRY_AFTER_S
from viewer_api.rendering.files import PICTURES as RENDERED
from viewer_api.renditions import HTML, PLAIN, SVG
from viewer_api.stow import STORED
from viewer_api.view import Annotation, ColourSpace, Shape

#: What each resource can be had as (PS3.18 §8.7.4, §10.4.3.3).
RETRIEVED: tuple[tuple[str, str], ...] = (
    ("Study, series", f'`multipart/related; type="{DICOM}"`, `{ZIP}`'),
    ("Instance", f'`multipart/related; type="{DICOM}"`, `{DICOM}`, `{ZIP}`'),
    ("Metadata", ", ".join(f"`{each}`" for each in TEXT_OFFERS)),
    (
        "Frames, pixel data",
        f"`{OCTETS}`, or by the table of transfer syntaxes; alone or multipart",
    ),
    ("Bulk data", f"`{OCTETS}`, alone or multipart; of one value a range of bytes (RFC 9110 §14)"),
    ("Rendered picture, thumbnail", ", ".join(f"`{each}`" for each in RENDERED)),
    ("Rendered waveform", ", ".join(f"`{each}`" for each in (SVG, *RENDERED))),
    ("Rendered document, report, video", f"as encapsulated; `{HTML}`, `{PLAIN}`; as stored"),
    (
        "Without a transfer syntax",
        "Explicit VR Little Endian, decoded; what is lossy or large as stored",
    ),
    (
        "`transfer-syntax=*`",
        "as stored; Implicit VR and Big Endian as Explicit Little Endian (PS3.18 §8.7.3)",
    ),
    ("What cannot be had as asked", "406, with a list of what can"),
    ("Content-Encoding of JSON and XML", ", ".join(sorted(CODINGS))),
    ("Caching", "ETag and If-None-Match; private"),
)

#: How a picture is asked for (PS3.18 §8.3.5.1).
RENDERING: tuple[tuple[str, str], ...] = (
    ("`annotation`", ", ".join(each.value for each in Annotation)),
    ("`quality`", "1 to 100, of lossy media types"),
    ("`viewport`", "width,height, or with a region: width,height,left,top,width,height; never turned"),
    ("`window`", f"center,width,shape; shape is {', '.join(each.value for each in Shape)}"),
    ("`iccprofile`", ", ".join(each.value for each in ColourSpace)),
)

#: What may be sent to be stored (PS3.18 §10.5.2), and what is answered (Table 10.5.3-1).
STORING: tuple[tuple[str, str], ...] = (
    ("Bodies", ", ".join(f'`multipart/related; type="{each}"`' for each in STORED)),
    ("Bulk parts besides metadata", ", ".join(f"`{each}`" for each in (OCTETS, PDF, *PICTURES))),
    ("Parts of a request, bytes of its metadata", f"at most {PARTS_LIMIT:,}, {METADATA_LIMIT_BYTES:,}"),
    ("Answers", f"`{DICOM_JSON}`, `{DICOM_XML}`"),
    ("200", "all instances are durable, and the next search finds them"),
    ("202", "some are; the others stand in Failed SOP Sequence (0008,1198) with a reason"),
    ("409", "none is, each with its reason"),
    ("415", "another body than these"),
    ("503", "none is, for now: the same request again is safe"),
)


def syntaxes() -> list[tuple[str, str, str, str, str]]:
    """Each compressed one: name, UID, media type of a frame, whether it is decoded, and encoded."""
    return [
        (
            name_of(uid),
            uid,
            f"`{media_type}`",
            "yes" if can_transcode(uid, EXPLICIT_LITTLE) else "",
            "yes" if uid in TARGETS else "",
        )
        for uid, media_type in PIXEL_MEDIA_TYPES.items()
    ]


def instance_targets() -> str:
    """What a whole instance can be asked for in, besides the syntax that it was stored in."""
    return ", ".join(sorted(name_of(uid) for uid in INSTANCE_TARGETS))


def errors() -> list[tuple[str, str]]:
    """Statuses of failures, each with a problem body (RFC 9457)."""
    said: dict[HTTPStatus, list[str]] = {
        HTTPStatus.UNAUTHORIZED: ["Nobody is signed in, or what was shown is good no longer"],
        HTTPStatus.FORBIDDEN: ["Who is signed in may not"],
    }
    for kind, how in ANSWERS.items():
        words = f"{how.title}, and Retry-After: {RETRY_AFTER_S}" if how.status == 503 else how.title
        if kind is not ArchiveError:
            said.setdefault(how.status, []).append(words)
    return [(str(status.value), "; ".join(words)) for status, words in sorted(said.items())]
