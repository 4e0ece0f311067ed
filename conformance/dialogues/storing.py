"""Dialogues about storing: STOW-RS (PS3.18 §10.5). They send what we made; nothing is removed."""

from copy import deepcopy
from typing import Any

import httpx
from pydicom.uid import generate_uid

from conformance.dialogues.material import Sent, make_study, part10
from conformance.dialogues.verdicts import Dialogue, NotAsked, NotOffered, hold
from conformance.dialogues.web_peer import DICOM, JSON, WebPeer, value

_BOUNDARY = "of-the-conformance-test"
_REFERENCED, _FAILED, _REASON, _URL = "00081199", "00081198", "00081197", "00081190"


def store(peer: WebPeer) -> None:
    """What is answered for is found at once."""
    sent = make_study()
    answer = _post(peer, [part10(each) for each in sent.instances])
    if answer.status_code in (401, 403, 404, 405, 501):
        raise NotOffered(f"status {answer.status_code}")
    hold(answer.status_code == 200, f"status {answer.status_code}")
    said = answer.json()
    kept = said.get(_REFERENCED, {}).get("Value", [])
    hold(len(kept) == len(sent.instances), f"it answers for {len(kept)} of {len(sent.instances)}")
    for item in kept:
        hold("00081150" in item and "00081155" in item, "an item without its SOP class or instance")
        hold(_URL in item, "an item without Retrieve URL (0008,1190)")
    found = peer.search(f"/studies/{sent.study_uid}/instances")
    hold(len(found) == len(sent.instances), f"the next search finds {len(found)} of {len(sent.instances)}")
    peer.sent = sent


def again(peer: WebPeer) -> None:
    """The same once more is welcome, and changes nothing."""
    sent = _sent(peer)
    answer = _post(peer, [part10(each) for each in sent.instances])
    hold(answer.status_code in (200, 202), f"status {answer.status_code}")
    found = peer.search(f"/studies/{sent.study_uid}/instances")
    hold(len(found) == len(sent.instances), f"the study has {len(found)} instances now")


def as_xml(peer: WebPeer) -> None:
    """The answer as XML, where that is asked for (PS3.18 §10.5.3.3)."""
    answer = _post(peer, [part10(_sent(peer).instances[0])], accept="application/dicom+xml")
    if answer.status_code == 406:
        raise NotOffered("status 406")
    hold(answer.status_code in (200, 202), f"status {answer.status_code}")
    hold(b"<NativeDicomModel" in answer.content, "an answer without NativeDicomModel")


def partly(peer: WebPeer) -> None:
    """One that can be kept and one that cannot: 202, and the second with a reason."""
    good = part10(_sent(peer).instances[0])
    answer = _post(peer, [good, b"this is no DICOM file"])
    hold(answer.status_code == 202, f"status {answer.status_code} where one of two is kept")
    hold(answer.json().get(_REFERENCED, {}).get("Value"), "the one that is kept is not named")


def none(peer: WebPeer) -> None:
    """Nothing that can be kept: 409, or a bad request."""
    answer = _post(peer, [b"this is no DICOM file"])
    hold(answer.status_code in (400, 409), f"status {answer.status_code} where nothing is kept")


def of_another_study(peer: WebPeer) -> None:
    """Stored for a study that it is not of (PS3.18 §10.5.1.1): refused, with a reason."""
    answer = _post(peer, [part10(_sent(peer).instances[0])], f"/studies/{generate_uid()}")
    hold(answer.status_code in (400, 409), f"status {answer.status_code} for an instance of another study")
    if answer.status_code == 409:
        failed: list[dict[str, Any]] = answer.json().get(_FAILED, {}).get("Value", [])
        hold(failed, "409 without Failed SOP Sequence (0008,1198)")
        value(failed[0], _REASON)


def other_content(peer: WebPeer) -> None:
    """Other content under the same UID does not take the first's place silently."""
    sent = _sent(peer)
    forged = deepcopy(sent.instances[0])
    forged.StudyDescription = "Other content"
    answer = _post(peer, [part10(forged)])
    series = f"/studies/{sent.study_uid}/series/{forged.SeriesInstanceUID}"
    (now,) = peer.get(f"{series}/instances/{forged.SOPInstanceUID}/metadata").json()
    is_first = now.get("00081030", {}).get("Value") == ["Conformance test"]
    if answer.status_code == 200:
        hold(is_first or now.get("00081030", {}).get("Value") == ["Other content"], "neither is there")
        raise NotOffered("200, and " + ("the first stays" if is_first else "the second takes its place"))
    hold(is_first, f"status {answer.status_code}, and the first is gone")


def unsupported(peer: WebPeer) -> None:
    """A body that is none of those (PS3.18 §10.5.3.1)."""
    answer = peer.client.post(
        "/studies", content=b"text", headers={"Content-Type": "text/plain", "Accept": JSON}
    )
    hold(answer.status_code in (400, 415), f"status {answer.status_code} for text/plain")


def without_boundary(peer: WebPeer) -> None:
    """multipart that does not say where its parts end."""
    kind = f'multipart/related; type="{DICOM}"'
    answer = peer.client.post("/studies", content=b"--x\r\n", headers={"Content-Type": kind, "Accept": JSON})
    hold(400 <= answer.status_code < 500, f"status {answer.status_code} without a boundary")


def delete(peer: WebPeer) -> None:
    """Of a study that is not there: refused, and no fault. Nothing that is there is asked to go."""
    answer = peer.client.delete(f"/studies/{generate_uid()}", headers={"Accept": JSON})
    hold(400 <= answer.status_code <= 501, f"status {answer.status_code}")
    hold(answer.status_code != 500, "status 500")


def _sent(peer: WebPeer) -> Sent:
    if peer.sent is None:
        raise NotAsked("it kept nothing of ours")
    return peer.sent


def _post(peer: WebPeer, files: list[bytes], path: str = "/studies", accept: str = JSON) -> httpx.Response:
    head = f"--{_BOUNDARY}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
    body = b"".join(head + file + b"\r\n" for file in files) + f"--{_BOUNDARY}--\r\n".encode()
    kind = f'multipart/related; type="{DICOM}"; boundary={_BOUNDARY}'
    answer = peer.client.post(path, content=body, headers={"Content-Type": kind, "Accept": accept})
    hold(answer.status_code not in (500, 502, 504), f"status {answer.status_code}")
    return answer


STORING = (
    Dialogue("store", "PS3.18 §10.5.3", store, writes=True),
    Dialogue("the same again", "PS3.18 §10.5.2", again, writes=True),
    Dialogue("store, answered in XML", "PS3.18 §10.5.3.3", as_xml, writes=True),
    Dialogue("some kept, some not", "PS3.18 §10.5.3.1", partly, writes=True),
    Dialogue("nothing kept", "PS3.18 §10.5.3.1", none, writes=True),
    Dialogue("an instance of another study", "PS3.18 §10.5.1.1", of_another_study, writes=True),
    Dialogue("a body of another type", "PS3.18 §10.5.3.1", unsupported, writes=True),
    Dialogue("a body without a boundary", "PS3.18 §10.5.3.1", without_boundary, writes=True),
    Dialogue("deleting what is not there", "PS3.18 §8.5", delete, writes=True),
)

#: Last of all: the study may be contested from then on.
CONTESTING = (Dialogue("other content under the same UID", "PS3.18 §10.5.2", other_content, writes=True),)
