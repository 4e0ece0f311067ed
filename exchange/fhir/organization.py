"""A trust (UK Core Organization)."""

from exchange.fhir.identifiers import ODS_ORGANISATION, Json
from exchange.trusts import Trust

_PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization"


def as_organization(trust: Trust) -> Json:
    """A trust that owns studies; one that was merged into another is no longer active.

    Its id is its ODS code, which is public.
    """
    return {
        "resourceType": "Organization",
        "id": trust.ods_code,
        "meta": {"profile": [_PROFILE]},
        "identifier": [{"use": "official", "system": ODS_ORGANISATION, "value": trust.ods_code}],
        "active": trust.successor is None,
        "name": trust.name,
    }
