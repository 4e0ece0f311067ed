"""How the API is doing: health for an orchestrator, numbers for Prometheus, one log line a request."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from time import perf_counter
from traceback import extract_tb

import orjson
import structlog
from anyio import to_thread
from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from psycopg import sql
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exchange.policy import Action
from storage.conditions import Statement
from storage.errors import ArchiveError, ObjectMissing
from storage.migrations import files
from storage.staging import StagedObjects
from viewer_api.fhir.outcomes import is_fhir, refusal
from viewer_api.pages import Pages
from viewer_api.parts import Working
from viewer_api.problems import problem, problem_page, takes_pages

log = structlog.get_logger(__name__)

#: A key that no object has: asking for its size shows whether the store answers.
_NO_SUCH_KEY = f"2000/01/01/00/{'0' * 32}.dcm"

#: An orchestrator that asks whether we are ready waits for a few seconds at most.
DATABASE_PATIENCE_S = 2.0
OBJECTS_PATIENCE_S = 5.0
_MIGRATIONS = Statement(sql.SQL("select name from migration"), [])


class Numbers:
    """What is counted. No label holds a path, a UID or a name."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("imx_http_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "imx_http_request_seconds",
            "From request to last byte.",
            ("method", "route"),
            registry=self.registry,
        )
        self.sent = Counter(
            "imx_http_sent_bytes", "Bytes of bodies sent.", ("route",), registry=self.registry
        )


def all_numbers(numbers: Numbers, folder: str) -> CollectorRegistry:
    """Ours, or those of every process that counts into `folder` (prometheus_client's multiprocess mode)."""
    if not folder:
        return numbers.registry
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


class BrokenOff(Exception):
    """An answer failed after its first byte had left."""


def _where(error: Exception) -> list[str]:
    """The places that a traceback names, without any text of the error."""
    return [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in extract_tb(error.__traceback__)
    ][-6:]


class Observed:
    """ASGI middleware: a log line and the numbers of each request. Never the URL: it holds patient data."""

    def __init__(self, app: ASGIApp, numbers: Numbers, pages: Pages) -> None:
        self._app = app
        self._numbers = numbers
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        status, sent = 0, 0

        async def observed_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = int(message["status"])
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception as error:
            # Its text, which a server would log, may hold values: only its kind goes on.
            log.error("api.failed", error=type(error).__name__, where=_where(error))
            if status:
                raise BrokenOff from None  # the server cuts the connection: no reader takes it for whole
            request, status = Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR
            what = "The service failed"
            if is_fhir(request):
                answer = refusal(request, status, what)
            elif takes_pages(request):
                answer = problem_page(self._pages, request, status, what)
            else:
                answer = problem(status, what)
            await answer(scope, receive, observed_send)
        finally:
            seconds = perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if status != HTTPStatus.METHOD_NOT_ALLOWED else "other"
            self._numbers.requests.labels(method, route, str(status)).inc()
            self._numbers.seconds.labels(method, route).observe(seconds)
            self._numbers.sent.labels(route).inc(sent)
            log.info(
                "http", method=method, route=route, status=status, sent=sent, ms=round(seconds * 1000, 1)
            )


def operation_routes(parts: Working, numbers: Numbers) -> APIRouter:
    """Health, open to all since it tells nothing of anybody; metrics, for those who may see operation.

    There is no exception for loopback: behind a proxy every caller comes from there.
    """
    router = APIRouter()
    probes = {
        "database": Probe(lambda: _database(parts), DATABASE_PATIENCE_S),
        "objects": Probe(lambda: _objects(parts), OBJECTS_PATIENCE_S),
    }

    @router.get("/health/live")
    async def live() -> Response:
        return _json(HTTPStatus.OK, {"live": True})

    @router.get("/health/ready")
    async def ready() -> Response:
        answers = await asyncio.gather(*(probe.answers() for probe in probes.values()))
        missing = [name for name, is_there in zip(probes, answers, strict=True) if not is_there]
        status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
        return _json(status, {"ready": not missing, "not_ready": missing})

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        await parts.readers.admit(request, Action.SEE_OPERATION)
        found = all_numbers(numbers, parts.settings.metrics_folder)
        return Response(generate_latest(found), media_type=CONTENT_TYPE_LATEST)

    return router


class Probe:
    """Asks whether a part answers, and does not wait for long. A part that hangs is asked once at a time."""

    def __init__(self, ask: Callable[[], Coroutine[None, None, bool]], patience_s: float) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._asking: asyncio.Task[bool] | None = None

    async def answers(self) -> bool:
        """Whether it does, as far as can be told in time."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        asking = self._asking
        done, _ = await asyncio.wait({asking}, timeout=self._patience_s)
        return asking.result() if done else False


async def _database(parts: Working) -> bool:
    """It answers, and has every migration of this version."""
    try:
        applied = {name for (name,) in await parts.archive.rows(_MIGRATIONS)}
    except ArchiveError:
        return False
    return applied >= {name for name, _ in files()}


async def _objects(parts: Working) -> bool:
    """The store answers: itself, since what is staged is the database's."""
    objects = parts.objects
    store = objects.store if isinstance(objects, StagedObjects) else objects
    try:
        await to_thread.run_sync(store.size, _NO_SUCH_KEY, limiter=parts.sender.limiter)
    except ObjectMissing:
        return True
    except ArchiveError:
        return False
    return True


def _json(status: HTTPStatus, body: object) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
