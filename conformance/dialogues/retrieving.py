"""Dialogues about retrieving: WADO-RS (PS3.18 §10.4, §8.7) and WADO-URI (§9)."""

import json
import zipfile
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import httpx
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from conformance.dialogues.verdicts import Dialogue, NotAsked, NotOffered, hold
from conformance.dialogues.web_peer import DECLINED, DICOM, JSON, WebPeer, parts, value

_MULTIPART = f'multipart/related; type="{DICOM}"'
_OCTETS = 'multipart/related; type="application/octet-stream"'
_NOBODY = "/studies/2.25.1"
#: MPEG2 Main Profile, which no still image is given as.
_IMPOSSIBLE = "1.2.840.10008.1.2.4.100"
_SIDE_PX = 32


def study(peer: WebPeer) -> None:
    """Every instance of it, as Part 10 files."""
    example = peer.example()
    count = len(peer.search(f"/studies/{example.study_uid}/instances?limit=5000"))
    if count > 500:
        raise NotAsked(f"its study has {count} instances")
    answer = peer.get(f"/studies/{example.study_uid}", f"{_MULTIPART}; transfer-syntax=*")
    hold(answer.status_code == 200, f"status {answer.status_code}")
    files = [dcmread(BytesIO(part.content), stop_before_pixels=True) for part in parts(answer)]
    hold(len(files) == count, f"{len(files)} of {count} instances")
    hold({file.StudyInstanceUID for file in files} == {example.study_uid}, "instances of another study")


def instance(peer: WebPeer) -> None:
    """One, without a transfer syntax: Explicit VR Little Endian, or as stored where that is compressed."""
    file = _instance(peer, _MULTIPART)
    hold(file.SOPInstanceUID == value(peer.example().instance, "00080018"), "another instance")
    syntax = file.file_meta.TransferSyntaxUID
    hold(syntax != ImplicitVRLittleEndian, "Implicit VR Little Endian, which is not for the web")
    hold(syntax == ExplicitVRLittleEndian or syntax.is_compressed, f"transfer syntax {syntax}")


def as_stored(peer: WebPeer) -> None:
    """`*`: whatever the transfer syntax is."""
    _instance(peer, f"{_MULTIPART}; transfer-syntax=*")


def single(peer: WebPeer) -> None:
    """One instance without multipart (PS3.18 §8.7.4)."""
    answer = peer.offered(peer.example().path, DICOM)
    hold(answer.headers.get("content-type", "").startswith(DICOM), "another content type")
    dcmread(BytesIO(answer.content), stop_before_pixels=True)


def _instance(peer: WebPeer, accept: str) -> Dataset:
    answer = peer.get(peer.example().path, accept)
    hold(answer.status_code == 200, f"status {answer.status_code}")
    (part,) = parts(answer)
    hold(part.media_type.startswith(DICOM), f"a part of type {part.media_type.partition(';')[0]}")
    return dcmread(BytesIO(part.content))


def impossible(peer: WebPeer) -> None:
    """A transfer syntax in which it cannot be had (PS3.18 §10.4.3.1)."""
    answer = peer.get(peer.example().path, f"{_MULTIPART}; transfer-syntax={_IMPOSSIBLE}")
    hold(answer.status_code == 406, f"status {answer.status_code} for MPEG2 of a still image")


def unacceptable(peer: WebPeer) -> None:
    """A media type in which no instance can be had."""
    answer = peer.get(peer.example().path, "text/x-nothing")
    hold(answer.status_code == 406, f"status {answer.status_code} for text/x-nothing")


def zipped(peer: WebPeer) -> None:
    """application/zip (PS3.18 §8.7.3.1)."""
    answer = peer.offered(peer.example().series_path, "application/zip")
    names = zipfile.ZipFile(BytesIO(answer.content)).namelist()
    hold(len(names) >= len(peer.example().instances), f"{len(names)} files in it")


def unknown_study(peer: WebPeer) -> None:
    """What is not there is not found."""
    for path, accept in ((_NOBODY, _MULTIPART), (f"{_NOBODY}/metadata", JSON)):
        answer = peer.get(path, accept)
        hold(answer.status_code == 404, f"status {answer.status_code} for a study that is not there")


