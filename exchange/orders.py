"""The orders of every trust, in the database: what was said last of each, whatever order it came in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from exchange.order import ORDERS, Order, Said, Status, uid_for
from storage.driver_errors import mapped_errors
from storage.errors import NotHeld


class NoSuchOrder(NotHeld):
    """No order by that number."""

    def __init__(self, trust: str, number: str) -> None:
        super().__init__(f"order {number} of {trust}")


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says of one order: a message, or a person over the API."""

    order: Order
    status: Status | None  # None: it does not say
    said: Said
    is_content: bool = True  # False: only its status counts, and its number


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one order."""

    order: Order
    is_content: bool
    content_said: Said
    status: Status
    status_said: Said


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as it stands."""

    id: int
    order: Order
    status: Status  # as the modality says, where it has begun; else as the sender says
    is_content: bool
    placed_by: str
    created_at: datetime
    done_steps: frozenset[str] = frozenset()  # IDs of those of its steps that a modality has performed

    def as_json(self) -> dict[str, Any]:
        """For the API and `--json`."""
        content: dict[str, Any] = ORDERS.dump_python(self.order, mode="json")
        return {**content, "status": self.status.value, "placed_by": self.placed_by}


class Which(Enum):
    """Which orders a list shows."""

    OPEN = "open"
    ALL = "all"


def merged(before: Kept | None, told: Told) -> Kept:
    """What is known once something more was told. Pure; it comes to the same end in whatever order.

    Content and status are two registers, and each keeps what was said last. Content of an order beats what
    a cancellation repeats of it.
    """
    if before is None:
        status = told.status or Status.SCHEDULED
        status_said = told.said if told.status else Said(_NEVER, "")
        return Kept(told.order, told.is_content, told.said, status, status_said)
    kept = before
    if (told.is_content, told.said.order) > (before.is_content, before.content_said.order):
        kept = replace(kept, order=told.order, is_content=told.is_content, content_said=told.said)
    if told.status is not None and told.said.order > before.status_said.order:
        kept = replace(kept, status=told.status, status_said=told.said)
    return kept


_NEVER = datetime.min.replace(tzinfo=UTC)


def completed(order: Order, issuer: str) -> Order:
    """An order whose bare identifiers have their trust's issuer, and that has a Study Instance UID and IDs
    for itself and its steps (type 1 in PS3.4 Table K.6-1): always the same ones."""
    requested = order.requested_id or _short(order.accession or order.number)
    steps = tuple(
        replace(step, id=step.id or _short(f"{requested}.{at}", tail=f".{at}"))
        for at, step in enumerate(order.steps, 1)
    )
    return replace(
        order,
        patient=replace(order.patient, issuer=order.patient.issuer or issuer),
        accession_issuer=order.accession_issuer or issuer,
        study_uid=order.study_uid or uid_for(order.trust, order.number),
        requested_id=requested,
        steps=steps,
    )


def _short(text: str, tail: str = "") -> str:
    """As an SH: at most 16 characters (PS3.5 §6.2)."""
    return text if len(text) <= 16 else text[: 16 - len(tail)] + tail


def take(connection: Connection[Any], told: Told, placed_by: str) -> list[int]:
    """Keep what was told, in the caller's transaction; the orders it was of.

    Those of one trust are told one after another, so that two messages about one order never miss
    each other.
    """
    trust = told.order.trust
    connection.execute("select pg_advisory_xact_lock(hashtextextended('orders of ' || %s, 0))", (trust,))
    row = connection.execute("select issuer from trust where ods_code = %s", (trust,)).fetchone()
    told = replace(told, order=completed(told.order, row[0] if row else trust))
    found = _called(connection, told.order)
    if not found:
        return [_insert(connection, merged(None, told), placed_by)]
    if told.order.filler and len(found) > 1:
        found = [each for each in found if each[1].order.number == told.order.number] or found[:1]
    for order_id, before in found:
        _update(connection, order_id, merged(before, _about(told, before.order)))
    return [order_id for order_id, _ in found]


def _about(told: Told, known: Order) -> Told:
    """What names the placer's number alone is said of the order that fills it, which keeps its own."""
    if told.order.filler or not known.filler:
        return told
    return replace(told, order=replace(told.order, number=known.number, filler=known.filler))


def _called(connection: Connection[Any], order: Order) -> list[tuple[int, Kept]]:
    """Those that these numbers mean: the filler's; or the placer's, where one side knows no filler's."""
    rows = (
        connection.cursor(row_factory=dict_row)
        .execute(
            f"select {ORDER_COLUMNS} from imaging_order where trust = %(trust)s and (number = %(number)s"
            " or (filler <> '' and filler = %(filler)s)"
            " or (placer <> '' and placer = %(placer)s and (filler = '' or %(filler)s = '')))"
            " order by id for update",
            {
                "trust": order.trust, "number": order.number, "filler": order.filler,
                "placer": order.placer,
            },
        )
        .fetchall()
    )  # fmt: skip
    return [(row["id"], _kept(row)) for row in rows]


#: What `placed` reads.
ORDER_COLUMNS = (
    "id, content, is_content, content_at, content_by, status, status_at, status_by, performed, done_steps,"
    " placed_by, created_at"
)
_VALUES = (
    "trust", "number", "placer", "filler", "accession", "accession_issuer", "study_uid", "patient_id",
    "issuer", "birth_date", "first_date", "last_date", "shared_with", "content", "is_content", "content_at",
    "content_by", "status", "status_at", "status_by",
)  # fmt: skip


