"""`imx trust`: the organisations that own what their peers send."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated

import typer

from exchange.entries import trust_said
from exchange.people.person import NumberStatus
from exchange.registry import PostgresRegistry, Trust
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_one, print_rows
from imx.database import open_database
from imx.settings import Settings

trusts = Group("The organisations that own what their peers send.")

OdsCode = Annotated[str, typer.Argument(help="Its ODS code, such as RBT.")]


@contextmanager
def registry(settings: Settings) -> Iterator[PostgresRegistry]:
    """The registry of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresRegistry(pool)


@trusts.command("add")
def add_trust(
    ods_code: OdsCode,
    name: Annotated[str, typer.Argument(help="Its name.")],
    given: Decision,
    issuer: Annotated[
        str, typer.Option(help="Namespace of its bare identifiers. Otherwise the ODS code.")
    ] = "",
    place: Annotated[str, typer.Option(help="The place it belongs to.")] = "",
    nhs_number_status: Annotated[
        str,
        typer.Option(
            help="Of NHS numbers that its systems send without a status: 01 if it traces every one."
        ),
    ] = "",
    number_system: Annotated[
        str | None,
        typer.Option(
            help="URI by which others know its patients' numbers over FHIR; '' for one made of the issuer."
        ),
    ] = None,
) -> None:
    """Add a trust, or change its entry."""
    code = _code(ods_code)
    with registry(given.settings()) as known:
        before = {each.ods_code: each for each in known.trusts()}.get(code)
        successor = before.successor if before else None
        status = nhs_number_status or (before.nhs_number_status if before else NumberStatus.NOT_TRACED.value)
        system = number_system if number_system is not None else before.number_system if before else ""
        namespace = issuer or (before.issuer if before else code)
        trust = Trust(code, name, namespace, place, successor, status, system)
        known.add_trust(trust, given.who())
    print_rows([trust_said(trust)], given.as_json)


@trusts.command("list")
def list_trusts(given: Question) -> None:
    """Every trust we know."""
    with registry(given.settings()) as known:
        found = known.trusts()
    print_rows([trust_said(trust) for trust in found], given.as_json)


@trusts.command("show")
def show_trust(ods_code: OdsCode, given: Question) -> None:
    """One trust, and its peers."""
    code = _code(ods_code)
    with registry(given.settings()) as known:
        trust = known.trust(code)
        peers = [each.ae_title for each in known.peers() if each.trust.ods_code == code]
    print_one({**trust_said(trust), "peers": peers}, given.as_json)


@trusts.command("merge")
def merge_trust(
    ods_code: OdsCode,
    into: Annotated[str, typer.Argument(help="ODS code of the trust that takes over.")],
    given: Decision,
) -> None:
    """A trust was merged into another, which owns its studies from now on. INTO itself: undo that.

    Its identifiers stay in their own namespace: each of the two had a "123456".
    """
    code, successor = _code(ods_code), _code(into)
    with registry(given.settings()) as known:
        trust = replace(known.trust(code), successor=None if successor == code else successor)
        known.add_trust(trust, given.who())
    print_rows([trust_said(trust)], given.as_json)


@trusts.command("remove")
def remove_trust(ods_code: OdsCode, given: Decision) -> None:
    """Forget a trust that has no peers and owns nothing."""
    code = _code(ods_code)
    with registry(given.settings()) as known:
        trust = known.trust(code)
        known.remove_trust(code, given.who())
    print_rows([trust_said(trust)], given.as_json)


def _code(text: str) -> str:
    return text.strip().upper()
