"""What can be said to `imx pull`, and what it means."""

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from dicom_router.pulling.credentials import Credentials
from dicom_router.pulling.pace import Hours, Limits
from dicom_router.pulling.window import Window
from imx.commands.pull_run import Terms
from imx.settings import Size
from imx.values import convert

CREDENTIALS_VARIABLE = "IMX_PULL_CREDENTIALS"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date, such as 2024-01-31") from error


def _hours(text: str) -> Hours:
    try:
        return Hours.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _size(text: str) -> int:
    try:
        return int(convert(text, Size))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


RecentOption = Annotated[
    int, typer.Option("--recent-days", help="Of how many days a mirror lists the studies again.", min=1)
]


NameOption = Annotated[
    str, typer.Option("--name", help="The name to keep as their sender; a peer's, where it is one.")
]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Which studies are brought in, how fast, and whether again and again."""

    first: Annotated[
        date | None, typer.Option("--from", help="The first study date.", parser=_day, metavar="DATE")
    ] = None
    last: Annotated[
        date | None, typer.Option("--to", help="The last study date.", parser=_day, metavar="DATE")
    ] = None
    studies_per_minute: Annotated[
        float | None, typer.Option("--studies-per-minute", help="At most so many.", min=0.01)
    ] = None
    bytes_per_s: Annotated[
        int | None,
        typer.Option("--bytes-per-s", help='At most so many, such as "20 MB".', parser=_size, metavar="SIZE"),
    ] = None
    hours: Annotated[
        Hours | None,
        typer.Option(
            help="Only within these hours of the day, such as 19:00-07:00.", parser=_hours, metavar="HOURS"
        ),
    ] = None
    mirror: Annotated[
        float | None,
        typer.Option("--mirror", help="Look for what is new every so many minutes, until stopped.", min=0.01),
    ] = None

    @property
    def window(self) -> Window:
        return Window(self.first, self.last)

    def terms(self, as_json: bool, recent_days: int = 1) -> Terms:
        """Of a run."""
        limits = Limits(self.studies_per_minute, self.bytes_per_s, self.hours)
        return Terms(limits, self.mirror, recent_days, as_json)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that is asked over HTTP, and whose studies it holds."""

    trust: Annotated[str, typer.Option(help="ODS code of the trust whose they are.")]
    credentials_file: Annotated[
        Path | None,
        typer.Option(
            "--credentials-file",
            help=f'A file with USER:PASSWORD, or "Bearer TOKEN". Otherwise {CREDENTIALS_VARIABLE}.',
            dir_okay=False,
        ),
    ] = None

    def credentials(self) -> Credentials:
        """What we show it. Raises BadParameter."""
        file = self.credentials_file
        try:
            text = os.environ.get(CREDENTIALS_VARIABLE, "") if file is None else file.read_text("utf-8")
            return Credentials.parse(text)
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter("cannot be read", param_hint="--credentials-file") from error
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--credentials-file") from error


def address_from(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise typer.BadParameter("not an address such as https://pacs.example/dicom-web", param_hint="URL")
    if parts.username or parts.password or parts.query:
        raise typer.BadParameter(
            f"an address holds no credentials: use --credentials-file or {CREDENTIALS_VARIABLE}",
            param_hint="URL",
        )
    return parts.geturl().rstrip("/")