def _values(kept: Kept) -> list[object]:
    order = kept.order
    days: list[str | None] = [*sorted(step.date for step in order.steps)] or [None]
    return [
        order.trust, order.number, order.placer, order.filler, order.accession, order.accession_issuer,
        order.study_uid, order.patient.identifier, order.patient.issuer, order.patient.birth_date, days[0],
        days[-1], sorted(order.shared_with), Jsonb(ORDERS.dump_python(order, mode="json")), kept.is_content,
        kept.content_said.at, kept.content_said.by, kept.status.value, kept.status_said.at,
        kept.status_said.by,
    ]  # fmt: skip


def _insert(connection: Connection[Any], kept: Kept, placed_by: str) -> int:
    marks = ", ".join(["%s"] * (len(_VALUES) + 1))
    row = connection.execute(
        f"insert into imaging_order ({', '.join(_VALUES)}, placed_by) values ({marks}) returning id",
        [*_values(kept), placed_by],
    ).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def _update(connection: Connection[Any], order_id: int, kept: Kept) -> None:
    settings = ", ".join(f"{name} = %s" for name in _VALUES)
    connection.execute(
        f"update imaging_order set {settings}, is_considered = false where id = %s",
        [*_values(kept), order_id],
    )


def _kept(row: Mapping[str, Any]) -> Kept:
    return Kept(
        ORDERS.validate_python(row["content"]),
        row["is_content"],
        Said(row["content_at"], row["content_by"]),
        Status(row["status"]),
        Said(row["status_at"], row["status_by"]),
    )


def placed(row: Mapping[str, Any]) -> Placed:
    """An order of a row with the columns of ORDER_COLUMNS."""
    kept = _kept(row)
    status = kept.status
    if row["performed"] is not None and status.is_open:
        status = Status(row["performed"])
    return Placed(
        row["id"], kept.order, status, kept.is_content, row["placed_by"], row["created_at"],
        frozenset(row["done_steps"]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PostgresOrders:
    """Orders, for the worklist and for people."""

    pool: ConnectionPool

    def tell(self, told: Told, placed_by: str) -> Placed:
        """Keep what was told; durable when this returns."""
        with mapped_errors(), self.pool.connection() as connection:
            numbers = take(connection, told, placed_by)
            row = (
                connection.cursor(row_factory=dict_row)
                .execute(f"select {ORDER_COLUMNS} from imaging_order where id = %s", (numbers[0],))
                .fetchone()
            )
        assert row is not None
        return placed(row)

    def cancel(self, trust: str, number: str, said: Said) -> Placed:
        """It is not to be done. Raises NoSuchOrder."""
        before = self.order(trust, number)
        return self.tell(Told(before.order, Status.CANCELLED, said, is_content=False), before.placed_by)

    def order(self, trust: str, number: str) -> Placed:
        """By its number. Raises NoSuchOrder."""
        for each in self._some("trust = %s and number = %s", [trust, number]):
            return each
        raise NoSuchOrder(trust, number)

    def called(self, text: str, issuer: str = "") -> list[Placed]:
        """Those of which this is a number: accession, placer's, filler's, a specimen's or container's.

        `issuer` is whose number it is; "" is anybody's.
        """
        return list(self._some(_CALLED, [text, issuer, issuer, *[text] * 3, text, issuer, issuer], _PAGE))

    def answered_by(self, order_id: int) -> list[str]:
        """Studies that are tied to an order."""
        with mapped_errors(), self.pool.connection() as connection:
            rows = connection.execute(
                "select study_uid from order_tie where order_id = %s and state = 'tied' order by id",
                (order_id,),
            )
            return [uid for (uid,) in rows.fetchall()]

    def orders(
        self, trust: str | None = None, which: Which = Which.OPEN, limit: int = 1000
    ) -> Sequence[Placed]:
        """The newest last; of one trust, or of all."""
        condition = "true" if trust is None else "trust = %s"
        if which is Which.OPEN:
            condition += f" and {_OPEN}"
        values = [] if trust is None else [trust]
        newest = f"id in (select id from imaging_order where {condition} order by id desc limit {int(limit)})"
        return list(self._some(newest, values))

    def scheduled(self, trust: str, first: str | None, last: str | None) -> Iterator[Placed]:
        """Those that a worklist of this trust shows, with a step on one of these days, in pages."""
        condition = f"(trust = %s or %s = any(shared_with)) and {_OPEN} and is_content"
        values: list[object] = [trust, trust]
        if first is not None:
            condition, values = f"{condition} and last_date >= %s", [*values, first]
        if last is not None:
            condition, values = f"{condition} and first_date <= %s", [*values, last]
        place = 0
        while page := list(self._some(f"{condition} and id > %s", [*values, place], limit=_PAGE)):
            yield from page
            place = page[-1].id

    def _some(self, condition: str, values: Sequence[object], limit: int | None = None) -> Iterator[Placed]:
        with mapped_errors(), self.pool.connection() as connection:
            rows = (
                connection.cursor(row_factory=dict_row)
                .execute(
                    f"select {ORDER_COLUMNS} from imaging_order where {condition} order by id"
                    + ("" if limit is None else f" limit {int(limit)}"),
                    list(values),
                )
                .fetchall()
            )
        return (placed(row) for row in rows)


_PAGE = 200
_CALLED = """
    is_content and (accession <> '' and accession = %s and (%s = '' or accession_issuer = %s)
        or (number = %s or placer = %s or filler = %s
                or content -> 'specimens' <> '[]' and content -> 'specimens' ? %s)
            and (%s = '' or trust in (select ods_code from trust where issuer = %s)))
"""
_OPEN = "status in ('scheduled', 'in progress') and coalesce(performed, 'in progress') in ('in progress')"
