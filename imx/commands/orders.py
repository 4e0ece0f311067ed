"""`imx order`: what was asked for, where no HL7 message says it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from exchange.order import BadOrder, Code, Order, Patient, Priority, Said, Status, Step
from exchange.orders import Placed, PostgresOrders, Told, Which
from exchange.registry import PostgresRegistry
from exchange.ties import PostgresTies, Tie
from imx.commands.group import Group
from imx.commands.options import ByOption, Decision, Question, SetUp, who
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.errors import CommandFailed
from imx.settings import Settings

orders = Group("What was asked for, and which study answers it.")

TrustOption = Annotated[str, typer.Option(help="ODS code of the trust whose order it is.")]
NumberArgument = Annotated[str, typer.Argument(help="Its number: the filler's, else the placer's.")]


@contextmanager
def orders_of(settings: Settings) -> Iterator[PostgresOrders]:
    """The orders of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresOrders(pool)


def as_row(each: Placed) -> dict[str, Any]:
    """One line of the list. No name: the number says whom it is for to whoever may know."""
    order = each.order
    return {
        "trust": order.trust,
        "number": order.number,
        "accession": order.accession,
        "status": each.status.value,
        "modality": ", ".join(sorted({step.modality for step in order.steps})),
        "at": ", ".join(f"{step.date} {step.time[:4]}" for step in order.steps),
        "procedure": order.description,
        "placed_by": each.placed_by,
    }


def print_orders(found: list[Placed], as_json: bool) -> None:
    """A table for people, or whole orders for programs."""
    print_rows([each.as_json() if as_json else as_row(each) for each in found], as_json)


@orders.command("add")
def add(
    number: NumberArgument,
    trust: TrustOption,
    patient: Annotated[str, typer.Option(help="Patient ID.")],
    modality: Annotated[str, typer.Option(help="Such as CT.")],
    given: Decision,
    at: Annotated[
        datetime | None, typer.Option(help="When it is to be done, local time. Otherwise now.")
    ] = None,
    issuer: Annotated[str, typer.Option(help="Issuer of the Patient ID. Otherwise the trust's.")] = "",
    name: Annotated[str, typer.Option(help="Of the patient, as DICOM writes it: FAMILY^GIVEN.")] = "",
    birth_date: Annotated[str, typer.Option(help="YYYYMMDD.")] = "",
    sex: Annotated[str, typer.Option(help="M, F or O.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    study_uid: Annotated[str, typer.Option(help="Study Instance UID. Otherwise one is made.")] = "",
    station: Annotated[str, typer.Option(help="AE title of the modality that is to do it.")] = "",
    description: Annotated[str, typer.Option(help="Of the procedure.")] = "",
    code: Annotated[list[str] | None, typer.Option(help="Of the procedure: VALUE^SCHEME^MEANING.")] = None,
    priority: Annotated[Priority, typer.Option(help="How urgent it is.")] = Priority.ROUTINE,
    referring: Annotated[str, typer.Option(help="Referring physician: FAMILY^GIVEN.")] = "",
    share_with: Annotated[
        list[str] | None, typer.Option(help="ODS code of a trust whose worklists show it, too.")
    ] = None,
) -> None:
    """Add an order, or change it: what is said last stands."""
    when = at or datetime.now().astimezone()
    said_by = given.who()
    with open_database(given.settings()) as pool:
        owner = PostgresRegistry(pool).trust(trust.strip().upper())
        try:
            codes = tuple(_code(text) for text in code or ())
            order = Order(
                trust=owner.ods_code,
                number=number,
                filler=number,
                accession=accession,
                study_uid=study_uid,
                patient=Patient(
                    identifier=patient, issuer=issuer, name=name, birth_date=birth_date, sex=sex.upper()
                ),
                description=description or (codes[0].meaning if codes else ""),
                codes=codes,
                priority=priority,
                referring=referring,
                shared_with=frozenset(each.strip().upper() for each in share_with or ()),
                steps=(
                    Step(
                        modality=modality.upper(),
                        date=f"{when:%Y%m%d}",
                        time=f"{when:%H%M%S}",
                        station_ae_title=station,
                        description=description,
                        protocol=codes,
                    ),
                ),
            )
        except BadOrder as error:
            raise CommandFailed(f"the order cannot be: {error}") from error
        told = Told(order, Status.SCHEDULED, Said(datetime.now(UTC), said_by))
        found = PostgresOrders(pool).tell(told, said_by)
    print_orders([found], given.as_json)


def _code(text: str) -> Code:
    parts = text.split("^")
    if len(parts) != 3:
        raise BadOrder("code", "not VALUE^SCHEME^MEANING")
    return Code(*parts)


@orders.command("list")
def list_orders(
    given: Question,
    trust: Annotated[str, typer.Option(help="Only this trust's (ODS code).")] = "",
    show_all: Annotated[bool, typer.Option("--all", help="Those that are done or cancelled, too.")] = False,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 100,
) -> None:
    """Orders and where they stand."""
    which = Which.ALL if show_all else Which.OPEN
    with orders_of(given.settings()) as known:
        found = known.orders(trust.strip().upper() or None, which, limit)
    print_orders(list(found), given.as_json)


@orders.command("cancel")
def cancel(number: NumberArgument, trust: TrustOption, given: Decision) -> None:
    """It is not to be done: no worklist shows it any longer."""
    said = Said(datetime.now(UTC), given.who())
    with orders_of(given.settings()) as known:
        found = known.cancel(trust.strip().upper(), number, said)
    if given.as_json:
        print_orders([found], given.as_json)
    else:
        sys.stdout.write(f"order {number} cancelled\n")


Number = Annotated[int, typer.Argument(help="Its number, as `imx order doubts` prints it.")]


def tie_row(each: Tie) -> dict[str, Any]:
    """One line of the list."""
    return {
        "number": each.id,
        "trust": each.trust,
        "order": each.number,
        "accession": each.accession,
        "study": each.study_uid,
        "state": each.state.value,
        "because": each.because,
        "at": each.at,
        "decided_by": each.decided_by,
    }


@orders.command("doubts")
def doubts(
    given: Question,
    study: Annotated[str, typer.Option(help="Everything there is of this study, by its UID.")] = "",
) -> None:
    """Studies that may answer an order: a person decides."""
    with open_database(given.settings()) as pool:
        ties = PostgresTies(pool)
        found = ties.of_study(study) if study else ties.in_doubt()
    print_rows([tie_row(each) for each in found], given.as_json)


@orders.command("tie")
def tie(number: Number, given: SetUp, by: ByOption = "") -> None:
    """The study answers the order, and takes what it knows."""
    with open_database(given.settings()) as pool:
        PostgresTies(pool).tie(number, who(by))
    sys.stdout.write(f"{number}: tied\n")


@orders.command("dismiss")
def dismiss(number: Number, given: SetUp, by: ByOption = "") -> None:
    """The study does not answer the order."""
    with open_database(given.settings()) as pool:
        PostgresTies(pool).dismiss(number, who(by))
    sys.stdout.write(f"{number}: dismissed\n")


@orders.command("untie")
def untie(number: Number, given: SetUp, by: ByOption = "") -> None:
    """The study was tied to the order, and that was wrong: it gives back what it took."""
    with open_database(given.settings()) as pool:
        PostgresTies(pool).untie(number, who(by))
    sys.stdout.write(f"{number}: untied\n")
