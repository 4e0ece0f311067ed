"""What leaves for a destination: which bytes, under which corrections, and that it left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dicom_router.deliveries.claims import Claimed
from dicom_router.outgoing import leaving_for
from dicom_router.reading import Reading
from exchange.audit import Detail, Look
from exchange.destinations import Entry
from exchange.policy import Action, Actor, ActorKind, Purpose, Subject, may
from exchange.registry import PostgresRegistry
from storage.errors import Unencodable, Unreadable
from storage.frames import Form
from storage.leaving import Leaving
from storage.stored import Stored
from storage.syntaxes import NATIVE
from storage.transcoding import can_transcode_instance, described


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
            replace(each, wanted=self._syntax_for(each.stored, wishes.get(each.stored.study_uid)))
            for each in leaving_for(self.reading, stored, entry.trust, self.registry.trusts)
        ]

    def _syntax_for(self, stored: Stored, wish: str | None) -> str | None:
        """In what an instance leaves where its delivery asks for a syntax; None: as it is stored.

        What has no room in that syntax (a video, floating point numbers, single bits) goes as it is stored
        rather than not at all.
        """
        if wish is None or not can_transcode_instance(stored.transfer_syntax, wish):
            return None
        if wish in NATIVE or stored.frame_form == Form.NONE:
            return wish
        try:
            pixel = self.reading.wait_for(self.reading.archive.image_pixel(stored))
            described(pixel, stored.transfer_syntax, wish)
        except (Unencodable, Unreadable):
            return None
        return wish


def _look(entry: Entry, claimed: Claimed) -> Look:
    actor = Actor(ActorKind.PEER, entry.name, entry.trust.ods_code, is_destination=True)
    decision = may(actor, Action.BE_SENT, Purpose.TREATMENT, Subject(claimed.study_uid))
    detail: Detail = {"delivery": claimed.id, "because": claimed.because}
    return Look(actor, entry.address, Action.BE_SENT, Purpose.TREATMENT, decision, claimed.study_uid, detail)
