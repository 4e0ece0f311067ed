"""`imx import`: the files of a folder, through the same door as everything else."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from exchange.registry import PostgresRegistry, Trust
from imx.commands.journal import Journal
from imx.commands.options import Question
from imx.commands.progress import progress_bar
from imx.database import open_database
from imx.named_files import files_in
from imx.part10 import NotPart10, head_of
from imx.wiring import build_ingest
from storage.errors import ArchiveError, Unavailable
from storage.ingest import Door, Incoming
from storage.origin import Origin

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file."""

    path: Path
    outcome: str
    is_kept: bool
    because: str = ""

    def as_line(self) -> str:
        """For programs."""
        line = {
            "file": str(self.path),
            "outcome": self.outcome,
            "kept": self.is_kept,
            "because": self.because,
        }
        return json.dumps(line, ensure_ascii=False)


def import_command(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM files, or one file.", exists=True)],
    trust: Annotated[str, typer.Option(help="ODS code of the trust whose they are.")],
    given: Question,
    peer: Annotated[str, typer.Option("--from", help="The name to keep as their sender.")] = "IMPORT",
) -> None:
    """Keep the DICOM files of a folder, as if they were sent. Start it again to go on where it stopped.

    Ends with status 0 when every file is kept.
    """
    settings = given.settings()
    counts: Counter[str] = Counter()
    is_whole = True
    console = Console(stderr=True)
    with open_database(settings) as pool, progress_bar() as bar:
        owner = PostgresRegistry(pool).trust(trust.strip().upper())
        door = build_ingest(settings, pool)
        files = list(files_in([folder]))
        task = bar.add_task(f"into {escape(owner.name)}", total=len(files))
        with Journal.of(settings.data, folder, owner.ods_code) as journal:
            for one in import_files(files, door, owner, peer, journal):
                counts[one.outcome] += 1
                is_whole = is_whole and one.is_kept
                bar.advance(task)
                if given.as_json:
                    sys.stdout.write(one.as_line() + "\n")
                elif not one.is_kept:
                    bar.console.print(escape(f"{one.path}: {one.outcome}: {one.because}"), soft_wrap=True)
    console.print(", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()) or "no files")
    if not is_whole:
        raise typer.Exit(1)


def import_files(
    files: list[Path], door: Door, owner: Trust, peer: str, journal: Journal
) -> Iterator[Imported]:
    """Each file through the door, except those that the journal knows.

    Raises Unavailable: to go on would fail for every file.
    """
    for path in files:
        if journal.has(path):
            yield Imported(path, "done before", is_kept=True)
            continue
        one = import_file(path, door, owner, peer)
        if one.is_kept:
            journal.note(path)
        yield one


def import_file(path: Path, door: Door, owner: Trust, peer: str) -> Imported:
    try:
        head = head_of(path)
    except NotPart10 as error:
        return Imported(path, "not DICOM", is_kept=False, because=str(error))
    incoming = Incoming(head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
    origin = Origin(
        peer=peer,
        trust=owner.ods_code,
        issuer=owner.issuer,
        address="local",
        called="import",
        received_at=datetime.now(UTC),
    )
    try:
        receipt = door.accept(incoming, chunks_of(path, head.data_set_at), origin)
    except Unavailable:
        raise
    except ArchiveError as error:
        return Imported(path, type(error).__name__, is_kept=False, because=str(error))
    except OSError as error:
        return Imported(
            path, "unreadable file", is_kept=False, because=error.strerror or type(error).__name__
        )
    return Imported(path, receipt.outcome.value, receipt.outcome.is_kept, receipt.because)


def chunks_of(path: Path, start: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
