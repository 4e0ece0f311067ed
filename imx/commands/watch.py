"""`imx watch`: a folder that scanners write into; whole files are wrapped, kept and moved away."""

from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from imx import logs, operation, parts
from imx.commands.options import SetUp
from imx.database import open_database
from imx.errors import CommandFailed
from imx.wiring import build_watch


def watch_command(
    given: SetUp,
    folder: Annotated[
        Path | None, typer.Argument(help="The folder. Otherwise watch.folder.", file_okay=False)
    ] = None,
    trust: Annotated[str | None, typer.Option(help="ODS code of the trust whose they are.")] = None,
    case: Annotated[Path | None, typer.Option(help="What all of them share, such as the device.")] = None,
    by_barcode: Annotated[
        bool | None,
        typer.Option("--by-barcode", help="Its name, or a slide's label, holds a number of its order."),
    ] = None,
    quiet: Annotated[
        float | None, typer.Option(help="Seconds for which a whole file has looked the same. Otherwise 10.")
    ] = None,
) -> None:
    """Watch a folder until Ctrl-C or SIGTERM. imx serve does so by itself, where watch.folder is set.

    FILE.json beside a file is its case; FILE.ready says that it is whole. Files go to done/ or failed/, there
    with the reason beside them. What is failed is mended and moved back.
    """
    settings = given.settings(
        watch__folder=folder,
        watch__trust=trust,
        watch__case=case,
        watch__by_barcode=by_barcode,
        watch__quiet_s=quiet,
    )
    logs.set_up("watch")
    with open_database(settings) as pool:
        build_watch(settings, pool, Event())  # what cannot be is said now, to a person
        if settings.watch.folder is None or not settings.watch.folder.is_dir():
            raise CommandFailed(f"{settings.watch.folder} is no folder")
        with operation.answering(settings):
            parts.watch_folder(settings, pool)
