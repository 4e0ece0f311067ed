"""Where a study's pixels are had (FHIR R4 Endpoint; IHE MADO WADO Endpoint)."""

from uuid import NAMESPACE_URL, uuid5

from exchange.fhir.identifiers import Json, opaque_id

CONNECTION_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
PAYLOAD_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
_PROFILE = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoWadoEndpoint"
_RETRIEVE_LOCATION = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoRetrieveLocationUIDExtension"

_MIME_TYPES = ("application/dicom", "application/octet-stream", "application/dicom+xml", "application/json")


def endpoint_id(dicomweb: str) -> str:
    """The id of the one Endpoint for all that is kept under a DICOMweb address."""
    return opaque_id("Endpoint", dicomweb)


def retrieve_location(dicomweb: str) -> str:
    """Retrieve Location UID (0040,E011): always the same for an address."""
    return f"2.25.{uuid5(NAMESPACE_URL, dicomweb).int}"


def as_endpoint(dicomweb: str) -> Json:
    """The whole store, by the address of its DICOMweb service: `{address}/studies/{study}` is a study."""
    return {
        "resourceType": "Endpoint",
        "id": endpoint_id(dicomweb),
        "meta": {"profile": [_PROFILE]},
        "extension": [{"url": _RETRIEVE_LOCATION, "valueString": retrieve_location(dicomweb)}],
        "status": "active",
        "connectionType": {
            "system": CONNECTION_TYPES,
            "code": "dicom-wado-rs",
            "display": "DICOM WADO-RS",
        },
        "name": "Imaging Exchange DICOMweb",
        "payloadType": [
            {"coding": [{"system": PAYLOAD_TYPES, "code": "none"}], "text": "DICOM WADO-RS"},
        ],
        "payloadMimeType": list(_MIME_TYPES),
        "address": dicomweb,
    }


def endpoint_reference(dicomweb: str) -> Json:
    """To it."""
    return {"reference": f"Endpoint/{endpoint_id(dicomweb)}", "type": "Endpoint"}
