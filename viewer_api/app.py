"""The HTTP edge, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from viewer_api import assets, problems
from viewer_api.assets import asset_routes
from viewer_api.capabilities import add_capabilities
from viewer_api.commitments import commitment_routes
from viewer_api.compression import Compressed
from viewer_api.cross_origin import cross_origin
from viewer_api.deliveries import delivery_routes
from viewer_api.fhir.routes import fhir_routes
from viewer_api.hosts import LoopbackOnly
from viewer_api.laboratory.routes import laboratory_routes
from viewer_api.limited import Limited
from viewer_api.linking.pages import review_pages
from viewer_api.linking.report_pages import report_pages
from viewer_api.linking.routes import link_routes
from viewer_api.manifests import manifest_routes
from viewer_api.ohif import viewer_routes
from viewer_api.oidc.steps import provider_routes
from viewer_api.operation import Numbers, Observed, operation_routes
from viewer_api.orders import order_routes
from viewer_api.originals import original_routes
from viewer_api.pages import Pages
from viewer_api.parts import ApiParts, working
from viewer_api.qido import search_routes
from viewer_api.quarantine import quarantine_routes
from viewer_api.record_views import record_view_routes
from viewer_api.registry import registry_routes
from viewer_api.rejections import rejection_routes
from viewer_api.rendered import rendered_routes
from viewer_api.reports import report_routes
from viewer_api.rules import rules_routes
from viewer_api.security_headers import SecurityHeaders
from viewer_api.signing_in.account import account_routes
from viewer_api.signing_in.second_factor import second_factor_routes
from viewer_api.signing_in.steps import sign_in_routes
from viewer_api.stow import store_routes
from viewer_api.study_list.routes import study_list_routes
from viewer_api.tellings import telling_routes
from viewer_api.timeline.routes import timeline_routes
from viewer_api.uploading.routes import upload_routes
from viewer_api.uploading.tus import TusVersion
from viewer_api.wado import retrieve_routes
from viewer_api.wado_uri import wado_uri_routes
from viewer_api.withdrawals import withdrawal_routes

__all__ = ["ApiParts", "create_app"]


def create_app(parts: ApiParts) -> FastAPI:
    """The application. It starts while the database is away, and then is not ready."""
    work = working(parts)
    found = assets.load()
    pages = Pages(found)
    numbers = Numbers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await work.pool.open(wait=False)
        try:
            yield
        finally:
            await work.readers.audit.close()
            await work.pool.close()
            work.transcoder.workers.close()

    app = FastAPI(
        title="Imaging Exchange", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    problems.install(app, pages, work.readers)
    # They are tried one after the other: those that viewers ask for most come first. Without FastAPI's own
    # inclusion, which makes each route anew, and whose two passes over all took a tenth of a frame's time.
    for router in (
        retrieve_routes(work),
        rendered_routes(work),
        search_routes(work),
        wado_uri_routes(work),
        store_routes(work),
        asset_routes(found),
        sign_in_routes(work, pages),
        provider_routes(work, pages),
        account_routes(work, pages),
        second_factor_routes(work, pages),
        operation_routes(work, numbers),
        order_routes(work),
        report_routes(work),
        delivery_routes(work),
        telling_routes(work),
        upload_routes(work),
        withdrawal_routes(work, pages),
        original_routes(work),
        manifest_routes(work),
        quarantine_routes(work),
        rules_routes(work),
        registry_routes(work),
        commitment_routes(work),
        rejection_routes(work),
        fhir_routes(work),
        study_list_routes(work, pages),
        timeline_routes(work, pages),
        record_view_routes(work, pages),
        viewer_routes(work, pages),
        laboratory_routes(work, pages),
        link_routes(work),
        report_pages(work, pages),
        review_pages(work, pages),
    ):
        app.router.routes.extend(router.routes)
    app.add_middleware(Compressed)
    add_capabilities(app, work)
    # The last that is added is asked first.
    app.add_middleware(Limited, readers=work.readers)
    app.add_middleware(TusVersion)
    if parts.settings.cors_origins:
        app.add_middleware(CORSMiddleware, **cross_origin(parts.settings.cors_origins))
    app.add_middleware(SecurityHeaders, public_url=parts.settings.public_url)
    if parts.settings.is_open:
        app.add_middleware(LoopbackOnly)
    app.add_middleware(Observed, numbers=numbers, pages=pages)
    return app
