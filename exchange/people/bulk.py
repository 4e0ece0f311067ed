"""People in a file: one line for each number that a source gave out, as CSV with a header. Pure.

It says the same as a feed does, of many at once: a first load of a trust's administration system, or an
extract of a region's master index. docs/linking.md lists the columns.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.statements import BadStatement, Merged

#: What a line may say; `number` it must, and `issuer` where the file is not of one trust alone.
COLUMNS = (
    "issuer", "number", "nhs_number", "nhs_number_status", "sensitivity", "family", "given", "prefix",
    "former_family", "birth_date", "sex", "address", "postcode", "practice", "died", "birth_order",
    "merged_into", "said_at",
)  # fmt: skip

_DATE = re.compile(r"(\d{4})-?(\d\d)?-?(\d\d)?")
_SEXES = {"F": Sex.FEMALE, "M": Sex.MALE, "O": Sex.OTHER, "U": Sex.UNKNOWN, "": Sex.UNKNOWN}
_NUMBER_LIMIT, _TEXT_LIMIT = 64, 250
#: Of a death whose date nobody knows.
_DEAD = "Y"


class BadLine(Exception):
    """A line that is left out; the text says what is wrong with it, and holds no value."""


class BadFile(Exception):
    """A file that is none of people."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose lines are taken, and what is believed of them."""

    statuses: Mapping[str, NumberStatus]  # by issuer: of an NHS number whose status a line does not say
    issuer: str  # of a file that has no such column; "" for one that has
    said: Said  # when the file was made, and its name
    until: datetime  # what was said later is yet to come, and would stand for ever


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says."""

    record: Record
    said: Said
    merged: Merged | None


def columns_of(header: Sequence[str], source: Source) -> Sequence[str]:
    """The header's columns. Raises BadFile."""
    names = [name.strip().strip("\ufeff").lower() for name in header]
    unknown = sorted(set(names) - set(COLUMNS))
    if unknown:
        raise BadFile(f"columns that are not known: {', '.join(unknown)} (known: {', '.join(COLUMNS)})")
    if len(set(names)) < len(names):
        raise BadFile("two columns of one name")
    if "number" not in names or not ("issuer" in names or source.issuer):
        raise BadFile("a file of people needs the columns issuer and number (or --trust)")
    return names


def line_of(said: Mapping[str, str], source: Source) -> Line:
    """What a line says. Raises BadLine."""
    values = {name: " ".join(text.split()) for name, text in said.items()}
    if any(not text.isprintable() for text in values.values()):
        raise BadLine("characters that are no text")
    if any(len(text) > _TEXT_LIMIT for text in values.values()):
        raise BadLine(f"a value longer than {_TEXT_LIMIT} characters")
    identifier = Identifier(_number(values.get("number", "")), values.get("issuer") or source.issuer)
    if not identifier.value:
        raise BadLine("no number")
    if identifier.issuer not in source.statuses:
        raise BadLine("an issuer of no trust (imx trust add)")
    usual = source.statuses[identifier.issuer]
    when = Said(_time(values["said_at"]), source.said.by) if values.get("said_at") else source.said
    if when.at > source.until:
        raise BadLine("a time that is yet to come")
    return Line(
        Record(
            identifier,
            _demographics(values),
            values.get("nhs_number", "").replace(" ", "").replace("-", ""),
            _status(values.get("nhs_number_status", ""), usual),
            _sensitivity(values.get("sensitivity", "")),
        ),
        when,
        _merged(identifier, values.get("merged_into", "")),
    )


def _demographics(values: Mapping[str, str]) -> Demographics:
    family, given = values.get("family", ""), tuple(values.get("given", "").split())
    names = [PersonName(family, given, values.get("prefix", ""))] if family or given else []
    if former := values.get("former_family"):
        names.append(PersonName(former, given, use="maiden"))
    died = values.get("died", "")
    is_only_dead = died.upper() == _DEAD
    try:
        sex = _SEXES[values.get("sex", "").upper()]
    except KeyError:
        raise BadLine("a sex that is not F, M, O or U") from None
    return Demographics(
        names=tuple(names),
        birth_date=_date(values.get("birth_date", ""), "a birth date that is none (YYYYMMDD)"),
        sex=sex,
        address=tuple(part.strip() for part in values.get("address", "").split(",") if part.strip()),
        postcode=values.get("postcode", ""),
        practice=values.get("practice", ""),
        died="" if is_only_dead else _date(died, "a date of death that is none (YYYYMMDD, or Y)"),
        is_dead=bool(died),
        birth_order=_birth_order(values.get("birth_order", "")),
    )


def _number(text: str) -> str:
    if len(text) > _NUMBER_LIMIT:
        raise BadLine(f"a number longer than {_NUMBER_LIMIT} characters")
    return text


def _status(text: str, usual: NumberStatus) -> NumberStatus:
    if not text:
        return usual
    try:
        return NumberStatus(text.zfill(2))
    except ValueError:
        raise BadLine("a status that is not 01 to 08") from None


def _sensitivity(text: str) -> Sensitivity | None:
    if not text:
        return None
    try:
        return Sensitivity(text.upper())
    except ValueError:
        raise BadLine("a sensitivity that is not N, R or V") from None


def _date(text: str, why: str) -> str:
    if not text:
        return ""
    found = _DATE.fullmatch(text)
    try:
        if found is None or not text.isascii():
            raise ValueError
        year, month, day = found.groups()
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise BadLine(why) from None
    return "".join(part for part in found.groups() if part)


def _birth_order(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise BadLine("an order of birth that is not 0 to 9")
    return int(text)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadLine("a time that is none (2026-03-01T12:00:00Z)") from None
    return at if at.tzinfo else at.astimezone()


def _merged(gone: Identifier, into: str) -> Merged | None:
    if not into:
        return None
    try:
        return Merged(gone, Identifier(_number(into), gone.issuer))
    except BadStatement as error:
        raise BadLine(str(error)) from None
