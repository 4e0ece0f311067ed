"""Where a study's pixels are had, and where a person opens it (FHIR R4 Endpoint; IHE MADO)."""

from uuid import NAMESPACE_URL, uuid5

from exchange.fhir.identifiers import Json, opaque_id, study_id

CONNECTION_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
PAYLOAD_TYPES = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
WADO = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoWadoEndpoint"
VIEWER = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoWebViewerEndpoint"
_MADO_CONNECTIONS = "https://profiles.ihe.net/RAD/MADO/CodeSystem/MadoEndpointConnectionTypes"
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
        "meta": {"profile": [WADO]},
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


def viewer_id(study_uid: str) -> str:
    """The id of the Endpoint at which a person opens a study."""
    return f"{study_id(study_uid)}-viewer"


def as_viewer_endpoint(study_uid: str, address: str) -> Json:
    """Where a person opens a study (exchange.record.link)."""
    return {
        "resourceType": "Endpoint",
        "id": viewer_id(study_uid),
        "meta": {"profile": [VIEWER]},
        "status": "active",
        "connectionType": {"system": _MADO_CONNECTIONS, "code": "web-viewer"},
        "payloadType": [{"coding": [{"system": PAYLOAD_TYPES, "code": "none"}]}],
        "payloadMimeType": ["text/html"],
        "address": address,
    }


def viewer_reference(study_uid: str) -> Json:
    """To it."""
    return {"reference": f"Endpoint/{viewer_id(study_uid)}", "type": "Endpoint"}
