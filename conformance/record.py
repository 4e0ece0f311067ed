"""How the care record is told of studies: by which interactions of each standard."""

from exchange.linking.announcing import Trigger
from exchange.telling.hl7_messages import DOCUMENT_STATUS, RESULT_STATUS
from exchange.telling.nrl_rules import TYPES
from exchange.telling.thing import Act


def ways() -> list[tuple[str, str, str, str]]:
    """Each kind of subscriber: what tells it, what replaces that, and what takes it back."""
    return [
        (
            "FHIR R4 transaction (§3.1.0.11)",
            "conditional updates of ImagingStudy, Endpoint, DocumentReference, DiagnosticReport;"
            " conditional create of Patient",
            "the same",
            "conditional deletes; a move to another person is one update",
        ),
        (
            "MHD Provide Document Bundle (ITI-65), Document Source, Comprehensive",
            "SubmissionSet, DocumentReference, Binary (the XDS-I.b manifest)",
            "another document that replaces it; the old one superseded by PATCH in the same Bundle",
            "superseded by PATCH in a Bundle that brings none",
        ),
        ("HL7 v2.5.1 results", _result(Act.TELL), _result(Act.REPLACE), _result(Act.RETRACT)),
        ("HL7 v2.5.1 documents", _document(Act.TELL), _document(Act.REPLACE), _document(Act.RETRACT)),
        (
            "HL7 v2.5.1 patient update (IHE RAD-12), where a destination of images names it",
            "nothing",
            f"ADT^{Trigger.MERGE.value}, a number gave way;"
            f" ADT^{Trigger.UPDATE.value}, details under the same number",
            "nothing: no ADT says it of one study",
        ),
        (
            "NRL pointers (producer API v3)",
            f"POST; types {', '.join(code for _, code in TYPES)} where strict, else any (NIR DocumentEntry)",
            "PUT; what may not be changed is superseded by another, of another type deleted first",
            "DELETE",
        ),
    ]


def _result(act: Act) -> str:
    order, observation = RESULT_STATUS[act]
    return f"ORU^R01, OBR-25 {order}, OBX-11 {observation}"


def _document(act: Act) -> str:
    event, _, availability = DOCUMENT_STATUS[act]
    return f"MDM^{event}, TXA-19 {availability}"
