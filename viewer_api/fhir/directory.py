"""Endpoint and Organization: what the other resources refer to, the same for every reader."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.fhir.endpoint import VIEWER, WADO, as_endpoint
from exchange.fhir.identifiers import ODS_ORGANISATION
from exchange.fhir.organization import as_organization
from exchange.policy import Action
from exchange.record.finding import Condition
from exchange.registry import PostgresRegistry
from storage.errors import NotHeld
from viewer_api.fhir.answers import Made, resource_answer, searchset
from viewer_api.fhir.imaging_study import place_of, viewer_of
from viewer_api.fhir.outcomes import fhir_answer
from viewer_api.fhir.parameters import Asked, asked_of, tokens, unescaped
from viewer_api.fhir.resource import ID, Parameter, ParameterType, Resource
from viewer_api.fhir.studies import Names
from viewer_api.fhir.study_routes import StudyKind, reading
from viewer_api.parts import Working
from viewer_api.urls import FHIR, dicomweb_url, fhir_url

ENDPOINT = Resource(
    "Endpoint",
    "The DICOMweb service of the store, from which each study is had, at {address}/studies/{UID}; and of each"
    " study the address at which a person opens it (IHE RAD-106), which its ImagingStudy names and no search"
    " finds.",
    profiles=(WADO, VIEWER),
    parameters=(
        ID,
        Parameter("connection-type", ParameterType.TOKEN, "dicom-wado-rs"),
        Parameter("status", ParameterType.TOKEN, "active"),
    ),
)
ORGANIZATION = Resource(
    "Organization",
    "The trusts that own studies, by ODS code. One that was merged into another is no longer active.",
    profiles=("https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization",),
    parameters=(
        ID,
        Parameter("identifier", ParameterType.TOKEN, "The ODS code"),
        Parameter("name", ParameterType.STRING, "What the name begins with, or a word of it"),
        Parameter("active", ParameterType.TOKEN, "true or false"),
    ),
)


def _viewer_place(id: str) -> Condition | None:
    return place_of(id.removesuffix("-viewer"))


_VIEWERS = StudyKind(ENDPOINT, Names(), lambda known: [viewer_of(known)], lambda _: [], _viewer_place)


def directory_routes(work: Working) -> APIRouter:
    """Read and search both. They say nothing of patients; who may see records may see them."""
    router = APIRouter(prefix=FHIR)

    def organisations(_: Request) -> Sequence[Made]:
        return [Made(as_organization(each)) for each in PostgresRegistry(work.desk.pool).trusts()]

    def endpoints(request: Request) -> Sequence[Made]:
        return [Made(as_endpoint(dicomweb_url(request, work.settings)))]

    read_viewer = reading(work, _VIEWERS)

    @router.get("/Endpoint/{study}-viewer")
    async def read_viewer_endpoint(request: Request, study: str) -> Response:
        """Where a person opens a study."""
        return await read_viewer(request, f"{study}-viewer")

    for resource, all_of, fits in (
        (ENDPOINT, endpoints, _endpoint_fits),
        (ORGANIZATION, organisations, _trust_fits),
    ):
        _add(router, work, resource, all_of, fits)
    return router


def _add(
    router: APIRouter,
    work: Working,
    resource: Resource,
    all_of: Callable[[Request], Sequence[Made]],
    fits: Callable[[Asked, Made], bool],
) -> None:
    async def search(request: Request) -> Response:
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        asked = await asked_of(request, resource)
        found = [each for each in await work.desk.ask(all_of, request) if fits(asked, each)]
        await reader.record(detail={"of": resource.type})
        shown = () if asked.only_total else found[: asked.count]
        base = fhir_url(request, work.settings)
        return fhir_answer(request, searchset(base, resource.type, asked, shown, total=len(found)))

    async def read(request: Request, id: str) -> Response:
        reader = await work.readers.admit(request, Action.SEE_RECORD)
        found = [each for each in await work.desk.ask(all_of, request) if each.resource["id"] == id]
        await reader.record(detail={"of": resource.type})
        if not found:
            raise NotHeld(f"{resource.type} with this id")
        return resource_answer(request, found[0])

    search.__doc__, read.__doc__ = f"Search for {resource.type}.", f"Read one {resource.type}."
    name = resource.type.lower()
    router.add_api_route(f"/{resource.type}", search, methods=["GET"], name=f"search_{name}")
    router.add_api_route(f"/{resource.type}/_search", search, methods=["POST"], name=f"search_{name}_by_form")
    router.add_api_route(f"/{resource.type}/{{id}}", read, methods=["GET"], name=f"read_{name}")


def _endpoint_fits(asked: Asked, made: Made) -> bool:
    holds = {
        "_id": made.resource["id"],
        "connection-type": made.resource["connectionType"]["code"],
        "status": made.resource["status"],
    }
    return all(
        holds[value.parameter.name] in [each.value for each in tokens(value)] for value in asked.values
    )


def _trust_fits(asked: Asked, made: Made) -> bool:
    trust = made.resource
    for value in asked.values:
        match value.parameter.name:
            case "name":
                texts = [unescaped(text).casefold() for text in value.texts]
                if not any(f" {trust['name']}".casefold().find(f" {text}") >= 0 for text in texts):
                    return False
            case "active":
                if str(trust["active"]).lower() not in [each.value for each in tokens(value)]:
                    return False
            case _:
                sought = [each for each in tokens(value) if each.system in (None, ODS_ORGANISATION)]
                if trust["id"] not in [each.value for each in sought]:
                    return False
    return True