def of_another_study(peer: WebPeer) -> None:
    """An instance is only found where it belongs."""
    path = peer.example().path.replace(peer.example().study_uid, "2.25.1", 1)
    answer = peer.get(path, _MULTIPART)
    hold(answer.status_code == 404, f"status {answer.status_code} for an instance below another study")


def malformed(peer: WebPeer) -> None:
    """A UID that is none."""
    answer = peer.get("/studies/not-a-uid/metadata")
    hold(answer.status_code in (400, 404), f"status {answer.status_code} for a UID that is none")


def metadata(peer: WebPeer) -> None:
    """An object for each instance, without its pixels (PS3.18 §10.4.1.1.2)."""
    found = _metadata(peer)
    hold(len(found) == len(peer.example().instances), f"{len(found)} of {len(peer.example().instances)}")
    one = next(
        each for each in found if value(each, "00080018") == value(peer.example().instance, "00080018")
    )
    hold("InlineBinary" not in one.get("7FE00010", {}), "with all its pixels in it")
    hold(value(one, "00280010").isdigit(), "Rows (0028,0010) is no number")


def metadata_and_search_agree(peer: WebPeer) -> None:
    """The patient of the metadata is the patient that the search says."""
    one = _metadata(peer)[0]
    for tag in ("00100020", "0020000D"):
        hold(value(one, tag) == value(peer.example().study, tag), f"{tag} is another than in the search")


def metadata_as_xml(peer: WebPeer) -> None:
    """Native DICOM Model."""
    answer = peer.offered(
        f"{peer.example().path}/metadata", 'multipart/related; type="application/dicom+xml"'
    )
    hold(b"<NativeDicomModel" in parts(answer)[0].content, "a part without NativeDicomModel")


def _metadata(peer: WebPeer) -> list[dict[str, Any]]:
    answer = peer.get(f"{peer.example().series_path}/metadata")
    hold(answer.status_code == 200, f"status {answer.status_code}")
    return list(json.loads(answer.content))


def frame(peer: WebPeer) -> None:
    """One, of the length that its attributes say."""
    wanted = _frame_bytes(peer)
    answer = peer.get(
        f"{peer.example().path}/frames/1", f"{_OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"
    )
    if answer.status_code == 406:
        raise NotOffered("its frames cannot be had uncompressed")
    hold(answer.status_code == 200, f"status {answer.status_code}")
    (part,) = parts(answer)
    length = len(part.content)
    hold(wanted <= length <= wanted + 1, f"{length} bytes, where {wanted} are in a frame")


def frames(peer: WebPeer) -> None:
    """A list of them, in its order."""
    many = _of_many_frames(peer)
    answers = [
        parts(peer.offered(f"{many}/frames/{listed}", f"{_OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"))
        for listed in ("1", "2", "2,1")
    ]
    hold(len(answers[2]) == 2, f"{len(answers[2])} parts for two frames")
    one, two = (answer[0].content for answer in answers[:2])
    hold([part.content for part in answers[2]] == [two, one], "frames in another order than asked for")


def beyond(peer: WebPeer) -> None:
    """A frame that is not there, and a list that is none."""
    for listed in ("9999999", "0", "x"):
        answer = peer.get(f"{peer.example().path}/frames/{listed}", f"{_OCTETS}; transfer-syntax=*")
        hold(answer.status_code in (400, 404), f"status {answer.status_code} for frame {listed}")


def _frame_bytes(peer: WebPeer) -> int:
    about = peer.get(f"{peer.example().path}/metadata").json()[0]
    rows, columns, samples, bits = (
        int(value(about, tag)) for tag in "00280010 00280011 00280002 00280100".split()
    )
    return rows * columns * samples * bits // 8


def _of_many_frames(peer: WebPeer) -> str:
    example = peer.example()
    for each in peer.search(f"/studies/{example.study_uid}/instances?includefield=00280008&limit=500"):
        if int((each.get("00280008", {}).get("Value") or [1])[0]) > 1:
            series = value(each, "0020000E")
            return f"/studies/{example.study_uid}/series/{series}/instances/{value(each, '00080018')}"
    raise NotAsked("its study has no multi-frame instance")


