"""The organisations that own what their peers send, and who took over whom."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exchange.people.person import NumberStatus
from storage.errors import BadInput

#: An ODS code is letters and digits (NHS Data Dictionary, ODS code): RBL, QYG, RBS25 …
ODS_CODE = re.compile(r"[0-9A-Z]{2,8}")


@dataclass(frozen=True, slots=True)
class Trust:
    """An organisation that owns what its peers send."""

    ods_code: str
    name: str
    issuer: str  # namespace of its bare identifiers; the ODS code unless set otherwise
    place: str = ""  # one of the nine places of Cheshire and Merseyside
    successor: str | None = None  # ODS code of the trust that it was merged into
    nhs_number_status: str = NumberStatus.NOT_TRACED.value  # of the NHS numbers that its feeds say nothing of
    number_system: str = ""  # by which others know its patients' numbers over FHIR; "": made of the issuer


class BadEntry(BadInput):
    """An entry that the registry cannot hold; the message says what to change, `key` where."""

    def __init__(self, because: str, key: str = "") -> None:
        super().__init__(because)
        self.key = key


class UnknownTrust(BadEntry):
    """No trust by that ODS code; add it first (`imx trust add`)."""

    def __init__(self, ods_code: str, key: str = "trust") -> None:
        super().__init__(f"no trust {ods_code}: add it with `imx trust add {ods_code} NAME`", key)


class IssuerTaken(BadEntry):
    """Two trusts would share one namespace of identifiers, and their patients would be mixed."""

    def __init__(self, issuer: str) -> None:
        super().__init__(f"the issuer {issuer} belongs to another trust: each needs its own", "issuer")


class SystemTaken(BadEntry):
    """Two trusts' numbers would be told apart by nobody."""

    def __init__(self, system: str) -> None:
        super().__init__(f"the system {system} is of another trust's numbers", "number_system")


class TrustInUse(BadInput):
    """A trust that peers or other trusts belong to, or that owns what is kept, stays."""


def checked_trust(trust: Trust, known: Mapping[str, Trust]) -> Trust:
    """The entry, when the registry can hold it. Raises BadEntry, UnknownTrust, IssuerTaken."""
    if not ODS_CODE.fullmatch(trust.ods_code):
        raise BadEntry(f"{trust.ods_code!r} is no ODS code: 2 to 8 capital letters and digits", "ods_code")
    if not trust.name.strip():
        raise BadEntry(f"trust {trust.ods_code} needs a name", "name")
    if not is_issuer(trust.issuer):
        raise BadEntry(
            f"trust {trust.ods_code} needs an issuer, the namespace of its identifiers:"
            " 1 to 64 characters, no backslash",
            "issuer",
        )
    if any(each.issuer == trust.issuer for each in known.values() if each.ods_code != trust.ods_code):
        raise IssuerTaken(trust.issuer)
    if trust.nhs_number_status not in {each.value for each in NumberStatus}:
        raise BadEntry(
            "nhs_number_status is one of 01 to 08 (NHS NUMBER STATUS INDICATOR CODE)", "nhs_number_status"
        )
    _check_system(trust, [each for each in known.values() if each.ods_code != trust.ods_code])
    if trust.successor is not None:
        if trust.successor not in known:
            raise UnknownTrust(trust.successor, "successor")
        after = {**known, trust.ods_code: trust}
        if trust.ods_code in successors(trust.successor, after.values()):
            raise BadEntry(
                f"trust {trust.ods_code} cannot be merged into {trust.successor}, which was merged into it",
                "successor",
            )
    return trust


#: What an absolute URI is written with (RFC 3986 §4.3); a bar or comma would end it in a search.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?@!&'()*+;=%\[\]]+")
#: Systems of others' numbers, or that we make ourselves.
_NOT_A_TRUSTS = (
    "https://fhir.nhs.uk/",
    "https://fhir.hl7.org.uk/",
    "urn:id:",
    "urn:dicom:",
    "urn:ietf:",
    "urn:uuid:",
)


def _check_system(trust: Trust, others: Iterable[Trust]) -> None:
    system = trust.number_system
    if not system:
        return
    scheme, _, rest = system.partition(":")
    names_host = scheme.lower() not in ("http", "https") or re.match(r"//[^/?]", rest)
    if not (_URI.fullmatch(system) and names_host and len(system) <= 255):
        raise BadEntry(
            f"number_system of trust {trust.ods_code} is an absolute URI,"
            " such as https://fhir.example.nhs.uk/Id/mrn",
            "number_system",
        )
    if system.lower().startswith(_NOT_A_TRUSTS):
        raise BadEntry(f"the system {system} is not one of a trust's own numbers", "number_system")
    if any(system in (each.number_system, f"urn:oid:{each.issuer}") for each in others):
        raise SystemTaken(system)


def is_issuer(text: str) -> bool:
    """What Issuer of Patient ID (0010,0021) can carry (LO, PS3.5 §6.2)."""
    return 0 < len(text.strip()) <= 64 and text.isprintable() and "\\" not in text


def successors(ods_code: str, trusts: Iterable[Trust]) -> tuple[str, ...]:
    """The trust itself, whom it was merged into, whom that was merged into, and so on."""
    into = {each.ods_code: each.successor for each in trusts}
    line: list[str] = []
    current: str | None = ods_code
    while current is not None and current not in line:
        line.append(current)
        current = into.get(current)
    return tuple(line)
