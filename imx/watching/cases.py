"""Whose a file of the watched folder is: by the JSON beside it, or by the barcode in its name."""

from dataclasses import dataclass, field
from pathlib import Path

from exchange.orders import PostgresOrders
from imx.cases import case_beside
from imx.watching.folder import Unit
from ologies.case import Case, read_case
from ologies.errors import BadCase, OlogyError
from ologies.merging import merged
from viewer_api.ordered_cases import ordered_case


class NotYet(OlogyError):
    """Nobody has said yet whose it is."""


@dataclass(frozen=True, slots=True)
class Cases:
    """How the case of a file is found: FILE.json beside it, the order that its name holds, what all share."""

    orders: PostgresOrders
    issuer: str  # of the numbers in names
    shared: Case = field(default_factory=Case)
    by_barcode: bool = False

    def of(self, unit: Unit) -> Case:
        """Raises NotYet, BadCase and Unavailable."""
        case = self.shared
        beside = case_beside(unit.file)
        if self.by_barcode:
            case = merged(case, self._ordered(unit.file.name))
        if beside in unit.others:
            case = merged(case, read_case(beside))
        if case.person.patient_id() is None:
            raise NotYet(f"nobody says whose it is: a case has to come beside it, as {beside.name}")
        return case

    def _ordered(self, name: str) -> Case:
        """By a name such as S26-1234_1.svs: all of it, or what stands before a dot or an underscore."""
        stem = Path(name).stem
        for number in dict.fromkeys((stem, name.partition(".")[0], stem.partition("_")[0])):
            if self.orders.called(number, self.issuer):
                try:
                    return ordered_case(self.orders, number, self.issuer)
                except BadCase as error:
                    raise NotYet(str(error)) from error
        raise NotYet("no order is known by the number in its name")
