"""Every dialogue that there is with a peer of a kind."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import httpx
from pydicom.errors import InvalidDicomError

from conformance.dialogues import dimse_peer, web_peer
from conformance.dialogues.fetching import FETCHING
from conformance.dialogues.finding import FINDING
from conformance.dialogues.material import WHAT_IS_SENT
from conformance.dialogues.retrieving import RETRIEVING
from conformance.dialogues.searching import SEARCHING
from conformance.dialogues.sending import SENDING
from conformance.dialogues.storing import CONTESTING, STORING
from conformance.dialogues.verdicts import Finding, converse

#: What is written comes first: the others then ask about it.
WEB_DIALOGUES = (*STORING, *SEARCHING, *RETRIEVING, *CONTESTING)
DIMSE_DIALOGUES = (*SENDING, *FINDING, *FETCHING)


@dataclass(frozen=True, slots=True)
class Letting:
    """What lets us in."""

    token: str = ""
    user: str = ""  # name:password
    calling: str = "CONFORMANCE"


def talk_to(address: str, letting: Letting, *, may_write: bool, say: Callable[[str], None]) -> list[Finding]:
    """Of a DICOMweb root or AET@host:port. Raises Unreachable."""
    if may_write:
        say(f"sending to {address}: {WHAT_IS_SENT}")
    if not address.startswith(("http://", "https://")):
        peer = dimse_peer.reach(address, letting.calling)
        return converse(peer, DIMSE_DIALOGUES, (RuntimeError,), may_write=may_write)
    headers = {"Authorization": f"Bearer {letting.token}"} if letting.token else {}
    name, _, password = letting.user.partition(":")
    web = web_peer.reach(address, headers, (name, password) if name else None)
    faults = (httpx.HTTPError, InvalidDicomError, OSError)
    with closing(web.client):
        return converse(web, WEB_DIALOGUES, faults, may_write=may_write)
