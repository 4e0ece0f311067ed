"""`imx originals`: the files of which DICOM was made, and one of them back."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from psycopg_pool import ConnectionPool

from exchange.policy import Action
from imx.commands.console_audit import note_at_console
from imx.commands.group import Group
from imx.commands.options import Question
from imx.commands.printing import print_one, print_rows
from imx.database import open_database
from imx.errors import CommandFailed
from imx.settings import Settings
from imx.wiring import staged_objects
from storage.originals import HeldOriginal, Originals
from viewer_api.originals import as_json as row_of

commands = Group(
    "Files of which DICOM was made, kept beside it: they hold names and positions that it does not."
)


@contextmanager
def originals_of(settings: Settings) -> Iterator[tuple[Originals, ConnectionPool]]:
    """Those of the set-up that the options name."""
    with open_database(settings) as pool:
        yield Originals(staged_objects(settings, pool), pool), pool


@commands.command("list")
def list_originals(
    given: Question,
    study: Annotated[str, typer.Option(help="Of this Study Instance UID. Otherwise the last ones.")] = "",
    limit: Annotated[int, typer.Option(help="How many at most, the last ones first.", min=1)] = 100,
) -> None:
    """What is kept beside studies: what each file was, and who had it kept."""
    with originals_of(given.settings()) as (originals, pool):
        note_at_console(pool, Action.HAVE_ORIGINAL, study or None, {"by": "imx originals list"})
        found = originals.of_study(study) if study else originals.listed(limit=limit)
    rows = [row_of(each) for each in found]
    shown = ("number", "name", "size", "kept_by", "kept_at", "study")
    print_rows(
        rows if given.as_json else [{name: row[name] for name in shown} for row in rows], given.as_json
    )


@commands.command("get")
def get_original(
    number: Annotated[int, typer.Argument(help="Its number, as `imx originals list` prints it.", min=1)],
    out: Annotated[Path, typer.Option(help="The file to write. It must not be there yet.", dir_okay=False)],
    given: Question,
) -> None:
    """Write an original, byte for byte as it came."""
    with originals_of(given.settings()) as (originals, pool):
        held = originals.original(number)
        note_at_console(pool, Action.HAVE_ORIGINAL, held.study_uid, {"original": held.id})
        _write(originals, held, out)
    print_one({**row_of(held), "written": str(out)}, given.as_json)


def _write(originals: Originals, held: HeldOriginal, out: Path) -> None:
    """A file under its own name is always whole, and what came. Raises CommandFailed."""
    if out.exists():
        raise CommandFailed(f"{out} is there already: name another file")
    part = out.with_name(f".{out.name}.part")
    digest = hashlib.sha256()
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            for chunk in originals.read(held):
                file.write(chunk)
                digest.update(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.digest() != held.digest:
            raise CommandFailed(f"original {held.id} differs from its digest (imx verify)")
        part.replace(out)
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
