"""Who is calling, as the DIMSE edge needs to know it."""

from dataclasses import replace
from typing import Protocol

from dicom_router.errors import Rejected, Rejection
from dicom_router.settings import RouterSettings
from exchange.policy import Actor, ActorKind
from exchange.registry import Peer
from storage.errors import Unavailable


class Peers(Protocol):
    """The registry of peers. Both verbs may raise storage.errors.Unavailable."""

    def named(self, calling: str, address: str) -> Peer | None:
        """The peer that calls itself so from that address; None where the registry knows none."""

    def note_refusal(self, calling: str, called: str, address: str, because: str) -> None:
        """Write down that an association was refused."""


def identify(peers: Peers, settings: RouterSettings, calling: str, address: str) -> Peer:
    """The peer behind a calling AE title, or Rejected.

    An open service takes an unknown peer in the name of its open trust.
    """
    try:
        peer = peers.named(calling, address)
    except Unavailable as error:
        raise Rejected(Rejection.TEMPORARY_CONGESTION, f"the registry of peers is away: {error}") from error
    if peer is not None:
        return peer
    if settings.open_to_all and settings.open_trust is not None:
        return Peer(ae_title=calling, trust=settings.open_trust)
    raise Rejected(
        Rejection.CALLING_AE_NOT_RECOGNIZED,
        f"no peer {calling} at {address} in the registry (imx peer add)",
    )


def actor_for(peer: Peer, settings: RouterSettings) -> Actor:
    """The peer as the policy knows it."""
    actor = Actor(
        kind=ActorKind.PEER,
        name=peer.ae_title,
        trust=peer.trust.ods_code,
        may_store=peer.may_store,
        may_read=peer.may_read,
        issuer="" if peer.trust is settings.open_trust else peer.trust.issuer,
    )
    return replace(actor, is_open=True) if settings.open_to_all else actor
