"""Reading a table of a rule file: each key once, with its kind, and every fault with its line."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dicom_router.rules.lines import Where, line_of
from storage.errors import BadInput

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong with a rule file."""

    line: int  # from one
    because: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.because}"


class RulesWrong(BadInput):
    """A rule file that changes nothing."""

    def __init__(self, faults: Collection[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("; ".join(map(str, self.faults)))


@dataclass(slots=True)
class Page:
    """One rule file while it is read."""

    lines: Mapping[Where, int]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, where: Where, because: str) -> None:
        """Something is wrong at this key."""
        self.faults.append(Fault(line_of(self.lines, where), because))


class Table:
    """One table of it. What is not read is unknown, and a fault."""

    def __init__(self, page: Page, where: Where, values: Mapping[str, Any]) -> None:
        self.page = page
        self.where = where
        self._left = dict(values)

    def fault(self, because: str, key: str | None = None) -> None:
        """Something is wrong with the table, or with one key of it."""
        self.page.fault(self.where if key is None else (*self.where, key), because)

    def has(self, key: str) -> bool:
        """It is there and was not read yet."""
        return key in self._left

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.fault(f"{key} has to be a text", key)
        return None

    def required(self, key: str) -> str:
        """A text that has to be there; "" where it is not."""
        if key not in self._left:
            self.fault(f"{key} is missing")
            return ""
        return self.text(key) or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A text, or a list of them."""
        value = self._left.pop(key, ())
        several = value if isinstance(value, list) else [value] if value != () else []
        if value != () and not (several and all(isinstance(each, str) for each in several)):
            self.fault(f"{key} has to be a text, or a list of texts", key)
            return ()
        return tuple(each.strip() for each in several)

    def number(self, key: str, least: int = 1, most: int = 10**9) -> int | None:
        """A whole number."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(f"{key} has to be a whole number from {least:,} to {most:,}", key)
        return None

    def flag(self, key: str) -> bool:
        """True or false; false where it is not there."""
        value = self._left.pop(key, False)
        if isinstance(value, bool):
            return value
        self.fault(f"{key} has to be true or false", key)
        return False

    def any(self, key: str) -> Any:
        """Whatever it is; None where it is not there."""
        return self._left.pop(key, None)

    def table(self, key: str) -> "Table | None":
        """A table within."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if isinstance(value, dict):
            return Table(self.page, (*self.where, key), value)
        self.fault(f"{key} has to be a table", key)
        return None

    def tables(self, key: str, *, text_as: str | None = None) -> Iterator["Table"]:
        """One table or several; a mere text is short for a table with only the key `text_as`."""
        value = self._left.pop(key, None)
        if value is None:
            return
        several = value if isinstance(value, list) else [value]
        if not several:
            self.fault(f"{key} is empty", key)
        for place, each in enumerate(several):
            where: Where = (*self.where, key, place) if isinstance(value, list) else (*self.where, key)
            if isinstance(each, str) and text_as is not None:
                each = {text_as: each}
            if isinstance(each, dict):
                yield Table(self.page, where, each)
            else:
                self.page.fault(where, f"{key} has to be a table, or a list of tables")

    def left(self) -> list[str]:
        """Those that were not read yet."""
        return list(self._left)

    def read(self, key: str, text: str, parse: Callable[[str], Read]) -> Read | None:
        """What a text of it means; its fault where it means nothing."""
        try:
            return parse(text)
        except (BadInput, ValueError) as error:
            self.fault(f"{key}: {error}", key)
            return None

    def end(self) -> None:
        """Whatever was not read is unknown."""
        for key in self._left:
            self.fault(f"{key} is no key that is known here", key)
