"""Instances as they leave for a peer: corrected, its numbers those of the peer's trust, or plainly not."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from dicom_router.reading import Reading
from exchange.outgoing import (
    ACCESSION,
    ISSUER_OF_ACCESSION,
    ISSUER_OF_PATIENT_ID,
    OTHER_PATIENT_IDS,
    PATIENT_ID,
    QUALIFIERS,
    RETIRED_OTHER_PATIENT_IDS,
    Journey,
    foreign_identity,
)
from exchange.trusts import Trust
from storage.archive import Whose
from storage.corrections import Correction, correct_json
from storage.leaving import Leaving
from storage.stored import Stored

Corrections = tuple[Correction, ...]

_IDENTIFIERS = (
    PATIENT_ID, ISSUER_OF_PATIENT_ID, QUALIFIERS, OTHER_PATIENT_IDS, RETIRED_OTHER_PATIENT_IDS,
    ACCESSION, ISSUER_OF_ACCESSION,
)  # fmt: skip


def leaving_for(
    reading: Reading,
    instances: Sequence[Stored],
    receiver: Trust | None,
    trusts: Callable[[], Collection[Trust]],
) -> list[Leaving]:
    """The instances with the corrections in force, and with those of a journey to another trust.

    Without a receiver there is no journey. `trusts` are all that we know; asked only where something is
    another's. Raises Unavailable.
    """
    archive = reading.archive
    corrections: dict[int, Corrections] = dict(reading.wait_for(archive.corrections_of(instances)))
    foreign: Sequence[Stored] = ()
    if receiver is not None:
        foreign = reading.wait_for(archive.owned_by_others(instances, receiver.ods_code))
    if receiver is not None and foreign:
        journeys = _Journeys(receiver, trusts())
        for page in reading.each(archive.whose(foreign)):
            for each in page:
                corrections[each.id] = journeys.corrections(each, corrections.get(each.id, ()))
    return [Leaving(each, corrections.get(each.id, ())) for each in instances]


class _Journeys:
    """To one trust. Instances that say the same of patient and order share what changes."""

    def __init__(self, receiver: Trust, trusts: Collection[Trust]) -> None:
        self._receiver = receiver
        self._by_code = {each.ods_code: each for each in trusts}
        self._at = datetime.now(UTC)
        self._known: dict[tuple[str, ...], Correction | None] = {}

    def corrections(self, whose: Whose, in_force: Corrections) -> Corrections:
        """Those in force, and on top what the journey changes."""
        members = correct_json(whose.members, in_force, with_originals=False)
        key = whose.trust, *(repr(members.get(tag)) for tag in _IDENTIFIERS)
        if key not in self._known:
            journey = Journey(self._owner(whose.trust), self._receiver, list(self._by_code.values()))
            self._known[key] = foreign_identity(members, journey, self._at)
        last = self._known[key]
        return in_force if last is None else (*in_force, last)

    def _owner(self, ods_code: str) -> Trust:
        """One that was taken out of the registry still owns what it sent."""
        gone = Trust(ods_code, name=ods_code, issuer=ods_code)
        return self._by_code.setdefault(ods_code, gone)
