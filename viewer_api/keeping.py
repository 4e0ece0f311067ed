"""The one intake for what was wrapped: the command line, a watched folder, an upload and STOW keep it here.

It stands in this package because this may import both the ologies and the archive, and `imx` may import it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ologies.case import Case
from ologies.ecg.classes import ECG_CLASSES
from ologies.wrapping import BESIDE_A_SIGNAL, Wrapping
from storage.encounters import Encounters
from storage.errors import ArchiveError, Unavailable
from storage.holdings import holds_any
from storage.ingest import Door, Incoming
from storage.origin import Origin
from storage.original import Original, storable_name
from storage.originals import Originals, bytes_of
from storage.receipt import Outcome, Receipt, outcome_of
from viewer_api.joining import joined, named_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A file that somebody gave to be wrapped."""

    file: Path
    name: str  # as whoever gave it calls it
    case: Case
    by: str  # the person or account
    origin: Origin


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a file whose conversion had ended well."""

    outcome: Outcome  # of all of it: its original, and every object that was made of it
    because: str = ""
    receipts: tuple[Receipt, ...] = ()  # of its objects, in their order, up to the first that was not kept


@dataclass(frozen=True, slots=True)
class Keeping:
    """Keeps a file's original first, then each object through the one door."""

    door: Door
    originals: Originals

    def join(self, case: Case) -> Case:
        """Before a file is wrapped: its case, with the study that its encounter makes. Raises as `joined`."""
        return joined(case, Encounters(self.originals.pool))

    def keep(self, wrapping: Wrapping, given: Given) -> Kept:
        """All of it, or what was kept up to the first object that was not.

        The conversion has ended, so nothing half wrapped comes here. To try the same file again, after a
        person has decided or a process has died, adds what is missing and changes nothing else. Raises
        Unavailable: then to go on would fail for every file.
        """
        if wrapping.is_paper_of_an_ecg(given.case) and holds_any(
            self.originals.pool, wrapping.study_uid, ECG_CLASSES
        ):
            return Kept(Outcome.REFUSED, BESIDE_A_SIGNAL)
        originals = set()
        for file, digest, name in (
            (given.file, wrapping.digest, given.name),
            *((each.path, each.digest, each.path.name) for each in wrapping.beside),
        ):
            original = replace(original_of(wrapping, given), name=storable_name(name))
            try:
                originals.add(self.originals.keep(original, bytes_of(file), digest, given.origin))
            except Unavailable:
                raise
            except ArchiveError as error:
                return Kept(outcome_of(error), str(error))
        receipts: list[Receipt] = []
        for wrapped in wrapping.objects:
            incoming = Incoming(wrapped.sop_class_uid, wrapped.sop_instance_uid, wrapped.transfer_syntax_uid)
            try:
                receipt = self.door.accept(incoming, wrapped.data_set(), given.origin)
            except Unavailable:
                raise
            except ArchiveError as error:
                receipt = Receipt(outcome_of(error), wrapped.sop_instance_uid, str(error))
            receipts.append(receipt)
            if not receipt.outcome.is_kept:
                which = f"object {len(receipts)} of {len(wrapping.objects)}: {receipt.because}"
                return Kept(receipt.outcome, which, tuple(receipts))
        outcomes = {*originals, *(each.outcome for each in receipts)}
        is_new = outcomes != {Outcome.ALREADY_KEPT}
        return Kept(Outcome.KEPT if is_new else Outcome.ALREADY_KEPT, "", tuple(receipts))


def original_of(wrapping: Wrapping, given: Given) -> Original:
    """What is written down of a file beside its bytes."""
    objects = wrapping.objects
    return Original(
        kind=wrapping.kind.value,
        name=storable_name(given.name),
        kept_by=given.by,
        study_uid=wrapping.study_uid,
        series_uids=tuple(dict.fromkeys(each.series_uid for each in objects)),
        instance_uids=tuple(each.sop_instance_uid for each in objects),
        named=named_by(given.case),
    )
