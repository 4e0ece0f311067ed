"""`imx destination`: where studies can be sent."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from exchange.destinations import ASSOCIATIONS, Entry, Kind, OnCorrection, PostgresDestinations
from exchange.registry import PostgresRegistry
from imx.commands.group import Group
from imx.commands.options import Question, SetUp
from imx.commands.printing import print_rows
from imx.database import open_database

commands = Group("Where studies can be sent.")


@commands.command("add")
def add_destination(
    name: Annotated[str, typer.Argument(help="What rules call it; of a DICOM peer its AE title.")],
    kind: Annotated[Kind, typer.Argument(help="How it is spoken to.")],
    given: SetUp,
    address: Annotated[
        str, typer.Argument(help="A URL or a folder; nothing for a DICOM peer, whose entry says it.")
    ] = "",
    trust: Annotated[str, typer.Option(help="ODS code of the trust that it belongs to.")] = "",
    account: Annotated[str, typer.Option(help="The name it knows us by; without one we show a token.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(help="The file with our token or password.", exists=True, dir_okay=False)
    ] = None,
    asked: Annotated[
        bool, typer.Option("--asked/--not-asked", help="After sending, ask it what it holds.")
    ] = False,
    associations: Annotated[
        int,
        typer.Option(help="At most so many at one time (of a DICOM peer, its entry says).", min=1, max=64),
    ] = ASSOCIATIONS,
    on_correction: Annotated[
        OnCorrection,
        typer.Option(help="What is done about its copy of a study whose patient was corrected since."),
    ] = OnCorrection.LIST,
    told_by: Annotated[
        str,
        typer.Option(
            help="The same by HL7 ADT where that can say it: a name of `imx record list`, of kind adt."
        ),
    ] = "",
) -> None:
    """Add a destination, or change its entry. A DICOM peer that can be called is one without being added."""
    with open_database(given.settings()) as pool:
        registry = PostgresRegistry(pool)
        if kind is Kind.DIMSE:
            peer = registry.destination(name)
            if address and address != name:
                raise typer.BadParameter(
                    "where a peer is, its entry says: imx peer change", param_hint="ADDRESS"
                )
            if peer is None:
                raise typer.BadParameter(
                    f"no peer {name} that can be called: imx peer add {name} --host … --port …",
                    param_hint="NAME",
                )
            owner = peer.trust
        elif not trust:
            raise typer.BadParameter("whose identifiers leave for it? Give --trust", param_hint="--trust")
        else:
            owner = registry.trust(trust.strip().upper())
        PostgresDestinations(pool).add(
            Entry(
                name=name,
                kind=kind,
                address=address or name,
                trust=owner,
                account=account,
                secret_file=secret_file.absolute() if secret_file else None,
                is_asked=asked,
                associations=associations,
                on_correction=on_correction,
                told_by=told_by,
            )
        )
    sys.stdout.write(f"destination {name} of {owner.name}\n")


@commands.command("remove")
def remove_destination(name: Annotated[str, typer.Argument(help="Its name.")], given: SetUp) -> None:
    """Remove a destination. What is ordered for it waits until it is there again, or given up."""
    with open_database(given.settings()) as pool:
        PostgresDestinations(pool).remove(name)
    sys.stdout.write(f"no destination {name} any more\n")


@commands.command("list")
def list_destinations(given: Question) -> None:
    """Every destination, DICOM peers that can be called too, and how it does."""
    with open_database(given.settings()) as pool:
        known = PostgresDestinations(pool)
        found, standing = known.entries(), known.standing()
    rows = [
        {
            "name": entry.name,
            "kind": entry.kind.value,
            "address": entry.address,
            "trust": entry.trust.ods_code,
            "asked": entry.is_asked,
            "associations": entry.associations,
            "on_correction": entry.on_correction.value,
            "told_by": entry.told_by,
            "held_back_until": standing[entry.name].held_back_until if entry.name in standing else None,
            "last_error": standing[entry.name].last_error if entry.name in standing else None,
        }
        for entry in found
    ]
    print_rows(rows, given.as_json)
