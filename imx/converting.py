"""The part of the worker that makes DICOM of uploads: from their pieces, through the specialties, kept.

What is converted runs in processes of its own with limits (ologies.confined). Whatever ends in between is
begun again from the pieces, and comes to the same objects.
"""

import errno
import multiprocessing
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog
from psycopg_pool import ConnectionPool
from pydantic import ValidationError

from imx.scratch import scratch_folder
from ologies.case import Case
from ologies.confined import Done, Job, wrap_all
from ologies.errors import Asked, Damaged, OlogyError
from ologies.errors import NoRoom as NoScratchRoom
from ologies.recognition import recognise
from ologies.wrapping import Wrapping
from storage.conversions import RENEW_EVERY_S, SMALL_BYTES, Claim, Claimed, Conversions, Lane, Made
from storage.errors import ArchiveError, NoRoom, NotHeld, ObjectsUnavailable, Unavailable
from storage.objects import ObjectStore
from storage.origin import Origin
from storage.upload import Piece, State
from storage.upload_pieces import pieces_of
from viewer_api.keeping import Given, Keeping

log = structlog.get_logger()

#: Each in a thread: a folder of photographs does not wait behind a slide.
LANES = (
    Lane("small uploads", largest=SMALL_BYTES, most=50, together=4 * SMALL_BYTES),
    Lane("large uploads", least=SMALL_BYTES + 1),
)

#: A conversion may take so many times the file's length on the scratch disk.
_SCRATCH_TIMES = 3
_LOOK_S = 0.25

#: As the door that an instance came through is called (storage.origin).
CALLED = "/uploads"


