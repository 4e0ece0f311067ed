"""`imx send`: send DICOM files to a peer by C-STORE."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydicom.uid import UID
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dicom_router.tls.client import TlsClient
from dicom_router.tls.profile import TlsSettingsWrong
from imx.destination import BadDestination, Destination
from imx.named_files import files_in
from imx.part10 import NotPart10, Part10, head_of
from imx.scu import Sent, send


def send_command(
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.", exists=True)],
    to: Annotated[str, typer.Option(help="Where to: AET@host:port.")],
    calling: Annotated[str, typer.Option("--from", help="The AE title to send as.")] = "IMX_SEND",
    tls: Annotated[bool, typer.Option("--tls", help="Over TLS (1.2 or 1.3).")] = False,
    ca: Annotated[Path | None, typer.Option(help="Who to trust, as PEM. Otherwise the system's own.")] = None,
    cert: Annotated[Path | None, typer.Option(help="Our certificate, as PEM, where the peer asks.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, as PEM.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a file, on standard output.")
    ] = False,
) -> None:
    """Send DICOM files to a peer by C-STORE, each as it is and once. Folders are searched.

    Ends with status 0 when the peer answered success or a warning for every one.
    """
    try:
        destination = Destination.parse(to)
    except BadDestination as error:
        raise typer.BadParameter(str(error), param_hint="--to") from error
    if not 0 < len(calling.strip()) <= 16 or "\\" in calling:
        raise typer.BadParameter("an AE title has 1 to 16 characters, and no backslash", param_hint="--from")
    client = tls_client(ca, cert, key) if tls else None
    ready, unreadable = sort_out(files)
    console = Console(stderr=True)
    sent: list[Sent] = []
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task(f"to {escape(str(destination))}", total=len(ready))
        for one in send(ready, destination, calling.strip(), client):
            sent.append(one)
            progress.advance(task)
    if as_json:
        for line in as_json_lines(sent, unreadable):
            sys.stdout.write(line + "\n")
    else:
        report(console, destination, sent, unreadable)
    if unreadable or not all(one.is_kept for one in sent):
        raise typer.Exit(1)


def sort_out(paths: Sequence[Path]) -> tuple[list[tuple[Path, Part10]], list[tuple[Path, str]]]:
    """The files that can be sent, and those that cannot, with the reason."""
    ready: list[tuple[Path, Part10]] = []
    unreadable: list[tuple[Path, str]] = []
    for path in files_in(paths):
        try:
            ready.append((path, head_of(path)))
        except NotPart10 as error:
            unreadable.append((path, str(error)))
    return ready, unreadable


def tls_client(ca: Path | None, cert: Path | None, key: Path | None) -> TlsClient:
    """TLS 1.2 or 1.3 with a verified peer (PS3.15 §B.12). What is wrong with a file is said at once."""
    client = TlsClient(certificate=cert, key=key or cert, authorities=ca)
    try:
        client.context(is_pinned=False)
    except TlsSettingsWrong as error:
        raise typer.BadParameter(str(error), param_hint="--ca/--cert") from error
    return client


def as_json_lines(sent: Sequence[Sent], unreadable: Sequence[tuple[Path, str]]) -> list[str]:
    """What became of each file, one JSON object a line."""
    lines = [
        {
            "file": str(one.path),
            "sopInstanceUID": one.head.sop_instance_uid,
            "status": None if one.status is None else f"0x{one.status:04X}",
            "kept": one.is_kept,
            "meaning": one.meaning,
            "sha256": one.digest or None,
        }
        for one in sent
    ]
    lines += [{"file": str(path), "status": None, "kept": False, "meaning": why} for path, why in unreadable]
    return [json.dumps(line, ensure_ascii=False) for line in lines]


def report(
    console: Console, to: Destination, sent: Sequence[Sent], unreadable: Sequence[tuple[Path, str]]
) -> None:
    """What was kept, in one line; then a table of what was not, and of warnings."""
    kept = sum(one.is_kept for one in sent)
    console.print(f"{kept} of {len(sent) + len(unreadable)} files kept by {escape(str(to))}")
    table = odd_ones(sent, unreadable)
    if table.row_count:
        console.print(table)


def odd_ones(sent: Sequence[Sent], unreadable: Sequence[tuple[Path, str]]) -> Table:
    """What was not a plain success, a row for each status and meaning: a folder fails in few ways."""
    rows: dict[tuple[str, str], list[tuple[Path, str]]] = {}
    for one in sent:
        if one.status != 0:
            status = "none" if one.status is None else f"0x{one.status:04X}"
            rows.setdefault((status, one.meaning), []).append((one.path, kind_of(one.head)))
    for path, why in unreadable:
        rows.setdefault(("not sent", why), []).append((path, ""))
    table = Table("status", "meaning", "kind", title="Not a plain success", title_justify="left")
    table.add_column("file", overflow="fold")
    for (status, meaning), files in rows.items():
        path, kind = files[0]
        kinds = len({each for _, each in files})
        table.add_row(
            status,
            escape(meaning),
            kind if kinds == 1 else f"{kinds} kinds",
            escape(str(path))
            + (f"\nand {len(files) - 1:,} more (--json lists them)" if len(files) > 1 else ""),
        )
    return table


def kind_of(head: Part10) -> str:
    """SOP class and transfer syntax by name, where the standard names them."""
    return f"{UID(head.sop_class_uid).name}, {UID(head.transfer_syntax_uid).name}"