def bulk_data(peer: WebPeer) -> None:
    """Where metadata point to a value, it is there (PS3.18 §10.4.1.1.5)."""
    uri = _bulk_uri(peer)
    answer = _bulk(peer, uri)
    if answer.status_code in DECLINED:
        answer = peer.offered(uri, _OCTETS)
    hold(answer.status_code == 200, f"status {answer.status_code}")
    hold(answer.content, "no bytes")


def bulk_range(peer: WebPeer) -> None:
    """A part of a value (RFC 9110 §14)."""
    uri = _bulk_uri(peer)
    whole = peer.offered(uri, "application/octet-stream")
    answer = _bulk(peer, uri, Range="bytes=2-5")
    if answer.status_code == 200:
        raise NotOffered("Range is passed over")
    hold(answer.status_code == 206, f"status {answer.status_code}")
    hold(answer.headers.get("content-range", "").startswith("bytes 2-5/"), "without its Content-Range")
    hold(answer.content == whole.content[2:6], "other bytes than the value has there")


def _bulk(peer: WebPeer, uri: str, **headers: str) -> httpx.Response:
    return peer.get(uri, "application/octet-stream", **headers)


def _bulk_uri(peer: WebPeer) -> str:
    for about in _metadata(peer):
        for element in about.values():
            if "BulkDataURI" in element:
                # Named by the host that the peer takes itself for, which need not be how we reach it.
                return (
                    str(element["BulkDataURI"]).partition("/studies/")[1]
                    + str(element["BulkDataURI"]).partition("/studies/")[2]
                )
    raise NotAsked("its metadata refer to no bulk data")


def rendered(peer: WebPeer) -> None:
    """A JPEG of the picture's size (PS3.18 §10.4.1.1.3)."""
    picture = _picture(peer, "/rendered", "image/jpeg")
    about = peer.get(f"{peer.example().path}/metadata").json()[0]
    size = (int(value(about, "00280011")), int(value(about, "00280010")))
    hold(picture.format == "JPEG", f"{picture.format}, no JPEG")
    if "00280034" not in about:
        hold(
            picture.size == size, f"{picture.size[0]} by {picture.size[1]} pixels, not {size[0]} by {size[1]}"
        )


def rendered_as_png(peer: WebPeer) -> None:
    """A PNG."""
    hold(_picture(peer, "/rendered", "image/png").format == "PNG", "no PNG")


def viewport(peer: WebPeer) -> None:
    """Fitted into a size (PS3.18 §8.3.5.1.3)."""
    picture = _picture(peer, f"/rendered?viewport={_SIDE_PX},{_SIDE_PX}", "image/jpeg")
    hold(max(picture.size) == _SIDE_PX, f"{picture.size[0]} by {picture.size[1]} pixels")


def window(peer: WebPeer) -> None:
    """A window of the reader's (PS3.18 §8.3.5.1.4)."""
    _picture(peer, "/rendered?window=40,400,linear", "image/jpeg")


def bad_window(peer: WebPeer) -> None:
    """A window that is none."""
    answer = peer.get(f"{peer.example().path}/rendered?window=a,b,c", "image/jpeg")
    hold(answer.status_code == 400, f"status {answer.status_code} for window=a,b,c")


def thumbnail(peer: WebPeer) -> None:
    """Of an instance (PS3.18 §10.4.1.1.4)."""
    _picture(peer, "/thumbnail", "image/jpeg")


def _picture(peer: WebPeer, behind: str, accept: str) -> Image.Image:
    answer = peer.offered(peer.example().path + behind, accept)
    hold(answer.headers.get("content-type", "").startswith(accept), "another content type")
    return Image.open(BytesIO(answer.content))


def unchanged(peer: WebPeer) -> None:
    """What a reader has already is not sent again (RFC 9110 §13.1.2)."""
    path = f"{peer.example().series_path}/metadata"
    tag = peer.get(path).headers.get("etag")
    if tag is None:
        raise NotOffered("no ETag")
    answer = peer.get(path, **{"If-None-Match": tag})
    hold(answer.status_code == 304, f"status {answer.status_code} for what has not changed")


