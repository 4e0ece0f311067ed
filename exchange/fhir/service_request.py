"""What a trust asked for (UK Core ServiceRequest; IHE MADO Requested Procedure)."""

from collections.abc import Mapping

from exchange.fhir.identifiers import (
    SNOMED,
    Assigners,
    Json,
    accession_identifier,
    code_system,
    opaque_id,
    order_identifier,
    organisation,
    patient_identifier,
)
from exchange.fhir.moments import as_instant, as_moment
from exchange.fhir.subject import is_shielded, security, subject_of_person
from exchange.fhir.values import said, spoken
from exchange.order import Code, Order, Priority, Status
from exchange.orders import Placed
from exchange.people.person import Identifier, NumberStatus, Person

_PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-ServiceRequest"

#: FHIR request-status.
STATUSES: Mapping[Status, str] = {
    Status.SCHEDULED: "active",
    Status.IN_PROGRESS: "active",
    Status.COMPLETED: "completed",
    Status.DISCONTINUED: "revoked",
    Status.CANCELLED: "revoked",
}
#: FHIR request-priority.
PRIORITIES: Mapping[Priority, str] = {
    Priority.STAT: "stat",
    Priority.HIGH: "urgent",
    Priority.ROUTINE: "routine",
    Priority.MEDIUM: "routine",
    Priority.LOW: "routine",
}


def request_id(order_number: int) -> str:
    """The id of an order, by its number in the database."""
    return opaque_id("ServiceRequest", str(order_number))


def as_service_request(placed: Placed, person: Person | None, assigners: Assigners | None = None) -> Json:
    """An order as it stands. `person` is whom it is for; where nobody knows, the subject is a number as sent.

    Of a restricted person neither ward nor department nor who asked is said.
    """
    order = placed.order
    first = min(((step.date, step.time) for step in order.steps), default=("", ""))
    made: Json = {
        "resourceType": "ServiceRequest",
        "id": request_id(placed.id),
        "meta": {"profile": [_PROFILE], **security(person)},
        "identifier": _identifiers(order, assigners),
        "status": STATUSES[placed.status],
        "intent": "order",
        "category": [
            {"coding": [{"system": SNOMED, "code": "363679005", "display": "Imaging"}]},
        ],
        "priority": PRIORITIES[order.priority],
        "code": _what(order),
        "subject": subject_of_person(person, assigners) if person else _as_sent(order, assigners),
        "occurrenceDateTime": as_moment(*first),
        "authoredOn": as_instant(placed.created_at),
        "performer": [organisation(order.trust)],
        "reasonCode": [{"text": order.reason}] if order.reason else [],
        "bodySite": [_coded(order.body_site)] if order.body_site else [],
    }
    if not is_shielded(person):
        if asker := order.requesting or order.referring:
            made["requester"] = {"type": "Practitioner", "display": spoken(asker)}
        if place := order.ward or order.department:
            made["locationCode"] = [{"text": place}]
    return said(made)


def _identifiers(order: Order, assigners: Assigners | None) -> list[Json]:
    accession = (
        [accession_identifier(order.accession, order.accession_issuer, assigners)] if order.accession else []
    )
    placer = [order_identifier("PLAC", order.placer, order.trust)] if order.placer else []
    filler = [order_identifier("FILL", order.filler, order.trust)] if order.filler else []
    return accession + placer + filler


def _what(order: Order) -> Json:
    coding = [each for code in order.codes for each in _coded(code)["coding"]]
    return said({"coding": coding, "text": order.description})


def _coded(code: Code) -> Json:
    system = code_system(code.scheme) if code.scheme else ""
    return {"coding": [said({"system": system, "code": code.value, "display": code.meaning})]}


def _as_sent(order: Order, assigners: Assigners | None) -> Json:
    patient = order.patient
    sent = Identifier(patient.identifier, patient.issuer)
    return {
        "type": "Patient",
        "identifier": {**patient_identifier(sent, NumberStatus.NOT_TRACED, assigners), "use": "temp"},
        "display": "As sent: the directory does not know whose it is",
    }
