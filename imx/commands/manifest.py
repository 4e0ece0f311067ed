"""`imx manifest`: what a study holds and how it is got, as the record fetches it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from exchange.manifests.reading import Encoding, material_for, written
from exchange.policy import Action
from exchange.registry import PostgresRegistry
from imx.commands.console_audit import note_at_console
from imx.commands.options import Question
from imx.commands.printing import print_one
from imx.database import open_database
from imx.errors import CommandFailed
from imx.wiring import here_of
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


def manifest_command(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    given: Question,
    encoding: Annotated[
        Encoding,
        typer.Option("--as", help="kos: for XDS-I.b. mado: described. fhir: the same as a FHIR document."),
    ] = Encoding.KOS,
    out: Annotated[Path | None, typer.Option(help="The file to write. Otherwise it is printed.")] = None,
) -> None:
    """Make a study's manifest, as things stand."""
    settings = given.settings()
    if out is None and encoding is not Encoding.FHIR and sys.stdout.isatty():
        raise CommandFailed("DICOM is no text: name a file with --out, or pipe it")
    here = here_of(settings)
    with open_database(settings) as pool:
        note_at_console(pool, Action.SEE_RECORD, study, {"manifest": encoding.value})
        with mapped_errors(), pool.connection() as connection:
            material = material_for(connection, study, here)
        if material is None:
            raise NotHeld(f"study {study}")
        made = written(material, encoding, {each.issuer: each for each in PostgresRegistry(pool).trusts()})
    if out is None:
        sys.stdout.buffer.write(made.body)
        return
    try:
        with out.open("xb") as file:
            file.write(made.body)
    except FileExistsError as error:
        raise CommandFailed(f"{out} is there already: name another file") from error
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written: {error.strerror}") from error
    print_one({"uid": made.uid, "media_type": made.media_type, "written": str(out)}, given.as_json)
