"""`imx trust` and `imx peer`: who we know."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exchange.peers import is_ae_title
from exchange.registry import DuplicatePolicy, Peer, PostgresRegistry, Trust
from imx.database import open_database
from imx.options import ConfigOption, DataOption, JsonOption, settings_from
from imx.settings import Settings

trusts = typer.Typer(help="The organisations that own what their peers send.", no_args_is_help=True)
peers = typer.Typer(help="The DICOM application entities we know.", no_args_is_help=True)


def print_rows(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """A table for people, or a list of objects for programs."""
    if as_json:
        json.dump(rows, sys.stdout, indent=2, ensure_ascii=False, default=str)
        sys.stdout.write("\n")
        return
    if not rows:
        Console(stderr=True).print("none")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]), box=None)
    for row in rows:
        table.add_row(*(escape("" if value is None else str(value)) for value in row.values()))
    Console().print(table)


@contextmanager
def registry(settings: Settings) -> Iterator[PostgresRegistry]:
    """The registry of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresRegistry(pool)


@trusts.command("add")
def add_trust(
    ods_code: Annotated[str, typer.Argument(help="Its ODS code, such as RBT.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    issuer: Annotated[
        str, typer.Option(help="Namespace of its bare identifiers. Otherwise the ODS code.")
    ] = "",
    place: Annotated[str, typer.Option(help="The place it belongs to.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a trust, or change its entry."""
    code = ods_code.strip().upper()
    if not code.isalnum():
        raise typer.BadParameter("an ODS code is letters and digits", param_hint="ODS_CODE")
    with registry(settings_from(data, config)) as known:
        known.add_trust(Trust(ods_code=code, name=name, issuer=issuer or code, place=place))
    sys.stdout.write(f"trust {code}: {name}\n")


@trusts.command("list")
def list_trusts(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every trust we know."""
    with registry(settings_from(data, config)) as known:
        found = known.trusts()
    print_rows(
        [{"ods_code": t.ods_code, "name": t.name, "issuer": t.issuer, "place": t.place} for t in found],
        as_json,
    )


@peers.command("add")
def add_peer(
    ae_title: Annotated[str, typer.Argument(help="Its AE title.")],
    trust: Annotated[str, typer.Option(help="ODS code of the trust it belongs to.")],
    host: Annotated[str | None, typer.Option(help="The address it must come from. Otherwise any.")] = None,
    port: Annotated[int | None, typer.Option(help="Where it listens, if it does.", min=1, max=65535)] = None,
    store: Annotated[bool, typer.Option(help="May it send instances?")] = True,
    read: Annotated[bool, typer.Option(help="May it search and retrieve?")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="It may call without TLS.")] = False,
    duplicates: Annotated[
        DuplicatePolicy, typer.Option(help="What becomes of the same UID with other content.")
    ] = DuplicatePolicy.REFUSE,
    associations: Annotated[int | None, typer.Option(help="At most so many at one time.", min=1)] = None,
    private_class: Annotated[
        list[str] | None, typer.Option(help="A private storage SOP class it may send.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a peer, or change its entry."""
    title = ae_title.strip()
    if not is_ae_title(title):
        raise typer.BadParameter(
            "an AE title has 1 to 16 ASCII characters, no backslash", param_hint="AE_TITLE"
        )
    with registry(settings_from(data, config)) as known:
        entry = Peer(
            ae_title=title,
            trust=known.trust(trust.strip().upper()),
            host=host,
            port=port,
            may_store=store,
            may_read=read,
            plain_allowed=plain,
            duplicates=duplicates,
            association_limit=associations,
            private_sop_classes=tuple(private_class or ()),
        )
        known.add_peer(entry)
    sys.stdout.write(f"peer {title} of {entry.trust.name}\n")


@peers.command("list")
def list_peers(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Every peer we know, and what it may do."""
    with registry(settings_from(data, config)) as known:
        found = known.peers()
    rows = [
        {
            "ae_title": peer.ae_title,
            "trust": peer.trust.ods_code,
            "host": peer.host,
            "port": peer.port,
            "store": peer.may_store,
            "read": peer.may_read,
            "plain": peer.plain_allowed,
            "duplicates": peer.duplicates.value,
            "associations": peer.association_limit,
            "private_classes": list(peer.private_sop_classes)
            if as_json
            else ", ".join(peer.private_sop_classes),
        }
        for peer in found
    ]
    print_rows(rows, as_json)
