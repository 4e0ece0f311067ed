"""A study's manifest over HTTP, made as it is asked for (IHE MHD ITI-68)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from exchange.manifests.manifest import Here, Material
from exchange.manifests.reading import MEDIA_TYPES, PREFIX, Encoding, Written, material_for, written
from exchange.policy import Action
from exchange.registry import PostgresRegistry
from storage.driver_errors import mapped_errors
from storage.errors import BadQuery, NotHeld
from storage.uids import is_uid
from viewer_api.caching import kept_by_reader
from viewer_api.media import accepted
from viewer_api.parts import Working
from viewer_api.retrieved import retrieved
from viewer_api.urls import base_url

#: How a program names what it saves.
_ENDINGS = {Encoding.KOS: "dcm", Encoding.MADO: "dcm", Encoding.FHIR: "json"}


def manifest_routes(work: Working) -> APIRouter:
    """GET /manifests/STUDY?as=kos, mado or fhir; without it, by Accept."""
    router = APIRouter()

    def make(study_uid: str, encoding: Encoding, here: Here) -> tuple[Material, Written]:
        pool = work.desk.pool
        with mapped_errors(), pool.connection() as connection:
            material = material_for(connection, study_uid, here)
        if material is None:
            raise NotHeld("a study with this UID")
        trusts = {each.issuer: each for each in PostgresRegistry(pool).trusts()}
        return material, written(material, encoding, trusts)

    @retrieved(router, f"{PREFIX}/{{study_uid}}")
    async def manifest(request: Request, study_uid: str) -> Response:
        """What the study holds now, and how it is got."""
        reader = await work.readers.admit(request, Action.SEE_RECORD, study_uid)
        if not is_uid(study_uid):
            raise NotHeld("a study with this UID")
        encoding = _asked(request)
        here = Here(base_url(request, work.settings), work.settings.ae_title)
        material, made = await work.desk.ask(make, study_uid, encoding, here)
        person = material.person.uid if material.person is not None else None
        await reader.record(study_uid, {"manifest": encoding.value}, person)
        name = f"manifest-{study_uid}.{_ENDINGS[encoding]}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return kept_by_reader(request, made.body, made.media_type, headers)

    return router


def _asked(request: Request) -> Encoding:
    """Raises BadQuery."""
    named = request.query_params.get("as")
    if named is not None:
        try:
            return Encoding(named)
        except ValueError:
            raise BadQuery(f"as is one of {', '.join(each.value for each in Encoding)}") from None
    for each in accepted(request):
        for encoding in (Encoding.KOS, Encoding.FHIR):
            if each.takes(MEDIA_TYPES[encoding]):
                return encoding
    return Encoding.KOS
