"""What leaves for a destination: which bytes, under which corrections, and that it left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_router.deliveries.claims import Claimed
from dicom_router.outgoing import leaving_for
from dicom_router.reading import Reading
from exchange.audit import Detail, Look
from exchange.destinations import Entry
from exchange.policy import Action, Actor, ActorKind, Purpose, Subject, may
from exchange.registry import PostgresRegistry
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.leaving import Leaving, Way
from storage.syntaxes import NATIVE


@dataclass(frozen=True, slots=True)
class Loading:
    """Reads what is to be sent. Raises IndexUnavailable."""

    reading: Reading
    registry: PostgresRegistry

    def leaving(self, entry: Entry, claimed: Sequence[Claimed], ids: Sequence[int]) -> list[Leaving]:
        """Those of these instances that may be read, study by study; recorded as shown to the destination."""
        if not ids:
            return []
        looks = [_look(entry, each) for each in claimed]
        self.reading.wait_for(self.reading.audit.record_all(looks))
        archive = self.reading.archive
        stored = self.reading.wait_for(archive.stored_by_id(ids))
        wishes = {each.study_uid: each.transfer_syntax for each in claimed}
        return [
            replace(each, way=way_for(each.stored.transfer_syntax, wishes.get(each.stored.study_uid)))
            for each in leaving_for(self.reading, stored, entry.trust, self.registry.trusts)
        ]


#: What a delivery may ask to be sent in, and how a native or a compressed object comes to it.
WISHES: Mapping[str, tuple[Way, Way]] = {
    EXPLICIT_LITTLE: (Way.EXPLICIT, Way.DECODED),
    IMPLICIT_LITTLE: (Way.IMPLICIT, Way.DECODED_IMPLICIT),
}


def way_for(stored_syntax: str, wish: str | None) -> Way:
    """How an instance leaves where its delivery asks for a syntax. Nothing is compressed anew."""
    if wish is None or wish == stored_syntax or wish not in WISHES:
        return Way.AS_STORED
    native, compressed = WISHES[wish]
    return native if stored_syntax in NATIVE else compressed


def _look(entry: Entry, claimed: Claimed) -> Look:
    actor = Actor(ActorKind.PEER, entry.name, entry.trust.ods_code, is_destination=True)
    decision = may(actor, Action.BE_SENT, Purpose.TREATMENT, Subject(claimed.study_uid))
    detail: Detail = {"delivery": claimed.id, "because": claimed.because}
    return Look(actor, entry.address, Action.BE_SENT, Purpose.TREATMENT, decision, claimed.study_uid, detail)
