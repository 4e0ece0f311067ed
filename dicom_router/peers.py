"""Who is calling, and whether it has shown that it is that one."""

from dataclasses import replace
from typing import Protocol

from dicom_router.errors import Rejected, Rejection
from dicom_router.settings import RouterSettings
from dicom_router.tls.profile import Shown
from exchange.policy import Actor, ActorKind
from exchange.refusals import Reason, Refusal
from exchange.registry import Peer
from storage.errors import Unavailable


class Peers(Protocol):
    """The registry of peers. Both verbs may raise storage.errors.Unavailable."""

    def named(self, calling: str, address: str) -> Peer | None:
        """The peer that calls itself so from that address; None where the registry knows none."""

    def note_refusal(self, refusal: Refusal) -> None:
        """Count an association that was refused."""


def identify(
    peers: Peers, settings: RouterSettings, calling: str, called: str, address: str, shown: Shown | None
) -> Peer:
    """The peer behind a calling AE title, or Rejected (PS3.8 §9.3.4).

    `shown` is what it proved of itself over TLS, None over plain TCP. An open service takes an unknown
    peer in the name of its open trust.
    """
    try:
        peer = peers.named(calling, address)
    except Unavailable as error:
        raise Rejected(Rejection.TEMPORARY_CONGESTION, f"the registry of peers is away: {error}") from error
    titles = (peer.called_titles if peer else ()) or settings.titles
    if called not in titles:
        raise Rejected(
            Rejection.CALLED_AE_NOT_RECOGNIZED,
            f"called {called}, we are {titles[0]}: set our AE title at the peer",
            Reason.CALLED_TITLE,
        )
    if settings.open_to_all and settings.open_trust is not None:
        return peer or Peer(ae_title=calling, trust=settings.open_trust)
    if peer is None:
        raise Rejected(
            Rejection.CALLING_AE_NOT_RECOGNIZED,
            f"no peer {calling} at {address} in the registry (imx peer refused)",
            Reason.UNKNOWN_PEER,
        )
    check_proof(peer, address, shown)
    return peer


def check_proof(peer: Peer, address: str, shown: Shown | None) -> None:
    """Whether the caller has shown what the peer's entry asks for. Raises Rejected."""
    title = peer.ae_title
    if shown is None:
        if not peer.plain_allowed:
            raise Rejected(
                Rejection.NO_REASON_GIVEN,
                f"{title} speaks plain DICOM, and its entry asks for TLS: turn TLS on at the peer,"
                f" or allow it (imx peer change {title} --plain)",
                Reason.PLAIN,
            )
        return
    if peer.fingerprint is None and peer.certificate_name is None and peer.plain_allowed:
        return  # it need show nothing
    if not shown.fingerprint:
        raise Rejected(
            Rejection.NO_REASON_GIVEN,
            f"{title} shows no certificate: tls.authorities makes every caller show one",
            Reason.CERTIFICATE,
        )
    if peer.fingerprint is not None:
        if shown.fingerprint != peer.fingerprint:
            raise Rejected(
                Rejection.NO_REASON_GIVEN,
                f"{title} shows another certificate than its entry names: if it was renewed,"
                f" imx peer change {title} --fingerprint {shown.fingerprint}",
                Reason.CERTIFICATE,
            )
        return
    expected = {peer.certificate_name} if peer.certificate_name else {peer.host, title, address}
    if not shown.names & {name.lower() for name in expected if name}:
        raise Rejected(
            Rejection.NO_REASON_GIVEN,
            f"{title} shows a certificate of {', '.join(sorted(shown.names)) or 'no name'}, not of"
            f" {peer.certificate_name or 'its host or AE title'}: if it is its own,"
            f" imx peer change {title} --fingerprint {shown.fingerprint}",
            Reason.CERTIFICATE,
        )


def actor_for(peer: Peer, settings: RouterSettings) -> Actor:
    """The peer as the policy knows it."""
    actor = Actor(
        kind=ActorKind.PEER,
        name=peer.ae_title,
        trust=peer.trust.ods_code,
        may_store=peer.may_store,
        may_read=peer.may_read,
        issuer="" if peer.trust is settings.open_trust else peer.issuer,
        accession_issuer="" if peer.trust is settings.open_trust else peer.trust.issuer,
        may_commit=peer.may_commit,
        may_query_worklist=peer.may_query_worklist,
        may_perform=peer.may_perform,
    )
    return replace(actor, is_open=True) if settings.open_to_all else actor
