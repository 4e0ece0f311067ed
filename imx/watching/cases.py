"""Whose a file of the watched folder is: by the JSON beside it, or by the barcode in its name."""

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exchange.orders import PostgresOrders
from imx.cases import case_beside
from imx.watching.folder import Unit
from ologies.case import Case, read_case
from ologies.confined import alone
from ologies.errors import BadCase, OlogyError
from ologies.merging import merged
from ologies.slides.wrapping import label_of
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
            case = merged(case, self._ordered(unit.file))
        if beside in unit.others:
            case = merged(case, read_case(beside))
        if case.person.patient_id() is None:
            raise NotYet(f"nobody says whose it is: a case has to come beside it, as {beside.name}")
        return case

    def _ordered(self, path: Path) -> Case:
        """By its name, else by the barcodes of a slide's label, which are read in a process of their own."""
        if (found := self._known(numbers_in(path.name))) is not None:
            return found
        label = alone(partial(label_of, path), path)
        texts = () if isinstance(label, OlogyError) else label
        for text in texts:
            if (found := self._known(numbers_in(text))) is not None:
                return found
        raise NotYet("no order is known by the number in its name, or by its label")

    def _known(self, numbers: tuple[str, ...]) -> Case | None:
        for number in numbers:
            if self.orders.called(number, self.issuer):
                try:
                    return ordered_case(self.orders, number, self.issuer)
                except BadCase as error:
                    raise NotYet(str(error)) from error
        return None


def numbers_in(text: str) -> tuple[str, ...]:
    """What a name or a barcode may mean, such as S26-1234;A;1 or S26-1234_2.svs: all, or its beginning."""
    whole = Path(text).stem if Path(text).suffix else text
    return tuple(dict.fromkeys(each for each in (text, whole, re.split(r"[;^_ .]", text)[0]) if each))
