"""`imx export`: Part 10 files as they are kept, bit for bit, into a folder."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from psycopg_pool import ConnectionPool
from rich.console import Console
from rich.markup import escape

from exchange.policy import Action
from imx.commands.console_audit import note_at_console
from imx.commands.options import Question
from imx.commands.progress import progress_bar
from imx.database import open_database
from imx.errors import CommandFailed
from imx.wiring import staged_objects
from storage.driver_errors import mapped_errors
from storage.errors import ArchiveError
from storage.file_names import as_name
from storage.objects import ObjectStore

#: Rows that are fetched at once.
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance that is to be exported."""

    id: int
    study_uid: str
    series_uid: str
    instance_uid: str
    key: str
    size: int
    data_offset: int
    digest: bytes

    @property
    def file(self) -> Path:
        """STUDY/SERIES/INSTANCE.dcm."""
        return Path(as_name(self.study_uid), as_name(self.series_uid), f"{as_name(self.instance_uid)}.dcm")


def export_command(
    folder: Annotated[Path, typer.Argument(help="Where to put the files.", file_okay=False)],
    given: Question,
    study: Annotated[
        list[str] | None, typer.Option(help="A Study Instance UID. Otherwise every study.")
    ] = None,
) -> None:
    """Write instances as Part 10 files, with the data set as it was received. Start it again to go on.

    Ends with status 0 when every instance is there and intact.
    """
    settings = given.settings()
    written = there = 0
    damaged: list[Wanted] = []
    with open_database(settings) as pool, progress_bar() as bar:
        objects = staged_objects(settings, pool)
        studies = study or all_studies(pool)
        task = bar.add_task("exporting", total=count_of(pool, studies))
        for uid in studies:
            note_at_console(pool, Action.RETRIEVE, uid, {"by": "imx export"})
            for wanted in wanted_of(pool, uid):
                try:
                    is_new = export_one(objects, wanted, folder)
                except ArchiveError as error:
                    damaged.append(wanted)
                    bar.console.print(f"{escape(wanted.instance_uid)}: {escape(str(error))}", soft_wrap=True)
                else:
                    written, there = written + is_new, there + (not is_new)
                bar.advance(task)
    if given.as_json:
        missing = [wanted.instance_uid for wanted in damaged]
        json.dump({"written": written, "there_before": there, "not_exported": missing}, sys.stdout)
        sys.stdout.write("\n")
    else:
        Console(stderr=True).print(f"{written} written, {there} there before, {len(damaged)} not exported")
    if damaged or (study and not written + there):
        raise typer.Exit(1)


def all_studies(pool: ConnectionPool) -> list[str]:
    with mapped_errors(), pool.connection() as connection:
        return [uid for (uid,) in connection.execute("select uid from study order by id")]


def count_of(pool: ConnectionPool, studies: Sequence[str]) -> int:
    with mapped_errors(), pool.connection() as connection:
        row = connection.execute(
            "select coalesce(sum(instances_in(r.id)), 0) from study s join series r on r.study_id = s.id"
            " where s.uid = any(%s)",
            [list(studies)],
        ).fetchone()
    return int(row[0]) if row else 0


def wanted_of(pool: ConnectionPool, study_uid: str) -> Iterator[Wanted]:
    """A study's instances, a page at a time."""
    last = 0
    while True:
        with mapped_errors(), pool.connection() as connection:
            rows = connection.execute(
                "select n.id, s.uid, r.uid, n.uid, o.key, o.size, o.data_offset, o.digest"
                " from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id"
                " join object o on o.id = n.object_id where s.uid = %s and n.id > %s and not n.hidden"
                " order by n.id limit %s",
                [study_uid, last, PAGE],
            ).fetchall()
        if not rows:
            return
        for row in rows:
            yield Wanted(*row)
        last = rows[-1][0]


def export_one(objects: ObjectStore, wanted: Wanted, folder: Path) -> bool:
    """Write one file; false when it is there. A file under its own name is always whole."""
    target = folder / wanted.file
    if target.is_file() and target.stat().st_size == wanted.size:
        return False
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, seen = hashlib.sha256(), 0
        with part.open("wb") as file:
            for chunk in objects.read(wanted.key):
                file.write(chunk)
                digest.update(chunk[max(wanted.data_offset - seen, 0) :])
                seen += len(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.digest() != wanted.digest:
            raise DamagedObject(wanted.key)
        part.replace(target)
    except OSError as error:
        raise CommandFailed(f"cannot write {target}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return True


class DamagedObject(ArchiveError):
    """The bytes are not those that were received: nothing is exported in their name."""

    def __init__(self, key: str) -> None:
        super().__init__(f"object {key} differs from its digest (imx verify)")
