"""The CapabilityStatement (FHIR R4 §5.2), made of the tables by which the routes work."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from viewer_api.fhir.formats import Format
from viewer_api.fhir.resource import Operation, Parameter, Resource

FHIR_VERSION = "4.0.1"
#: IHE actors and profiles that the facade is built for.
GUIDES = (
    "https://profiles.ihe.net/ITI/PDQm/ImplementationGuide/ihe.iti.pdqm",
    "https://profiles.ihe.net/ITI/PIXm/ImplementationGuide/ihe.iti.pixm",
    "https://profiles.ihe.net/ITI/MHD/ImplementationGuide/ihe.iti.mhd",
)


def capability_statement(resources: Sequence[Resource], base: str, started_at: str) -> dict[str, Any]:
    """What programs are told of us."""
    release = version("imaging-exchange")
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": started_at,
        "kind": "instance",
        "software": {"name": "Imaging Exchange", "version": release},
        "implementation": {"description": "Studies of a region, by person", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": [each.value for each in Format],
        "implementationGuide": list(GUIDES),
        "rest": [
            {
                "mode": "server",
                "documentation": "Unknown parameters are ignored, or refused with Prefer: handling=strict."
                " Every search is taken by POST to _search as well.",
                "security": {
                    "description": "A bearer token of this service or of its identity provider (RFC 6750)",
                },
                "resource": [_resource(each) for each in resources],
            }
        ],
    }


def _resource(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": resource.type,
        "supportedProfile": list(resource.profiles),
        "documentation": _says(resource),
        "interaction": [{"code": each} for each in resource.interactions],
        "versioning": "versioned",
        "readHistory": False,
        "searchInclude": list(resource.includes),
        "searchRevInclude": list(resource.reverse_includes),
        "searchParam": [_parameter(each) for each in resource.parameters],
        "operation": [_operation(each) for each in resource.operations],
    }
    if resource.conditional_update:
        found["conditionalUpdate"] = True
    return {name: value for name, value in found.items() if value != []}


def _says(resource: Resource) -> str:
    """FHIR has no element for what may be sorted by."""
    return f"{resource.says} _sort: {', '.join(resource.sorts)}." if resource.sorts else resource.says


def _parameter(parameter: Parameter) -> dict[str, str]:
    found = {
        "name": parameter.name,
        "definition": parameter.definition,
        "type": parameter.type.value,
        "documentation": parameter.says,
    }
    return {name: value for name, value in found.items() if value}


def _operation(operation: Operation) -> dict[str, str]:
    return {"name": operation.name, "definition": operation.definition}