def by_uri(peer: WebPeer) -> None:
    """WADO-URI, beside or below the root (PS3.18 §9)."""
    example = peer.example()
    query = urlencode(
        {
            "requestType": "WADO",
            "studyUID": example.study_uid,
            "seriesUID": value(example.series, "0020000E"),
            "objectUID": value(example.instance, "00080018"),
            "contentType": DICOM,
        },
        safe="/",
    )
    root = str(peer.client.base_url).rstrip("/")
    for place in (f"{root}/wado", f"{root.rpartition('/')[0]}/wado", root):
        answer = peer.client.get(f"{place}?{query}", headers={"Accept": "*/*"})
        if answer.status_code == 200:
            hold(answer.headers.get("content-type", "").startswith(DICOM), "another content type")
            dcmread(BytesIO(answer.content), stop_before_pixels=True)
            return
    raise NotOffered("not at /wado, beside the root or below it")


def closed(peer: WebPeer) -> None:
    """Who shows nothing is told how to sign in (RFC 9110 §11.6.1)."""
    if not peer.has_credentials:
        raise NotAsked("it was asked without credentials")
    answer = httpx.get(f"{peer.client.base_url}studies?limit=1", headers={"Accept": JSON}, timeout=60)
    hold(answer.status_code == 401, f"status {answer.status_code} for an anonymous reader")
    hold("www-authenticate" in answer.headers, "401 without WWW-Authenticate")


RETRIEVING = (
    Dialogue("a study", "PS3.18 §10.4.1.1.1", study),
    Dialogue("an instance, uncompressed by default", "PS3.18 §8.7.3", instance),
    Dialogue("an instance as stored", "PS3.18 §8.7.3", as_stored),
    Dialogue("an instance alone", "PS3.18 §8.7.4", single),
    Dialogue("a transfer syntax it cannot be had in", "PS3.18 §10.4.3.1", impossible),
    Dialogue("a media type it cannot be had in", "PS3.18 §8.7.5", unacceptable),
    Dialogue("a series as a zip archive", "PS3.18 §8.7.3", zipped),
    Dialogue("a study that is not there", "PS3.18 §10.4.3.1", unknown_study),
    Dialogue("an instance below another study", "PS3.18 §10.4.3.1", of_another_study),
    Dialogue("a UID that is none", "PS3.18 §10.4.3.1", malformed),
    Dialogue("metadata", "PS3.18 §10.4.1.1.2", metadata),
    Dialogue("metadata agree with the search", "PS3.18 §10.4.1.1.2", metadata_and_search_agree),
    Dialogue("metadata as XML", "PS3.18 §10.4.1.1.2", metadata_as_xml),
    Dialogue("a frame", "PS3.18 §10.4.1.1.6", frame),
    Dialogue("a list of frames", "PS3.18 §10.4.1.1.6", frames),
    Dialogue("frames that are not there", "PS3.18 §10.4.3.1", beyond),
    Dialogue("bulk data", "PS3.18 §10.4.1.1.5", bulk_data),
    Dialogue("a range of bulk data", "PS3.18 §10.4.1.1.5", bulk_range),
    Dialogue("rendered", "PS3.18 §10.4.1.1.3", rendered),
    Dialogue("rendered as PNG", "PS3.18 §8.7.4", rendered_as_png),
    Dialogue("rendered for a viewport", "PS3.18 §8.3.5.1.3", viewport),
    Dialogue("rendered with a window", "PS3.18 §8.3.5.1.4", window),
    Dialogue("a window that is none", "PS3.18 §8.3.5.1.4", bad_window),
    Dialogue("a thumbnail", "PS3.18 §10.4.1.1.4", thumbnail),
    Dialogue("metadata that have not changed", "RFC 9110 §13.1.2", unchanged),
    Dialogue("WADO-URI", "PS3.18 §9", by_uri),
    Dialogue("anonymous readers", "RFC 9110 §11.6.1", closed),
)
