"""Whether an association is accepted: who calls, whom they call, and whether there is room."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dicom_router.errors import Rejected, Rejection
from dicom_router.negotiation import APPLICATION_CONTEXT, AssociationRequest
from dicom_router.peers import Peers, actor_for, identify
from dicom_router.rates import is_within_rate
from dicom_router.services.table import Services
from dicom_router.settings import RouterSettings
from dicom_router.slots import SlotsUnavailable, folder_of_all, folder_of_peer, take_slot
from dicom_router.tls.profile import Shown
from exchange.policy import Action, Actor, Purpose, Subject, may
from exchange.refusals import Reason
from exchange.registry import Peer
from storage.ingest import Door


@dataclass(slots=True)
class Halt:
    """How the router tells its associations to end."""

    when_idle: bool = False
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class House:
    """What every association of a router needs."""

    settings: RouterSettings
    door: Door
    peers: Peers
    services: Services
    halt: Halt = field(default_factory=Halt)


def admit(
    request: AssociationRequest, address: str, shown: Shown | None, house: House, slots: ExitStack
) -> tuple[Peer, Actor]:
    """The peer, with its places held in `slots`; or Rejected (PS3.8 §9.3.4)."""
    settings = house.settings
    if house.halt.when_idle:
        raise Rejected(Rejection.TEMPORARY_CONGESTION, "this service is stopping")
    if not request.protocol_version & 1:
        raise Rejected(
            Rejection.PROTOCOL_VERSION_NOT_SUPPORTED, "the peer speaks no version 1 of the protocol"
        )
    if request.application_context != APPLICATION_CONTEXT:
        raise Rejected(Rejection.APPLICATION_CONTEXT_NOT_SUPPORTED, "not the DICOM application context")
    peer = identify(house.peers, settings, request.calling, request.called, address, shown)
    actor = actor_for(peer, settings)
    decision = may(actor, Action.VERIFY, Purpose.OPERATIONS, Subject())
    if not decision.allowed:
        raise Rejected(Rejection.CALLING_AE_NOT_RECOGNIZED, decision.because)
    _hold_places(peer, settings, slots)
    return peer, actor


def _hold_places(peer: Peer, settings: RouterSettings, slots: ExitStack) -> None:
    own_limit = settings.associations_per_peer if peer.association_limit is None else peer.association_limit
    slots_of_peer = folder_of_peer(settings.slots_folder, peer.ae_title)
    _check_rate(peer, slots_of_peer)
    slots_of_all = folder_of_all(settings.slots_folder)
    for folder, limit, whose, reason in (
        (slots_of_peer, own_limit, f"of {peer.ae_title}", Reason.FLOOD),
        (slots_of_all, settings.association_limit, "of this service", Reason.OTHER),
    ):
        try:
            slot = take_slot(folder, limit)
        except SlotsUnavailable as error:
            raise Rejected(Rejection.TEMPORARY_CONGESTION, str(error)) from error
        if slot is None:
            because = f"all {limit} associations {whose} are in use"
            raise Rejected(Rejection.LOCAL_LIMIT_EXCEEDED, because, reason)
        slots.callback(slot.free)


def _check_rate(peer: Peer, folder: Path) -> None:
    a_minute = peer.association_rate
    if a_minute is None:
        return
    try:
        is_within = is_within_rate(folder, a_minute)
    except SlotsUnavailable as error:
        raise Rejected(Rejection.TEMPORARY_CONGESTION, str(error)) from error
    if not is_within:
        because = f"{peer.ae_title} opens more than {a_minute} associations a minute"
        raise Rejected(Rejection.LOCAL_LIMIT_EXCEEDED, because, Reason.FLOOD)
