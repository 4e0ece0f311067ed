"""Three trusts with a router between them: what is sent to it, what the rules order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_router.deliveries.ordering import PostgresDeliveries
from dicom_router.rules.book import RuleBook
from dicom_router.rules.coercing import Coercing
from dicom_router.rules.held import Held, gathering, standing_of
from dicom_router.rules.routing import Routing
from exchange.registry import Peer, PostgresRegistry, Trust
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin

TRUSTS = {code: Trust(code, code, code) for code in ("RBL", "REM", "RBN")}


@dataclass
class Region:
    """An archive, its registry and its rules."""

    shelf: Shelf
    routing: Routing = field(init=False)

    def __post_init__(self) -> None:
        pool = self.shelf.pool
        registry = PostgresRegistry(pool)
        for trust in TRUSTS.values():
            registry.add_trust(trust)
        self.routing = Routing(pool, Coercing(pool, self.shelf.objects), PostgresDeliveries(pool))

    def add_peer(self, ae_title: str, trust: str = "RBL", **others: Any) -> None:
        """A workstation where it has a port, else a modality."""
        PostgresRegistry(self.shelf.pool).add_peer(Peer(ae_title, TRUSTS[trust], **others))

    def workstations(self, *ae_titles: str) -> None:
        for number, title in enumerate(ae_titles):
            self.add_peer(title, host=f"10.1.0.{number + 1}", port=104)

    def rules(self, text: str) -> None:
        RuleBook(self.shelf.pool).load(text, "a person")

    def send(self, study: str, trust: str = "RBL", peer: str = "CT1", **attributes: Any) -> Dataset:
        made = instance(StudyInstanceUID=study, **attributes)
        if "SeriesInstanceUID" not in attributes:
            made.SeriesInstanceUID = f"{study}.1"
        made.SOPInstanceUID = attributes.get("SOPInstanceUID", generate_uid())
        self.shelf.send(made, origin=origin(trust, peer=peer))
        return made

    def came(self, study: str, at: datetime) -> None:
        """All of it, at that time."""
        self.shelf.rows(
            "with c as (update change set at = %s where study_uid = %s returning 1) select count(*) from c",
            at,
            study,
        )

    def pass_by(self, seconds: float) -> None:
        """As if what has come had come that much earlier."""
        for table, columns in _MOMENTS.items():
            sets = ", ".join(f"{column} = {column} - %s * interval '1 second'" for column in columns)
            with self.shelf.pool.connection() as connection:
                connection.execute(f"update {table} set {sets}", [seconds] * len(columns))

    def run(self) -> None:
        self.routing.run()

    def orders(self) -> list[tuple[str, str]]:
        """Study and destination of every delivery, in their order."""
        return self.shelf.rows("select study_uid, destination from delivery order by id")

    def deliveries(self) -> list[Mapping[str, Any]]:
        names = ("study_uid", "destination", "round", "orders", "priority", "transfer_syntax", "because")
        rows = self.shelf.rows(f"select {', '.join(names)} from delivery order by id")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def held(self) -> Sequence[tuple[Held, str]]:
        """What waits, and for what."""
        with self.shelf.pool.connection() as connection:
            return [(each, standing_of(connection, each).because) for each in gathering(connection)]


_MOMENTS = {
    "change": ("at",),
    "object": ("received_at",),
    "routing": ("opened_at", "latest_at"),
    "delivery": ("ordered_at",),
}
