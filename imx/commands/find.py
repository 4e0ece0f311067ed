"""`imx find`: search a DICOMweb service for studies."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from imx.dicomweb import DicomWeb, DicomWebError, Found, Match

#: What the table shows (PS3.18 §10.6.3.3.1): heading and attribute.
COLUMNS = (
    ("patient", "00100020"),
    ("issuer", "00100021"),
    ("name", "00100010"),
    ("born", "00100030"),
    ("date", "00080020"),
    ("modality", "00080061"),
    ("accession", "00080050"),
    ("description", "00081030"),
    ("series", "00201206"),
    ("instances", "00201208"),
    ("study", "0020000D"),
)
EXTRA = ("IssuerOfPatientID", "StudyDescription")  # asked for beyond what every search returns


def find_command(
    keys: Annotated[list[str] | None, typer.Argument(help="More keys, such as PatientName=SMITH*.")] = None,
    at: Annotated[str, typer.Option(help="The service.")] = "http://localhost:8080/dicom-web",
    patient: Annotated[str, typer.Option(help="Patient ID.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    date: Annotated[str, typer.Option(help="Study date or range, such as 20260101-20260131.")] = "",
    modality: Annotated[str, typer.Option(help="A modality in the study, such as CT.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many studies.", min=1)] = 100,
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds the token; otherwise IMX_TOKEN.", dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The service's own DICOM JSON.")] = False,
) -> None:
    """Search a DICOMweb service for studies, and print them."""
    named = {
        "PatientID": patient, "AccessionNumber": accession, "StudyDate": date, "ModalitiesInStudy": modality,
    }  # fmt: skip
    asked = [(key, value) for key, value in named.items() if value] + [_key(text) for text in keys or ()]
    console = Console(stderr=True)
    try:
        with DicomWeb(at, token_from(token_file)) as service:
            found = studies(service, asked, limit)
    except DicomWebError as error:
        console.print(escape(str(error)), style="red")
        raise typer.Exit(1) from error
    if as_json:
        json.dump(list(found.matches), sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        Console().print(table_of(found.matches))
    if found.warning:
        console.print(f"not complete: {escape(found.warning)}", style="yellow")
    elif len(found.matches) == limit:
        console.print(f"the first {limit}; there may be more (--limit)", style="yellow")


def studies(service: DicomWeb, keys: Sequence[tuple[str, str]], limit: int) -> Found:
    """Up to `limit` studies, asked for page by page since a service may give fewer at a time."""
    matches: list[Match] = []
    while True:
        page = [("limit", str(limit - len(matches))), ("offset", str(len(matches)))]
        extra = [("includefield", keyword) for keyword in EXTRA]
        found = service.search("studies", [*keys, *extra, *page])
        matches += found.matches
        if not found.matches or len(matches) >= limit:
            return Found(matches[:limit], "" if len(matches) >= limit else found.warning)


def table_of(matches: Sequence[Match]) -> Table:
    """Studies as people read them."""
    count = "1 study" if len(matches) == 1 else f"{len(matches)} studies"
    table = Table(*(heading for heading, _ in COLUMNS), caption=count, caption_justify="left")
    for match in matches:
        table.add_row(*(escape(text_of(match, tag)) for _, tag in COLUMNS))
    return table


def text_of(match: Match, tag: str) -> str:
    """The values of one attribute of the DICOM JSON model (PS3.18 §F.2), as text."""
    values = match.get(tag, {}).get("Value", [])
    shown = [value.get("Alphabetic", "") if isinstance(value, dict) else value for value in values]
    return ", ".join("" if value is None else str(value) for value in shown)


def token_from(file: Path | None) -> str:
    """The reader's token: from a file, or from IMX_TOKEN; others can see a command line."""
    if file is None:
        return os.environ.get("IMX_TOKEN", "").strip()
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter("cannot be read", param_hint="--token-file") from error


def _key(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE, such as PatientName=SMITH*")
    return name, value
