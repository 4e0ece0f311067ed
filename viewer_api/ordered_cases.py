"""The case that an order makes: by the number on a request form, a label or a barcode.

It stands in this package because this may import both the ologies and the orders, and `imx` may import it.
"""

from dataclasses import replace
from typing import Any

from exchange.order import Order, Status
from exchange.orders import PostgresOrders
from ologies.case import Case
from ologies.errors import BadCase
from ologies.nhs_number import NHS_NUMBER_ISSUER, is_nhs_number

_NOT_TO_BE_DONE = (Status.CANCELLED, Status.DISCONTINUED)


def ordered_case(orders: PostgresOrders, barcode: str, issuer: str = "") -> Case:
    """The case of the one order that has this number: accession, placer's, filler's, specimen, container.

    `issuer` is whose number it is; "" is anybody's. Raises BadCase in one sentence where there is none or
    there are several, and Unavailable.
    """
    known = orders.called(barcode, issuer)
    found = [each for each in known if each.status not in _NOT_TO_BE_DONE]
    if not known:
        raise BadCase("no order is known by the number that is given")
    if not found:
        raise BadCase(f"the order is {known[0].status.value}")
    if len(found) > 1:
        raise BadCase("several orders are known by the number that is given: say whose it is")
    [one] = found
    answered_by = orders.answered_by(one.id)
    order = replace(one.order, study_uid=answered_by[0]) if len(answered_by) == 1 else one.order
    return case_of_order(order, barcode)


def case_of_order(order: Order, barcode: str = "") -> Case:
    """All that an order says of a file. When it was made is not in it: that is the file's to say."""
    patient = order.patient
    is_national = patient.issuer == NHS_NUMBER_ISSUER
    # A trust's own numbers; an accession number that another gave says nothing of whose visits these are.
    is_own = order.accession_issuer in ("", patient.issuer)
    said = {
        "person": {
            "identifier": "" if is_national else patient.identifier,
            "issuer": "" if is_national else patient.issuer,
            "nhs_number": _nhs_number(patient.identifier if is_national else patient.nhs_number),
            "name": _name(patient.name),
            "birth_date": _date(patient.birth_date),
            "sex": patient.sex,
        },
        "encounter": {
            "number": order.admission if is_own else "",
            "accession": order.accession,
            "issuer": order.accession_issuer or patient.issuer,
            "study_uid": order.study_uid,
            "description": order.description,
            "reason": order.reason,
            "requested_by": _name(order.requesting or order.referring),
            "requesting_department": order.department,
        },
        "body_site": _code(order),
        "specimen": {"container": barcode if barcode in order.specimens else ""},
    }
    return Case.model_validate(_without_nothing(said))


def _nhs_number(text: str) -> str:
    return text if is_nhs_number(text) else ""


def _name(text: str) -> dict[str, str]:
    """Family and given name of a DICOM PN's first group."""
    family, given = [*text.partition("=")[0].split("^"), "", ""][:2]
    return {"family": family[:64], "given": given[:64]} if family.strip() else {}


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text else ""


def _code(order: Order) -> dict[str, str]:
    site = order.body_site
    return {"value": site.value, "scheme": site.scheme, "meaning": site.meaning} if site else {}


def _without_nothing(said: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: _without_nothing(value) if isinstance(value, dict) else value for name, value in said.items()
    }
    return {name: value for name, value in found.items() if value not in ("", {})}
