"""Whole files of the watched folder, wrapped, kept and moved away. Killed anywhere, it goes on from there."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from exchange.registry import Trust
from imx.scratch import scratch_folder
from imx.watching.cases import Cases, NotYet
from imx.watching.folder import DONE, FAILED, Unit, WatchedFolder, belonging, look_at, ready, units
from imx.watching.sightings import Look, Sightings, is_being_written
from ologies.confined import Done, Job, wrap_all
from ologies.errors import Damaged, NoRoom, NotUnderstood, OlogyError
from ologies.wrapping import Wrapping
from storage.errors import ArchiveError, Unavailable
from storage.origin import Origin
from viewer_api.keeping import Given, Keeping

log = structlog.get_logger()

#: The name that is kept as the sender of what came through a watched folder.
SENDER = "WATCH"
KEPT_BY = "watched folder"

#: Between two looks at the folder.
POLL_S = 2.0

#: The same, where a part of the service is away.
AWAY_S = 30.0

#: What more bytes, a case or an order might yet mend is no failure before it has been quiet for so long.
PATIENCE_S = 600.0


@dataclass
class Watch:
    """One folder, and what is known of the files that lie in it."""

    folder: WatchedFolder
    cases: Cases
    keeping: Keeping
    owner: Trust
    scratch: Path
    quiet_s: float
    stop: threading.Event
    poll_s: float = POLL_S
    patience_s: float = PATIENCE_S
    _sightings: Sightings = field(default_factory=Sightings, init=False)
    _tried: dict[Path, tuple[dict[Path, Look], bool]] = field(default_factory=dict, init=False)
    _alone: dict[Path, tuple[Look, tuple[Path, ...] | None]] = field(default_factory=dict, init=False)

    def run(self) -> None:
        """Until we are to stop. What is away is tried again."""
        pause_s = 0.0
        while not self.stop.wait(pause_s):
            pause_s = self.poll_s
            try:
                self.folder.finish_moves()
                self.look(time.monotonic())
            except ArchiveError as error:
                log.warning("watch.later", error=type(error).__name__)
                pause_s = AWAY_S
            except OSError as error:
                log.warning("watch.away", errno=error.errno)

    def look(self, now: float) -> None:
        """One round. Raises Unavailable, and OSError where the folder is away."""
        looks = self.folder.looks()
        self._sightings.note(looks, now)
        self._tried = {path: tried for path, tried in self._tried.items() if path in looks}
        self._alone = {path: known for path, known in self._alone.items() if path in looks}
        due = [each for each in units(looks, self._belonging_to) if self._is_due(each, looks, now)]
        tries: dict[Path, tuple[Unit, dict[Path, Look]]] = {}
        jobs = []
        for unit in due:
            seen = {path: looks[path] for path in unit.files}
            try:
                jobs.append(Job(unit.file, self.keeping.join(self.cases.of(unit))))
                tries[unit.file] = unit, seen
            except OlogyError as error:
                self._refused(unit, seen, error, now)
        if jobs:
            with scratch_folder(self.scratch) as scratch:
                for done in wrap_all(jobs, scratch):
                    self._end(*tries[done.job.path], done, now)
                    if self.stop.is_set():
                        return

    def _is_due(self, unit: Unit, looks: dict[Path, Look], now: float) -> bool:
        """Whole, and not tried as it is; or tried, and now is the last time."""
        if any(path not in looks for path in unit.files):
            return False
        quiet_s = min(self._sightings.quiet_s(path, now) for path in unit.files)
        is_whole = looks[unit.file].size > 0 and (quiet_s >= self.quiet_s or ready(unit.file) in unit.others)
        if not is_whole or any(map(is_being_written, unit.files)):
            return False
        seen, was_last = self._tried.get(unit.file, ({}, False))
        if seen != {path: looks[path] for path in unit.files}:
            return True
        return not was_last and quiet_s >= self.patience_s

    def _end(self, unit: Unit, seen: dict[Path, Look], done: Done, now: float) -> None:
        """Raises Unavailable: then nothing has happened, and it is tried again."""
        match done.outcome:
            case Wrapping() as wrapping:
                origin = Origin(
                    SENDER, self.owner.ods_code, self.owner.issuer, "local", "watch", datetime.now(UTC)
                )
                given = Given(
                    file=unit.file, name=unit.file.name, case=done.job.case, by=KEPT_BY, origin=origin
                )
                kept = self.keeping.keep(wrapping, given)
                if kept.outcome.is_kept:
                    self._put_away(unit, seen, None)
                    log.info("watch.kept", kind=wrapping.kind.value, outcome=kept.outcome.value)
                else:
                    self._put_away(unit, seen, kept.because)
                    log.warning("watch.failed", kind=wrapping.kind.value, outcome=kept.outcome.value)
            case NoRoom() as error:
                raise Unavailable(str(error)) from error
            case error:
                self._refused(unit, seen, error, now)

    def _refused(self, unit: Unit, seen: dict[Path, Look], error: OlogyError, now: float) -> None:
        is_last = self._sightings.quiet_s(unit.file, now) >= self.patience_s
        if is_last or not isinstance(error, Damaged | NotUnderstood | NotYet):
            self._put_away(unit, seen, str(error))
            log.warning("watch.failed", because=type(error).__name__)
        else:
            self._tried[unit.file] = seen, False
            log.info("watch.waits", because=type(error).__name__)

    def _put_away(self, unit: Unit, seen: dict[Path, Look], because: str | None) -> None:
        """Unless it changed since it was looked at: then it is tried again."""
        self._tried[unit.file] = seen, True
        try:
            if all(look_at(path) == look for path, look in seen.items()):
                self.folder.say(unit.file, because)
                self.folder.move(DONE if because is None else FAILED, seen)
        except FileNotFoundError:
            return  # somebody took it
        except OSError as error:
            log.error("watch.cannot_move", errno=error.errno)

    def _belonging_to(self, path: Path) -> tuple[Path, ...] | None:
        """Asked once of a file that stands alone; each time of one whose others may yet come."""
        look = self._sightings.look(path)
        known = self._alone.get(path)
        if known is not None and known[0] == look:
            return known[1]
        try:
            others = belonging(path)
        except Damaged:
            return ()
        if not others:
            self._alone[path] = look, others
        return others