@dataclass(frozen=True, kw_only=True)
class Converting:
    """One lane of a worker."""

    lane: Lane
    conversions: Conversions
    keeping: Keeping
    pool: ConnectionPool
    objects: ObjectStore
    scratch: Path  # in which a folder is made, and removed
    watermark_bytes: int  # that stay free there
    stop: threading.Event

    def run(self) -> None:
        """Whatever waits. Raises Unavailable, once what was claimed waits again."""
        self.conversions.recover()
        while not self.stop.is_set():
            claim = self.conversions.claim(self.lane)
            if not claim.uploads:
                return
            left = list(claim.uploads)
            try:
                self._convert(claim, left)
            except Unavailable:
                self.conversions.wait(claim, left)
                raise
            self.conversions.wait(claim, left, after_s=0)  # we are to stop

    def _convert(self, claim: Claim, left: list[Claimed]) -> None:
        """Each that has ended is taken out of `left`. Raises Unavailable."""
        with _as_no_room(), scratch_folder(self.scratch) as folder:
            self._require_room(sum(upload.length for upload in claim.uploads))
            with self._tending(claim, folder):
                jobs: dict[Path, Claimed] = {}
                cases: dict[Path, Case] = {}
                companions: dict[Path, UUID] = {}
                for upload in claim.uploads:
                    path = folder / str(upload.id) / (upload.path or "file")
                    try:
                        case = Case.model_validate(upload.of_case)
                        self._gather(upload.id, upload.length, path)
                        companions |= self._gather_beside(upload, folder / str(upload.id))
                        case = self.keeping.join(case)
                    except (ValidationError, NotHeld) as error:
                        self._end(claim, upload, _unconvertible(error), left)
                    except OlogyError as error:
                        self._end(claim, upload, self._made(upload, Done(Job(path, case), error)), left)
                    else:
                        jobs[path] = upload
                        cases[path] = case
                for done in wrap_all((Job(path, cases[path]) for path in jobs), folder):
                    if self.stop.is_set():
                        return
                    upload = jobs[done.job.path]
                    made = self._made(upload, done)
                    self._end(claim, upload, made, left)
                    if isinstance(done.outcome, Wrapping) and made.state is State.KEPT:
                        beside = companions.keys() & {each.path for each in done.outcome.beside}
                        self.conversions.end_beside([companions[each] for each in beside], made)

    def _gather(self, number: UUID, length: int, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            gather(self.objects, pieces_of(self.pool, number), length, path)
        except (FileExistsError, NotADirectoryError) as error:
            raise Damaged("two of the files that were sent together have one name") from error

    def _gather_beside(self, upload: Claimed, folder: Path) -> dict[Path, UUID]:
        """What was sent with it, where it lay beside it. Raises Unavailable until all of that is here."""
        found = self.conversions.beside(upload)
        if not all(each.is_whole for each in found):
            raise Unavailable("files that belong to it are still on their way")
        self._require_room(sum(each.length for each in found))
        for each in found:
            self._gather(each.id, each.length, folder / each.path)
        return {folder / each.path: each.id for each in found}

    def _made(self, upload: Claimed, done: Done) -> Made:
        """Kept, or why not. Raises Unavailable."""
        match done.outcome:
            case Wrapping() as wrapping:
                return self._kept(wrapping, upload, done.job)
            case NoScratchRoom() as error:
                raise NoRoom(str(error)) from error
            case Asked() as error:
                return Made(
                    State.ASKED,
                    kind=kind_of(done.job.path),
                    because=str(error),
                    missing=error.missing,
                    contradicted=error.contradicted,
                )
            case error:
                return Made(State.REFUSED, kind=kind_of(done.job.path), because=str(error))

    def _kept(self, wrapping: Wrapping, upload: Claimed, job: Job) -> Made:
        origin = Origin(
            peer=upload.actor,
            trust=upload.trust,
            issuer=upload.issuer,
            address=upload.address,
            called=CALLED,
            received_at=datetime.now(UTC),
        )
        given = Given(file=job.path, name=upload.name, case=job.case, by=upload.actor, origin=origin)
        kept = self.keeping.keep(wrapping, given)
        return Made(
            State.KEPT if kept.outcome.is_kept else State.REFUSED,
            kind=wrapping.kind.value,
            because=kept.because,
            study=wrapping.study_uid,
            instances=tuple(each.sop_instance_uid for each in wrapping.objects),
            notes=wrapping.notes,
        )

    def _end(self, claim: Claim, upload: Claimed, made: Made, left: list[Claimed]) -> None:
        if self.conversions.end(claim, upload, made):
            log.info("upload.ended", upload=str(upload.id), state=made.state.value, kind=made.kind)
        left.remove(upload)

    def _require_room(self, length: int) -> None:
        if shutil.disk_usage(self.scratch).free < _SCRATCH_TIMES * length + self.watermark_bytes:
            raise NoRoom("the scratch folder has no room for what is to be converted")

    @contextmanager
    def _tending(self, claim: Claim, folder: Path) -> Iterator[None]:
        """The claim is renewed until the block ends; once we are to stop, what converts is ended."""
        is_over = threading.Event()

        def tend() -> None:
            waited_s = 0.0
            while not is_over.wait(_LOOK_S):
                if self.stop.is_set():
                    for child in multiprocessing.active_children():
                        child.kill()
                waited_s += _LOOK_S
                if waited_s >= RENEW_EVERY_S:
                    waited_s = 0.0
                    with suppress(ArchiveError):  # the next one may succeed
                        self.conversions.renew(claim, written_below(folder))

        tending = threading.Thread(target=tend, name=f"tending {self.lane.name}", daemon=True)
        tending.start()
        try:
            yield
        finally:
            is_over.set()
            tending.join()


def gather(objects: ObjectStore, pieces: Sequence[Piece], length: int, path: Path) -> None:
    """The file again, of its pieces. Raises NotHeld where some are gone, Unavailable, OSError."""
    with path.open("xb") as file:
        for piece in pieces:
            for chunk in objects.read(piece.key):
                file.write(chunk)
        if file.tell() != length:
            raise NotHeld("all bytes of an upload")


def kind_of(path: Path) -> str:
    """What people call such a file; "" where nothing here understands it."""
    try:
        return recognise(path).value
    except OlogyError:
        return ""


def written_below(folder: Path) -> int:
    """Bytes of what was made so far (ologies.confined)."""
    size = 0
    for path in folder.glob(".wrapping-*/**/*"):
        with suppress(OSError):  # moved, or removed meanwhile
            size += path.stat().st_size if path.is_file() else 0
    return size


def _unconvertible(error: ValidationError | NotHeld) -> Made:
    if isinstance(error, NotHeld):
        return Made(State.REFUSED, because="some of its bytes are lost: upload it again")
    return Made(State.ASKED, because="the case cannot be read: fill it in again")


@contextmanager
def _as_no_room() -> Iterator[None]:
    """What the disk under the scratch folder refuses is no file's fault."""
    try:
        yield
    except OSError as error:
        raise ObjectsUnavailable(
            f"the scratch folder fails: {errno.errorcode.get(error.errno or 0)}"
        ) from error
