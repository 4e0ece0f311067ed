"""What `imx wrap` needs a database for: to keep what it makes, and to complete a case by an order."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from exchange.orders import PostgresOrders
from exchange.registry import PostgresRegistry, Trust
from imx.cases import Refused, changed
from imx.commands.options import who
from imx.commands.wrap_slides import annotated
from imx.database import open_database
from imx.errors import CommandFailed
from imx.settings import Settings
from imx.wiring import build_keeping, open_reading
from ologies.case import Case
from ologies.confined import Job
from ologies.errors import BadCase
from ologies.merging import merged
from ologies.wrapping import Wrapping
from storage.origin import Origin
from viewer_api.keeping import Given, Keeping
from viewer_api.ordered_cases import ordered_case

#: The name that is kept as the sender of what was wrapped here.
SENDER = "WRAP"


def prepared(
    jobs: Iterable[Job],
    stack: ExitStack,
    settings_of: Callable[[], Settings],
    *,
    trust: str | None,
    order: str,
    slide: str | None,
) -> tuple[list[Job], list[Refused], "Kept | None"]:
    """Jobs with cases as complete as orders and what is kept make them, those that are refused for it, and
    with a trust how to keep what becomes of them. What is opened ends with the stack.
    """
    reading = kept = owner = None
    jobs, refused = list(jobs), list[Refused]()
    if order or trust is not None:
        settings = settings_of()
        pool = stack.enter_context(open_database(settings))
    if trust is not None:
        owner = PostgresRegistry(pool).trust(trust.strip().upper())
        kept = Kept(build_keeping(settings, pool), owner)
        reading = open_reading(settings, pool)
        stack.callback(reading.close)
    if order:
        number, _, issuer = order.rpartition("@") if "@" in order else (order, "", "")
        ordered = _ordered(PostgresOrders(pool), number, issuer or (owner.issuer if owner else ""))
        jobs, apart = changed(jobs, partial(merged, ordered))
        refused += apart
    jobs, apart = annotated(jobs, slide, reading)
    refused += apart
    if kept is not None:
        jobs, apart = changed(jobs, kept.keeping.join)
        refused += apart
    return jobs, refused, kept


@dataclass(frozen=True, slots=True)
class Kept:
    """Through the one intake for what was wrapped (viewer_api.keeping)."""

    keeping: Keeping
    owner: Trust

    def __call__(self, wrapping: Wrapping, job: Job) -> dict[str, Any]:
        """Raises Unavailable: to go on would fail for every file."""
        origin = Origin(
            peer=SENDER,
            trust=self.owner.ods_code,
            issuer=self.owner.issuer,
            address="local",
            called="wrap",
            received_at=datetime.now(UTC),
        )
        given = Given(file=job.path, name=job.path.name, case=job.case, by=who(), origin=origin)
        kept = self.keeping.keep(wrapping, given)
        return {"outcome": kept.outcome.value, "is_done": kept.outcome.is_kept, "because": kept.because}


def _ordered(orders: PostgresOrders, number: str, issuer: str) -> Case:
    try:
        return ordered_case(orders, number, issuer)
    except BadCase as error:
        raise CommandFailed(str(error)) from error
