"""HL7 v2.5.1 segments as we write them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from exchange.hl7.answers import escaped
from exchange.people.person import Demographics, Identifier

APPLICATION = "IMX"


def header(kind: str, facility: str, receiver: tuple[str, str], control_id: str) -> str:
    """MSH. `receiver` is MSH-5 and MSH-6."""
    application, receiving = map(escaped, receiver)
    fields = [
        "MSH", "^~\\&", APPLICATION, escaped(facility), application, receiving, now(), "", kind,
        control_id, "P", "2.5.1", "", "", "", "", "GBR", "UNICODE UTF-8",
    ]  # fmt: skip
    return "|".join(fields)


def patient(numbers: Iterable[Identifier], said: Demographics, status: str = "") -> str:
    """PID: who somebody is, and nothing of where they live."""
    given, *others = (*said.name.given, "")
    names = [said.name.family, given, " ".join(filter(None, others)), said.name.suffix, said.name.prefix]
    return segment(
        "PID",
        {
            1: "1", 3: "~".join(map(identifier, numbers)),
            5: "^".join(map(escaped, names)).rstrip("^"), 7: said.birth_date,
            8: said.sex.value or "U", 32: status,
        },
    )  # fmt: skip


def identifier(number: Identifier) -> str:
    """CX: the number, its issuer, its type (Table 0203)."""
    kind = "NH" if number.is_nhs else "MR"
    return f"{escaped(number.value)}^^^{escaped(number.issuer)}^{kind}"


def segment(name: str, fields: Mapping[int, str]) -> str:
    """By the numbers of its fields."""
    last = max(number for number, value in fields.items() if value)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def message(segments: Iterable[str]) -> bytes:
    """In UTF-8, as its header says."""
    return ("\r".join(segments) + "\r").encode()


def now() -> str:
    """As a DTM, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
