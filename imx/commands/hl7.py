"""`imx hl7`: who may send orders and say who people are by HL7 v2, and the messages that were kept aside."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import typer
from psycopg_pool import ConnectionPool

from exchange.hl7.answers import is_accepted
from exchange.hl7.feeds import SENSITIVITY_PLACE, STATUS_PLACE
from exchange.hl7.messages import PostgresMessages
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.peers import fingerprint_of
from imx import logs, operation, parts
from imx.commands.group import Group
from imx.commands.options import ByOption, Question, SetUp, who
from imx.commands.printing import print_rows
from imx.configuration import BadSettings
from imx.database import open_database
from imx.errors import CommandFailed
from imx.listening import open_listener
from imx.serve import Hl7PortOption, OpenOption
from imx.settings import Settings
from imx.wiring import hl7_desk

commands = Group("HL7 v2 (orders, people): who may send, what was kept aside.")

Network = Annotated[str, typer.Argument(help="An address, or a network such as 10.1.2.0/24.")]
Facility = Annotated[
    str, typer.Option(help="MSH-4 of its messages, where one address speaks for several trusts.")
]
Number = Annotated[int, typer.Argument(help="Its number, as `imx hl7 list` prints it.")]


@contextmanager
def pool_of(settings: Settings) -> Iterator[ConnectionPool]:
    """The database of the set-up that the options name."""
    with open_database(settings) as pool:
        yield pool


@commands.command("listen")
def listen(given: SetUp, hl7_port: Hl7PortOption = None, is_open: OpenOption = None) -> None:
    """Run one process of the HL7 door, for a cluster."""
    settings = given.settings(hl7__port=hl7_port, open=is_open)
    logs.set_up("hl7")
    if not settings.hl7.is_set:
        raise BadSettings("set hl7.port (--hl7-port) or hl7.tls_port: without one nothing listens")
    parts.migrate_soon(settings)
    ours = settings.hl7
    with ExitStack() as stack:
        stack.enter_context(operation.answering(settings))
        plain, tls = (
            stack.enter_context(open_listener(ours.host, port, key)) if port is not None else None
            for port, key in ((ours.port, "hl7.port"), (ours.tls_port, "hl7.tls_port"))
        )
        parts.run_hl7(settings, plain, tls)


@commands.command("allow")
def allow(
    network: Network,
    trust: Annotated[str, typer.Option(help="ODS code of the trust in whose name it sends.")],
    given: SetUp,
    facility: Facility = "",
    alias: Annotated[
        list[str] | None,
        typer.Option(help="An assigning authority that means the trust's own numbers, such as its PAS."),
    ] = None,
    fingerprint: Annotated[
        str, typer.Option(help="SHA-256 of its certificate: it sends over TLS and shows this one.")
    ] = "",
    status_field: Annotated[
        str, typer.Option(help="Where it says the status of an NHS number, such as PID-32 or PID-3.5.")
    ] = str(STATUS_PLACE),
    sensitivity_field: Annotated[
        str, typer.Option(help="Where it says that few may know where somebody lives.")
    ] = str(SENSITIVITY_PLACE),
) -> None:
    """Let a system send, or change its entry."""
    shows = fingerprint_of(fingerprint) or None
    code = trust.strip().upper()
    sender = Sender(network, code, facility, tuple(alias or ()), shows, status_field, sensitivity_field)
    with pool_of(given.settings()) as pool:
        PostgresSenders(pool).add(sender)
    sys.stdout.write(f"HL7 from {network} is taken in the name of {code}\n")


@commands.command("forbid")
def forbid(network: Network, given: SetUp, facility: Facility = "") -> None:
    """Take a system's entry away."""
    with pool_of(given.settings()) as pool:
        if not PostgresSenders(pool).remove(network, facility):
            raise CommandFailed(f"no entry for {network} (imx hl7 senders)")
    sys.stdout.write(f"HL7 from {network} is no longer taken\n")


@commands.command("senders")
def list_senders(given: Question) -> None:
    """Every system that may send."""
    with pool_of(given.settings()) as pool:
        found = PostgresSenders(pool).all()
    rows = [
        {
            "network": each.network,
            "facility": each.facility,
            "trust": each.trust,
            "aliases": list(each.aliases) if given.as_json else ", ".join(each.aliases),
            "fingerprint": each.fingerprint,
            "status_field": each.status_field,
            "sensitivity_field": each.sensitivity_field,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


@commands.command("list")
def list_messages(
    given: Question,
    kept_aside: Annotated[bool, typer.Option("--kept-aside", help="Only what waits for a person.")] = False,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 100,
) -> None:
    """Messages and what became of each."""
    with pool_of(given.settings()) as pool:
        messages = PostgresMessages(pool)
        found = messages.kept_aside(limit) if kept_aside else messages.all(limit)
    rows: Sequence[dict[str, Any]] = [
        {
            "number": each.id,
            "at": each.at,
            "address": each.address,
            "trust": each.trust,
            "type": each.type,
            "control_id": each.control_id,
            "answer": each.answer,
            "because": each.because,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


@commands.command("show")
def show(number: Number, given: SetUp) -> None:
    """Print a message that was kept aside, a segment a line. It holds patient data."""
    with pool_of(given.settings()) as pool:
        raw = PostgresMessages(pool).raw(number)
    sys.stdout.write(raw.decode("utf-8", "replace").replace("\r", "\n") + "\n")


@commands.command("again")
def take_again(number: Number, given: SetUp, by: ByOption = "") -> None:
    """Take a message that was kept aside as if it came now: what was wrong with it here is mended."""
    settings = given.settings()
    with pool_of(settings) as pool:
        answer = hl7_desk(settings, pool).take_again(number, who(by))
    if not is_accepted(answer):
        raise CommandFailed(f"message {number} is still refused (imx hl7 list --kept-aside says why)")
    sys.stdout.write(f"message {number} taken\n")


@commands.command("settle")
def settle(number: Number, given: SetUp, by: ByOption = "") -> None:
    """It has been dealt with: no longer show it as kept aside. It stays."""
    with pool_of(given.settings()) as pool:
        if not PostgresMessages(pool).settle(number, who(by)):
            raise CommandFailed(f"no message {number} waits (imx hl7 list --kept-aside)")
    sys.stdout.write(f"message {number} settled\n")
