"""What the methods of tus 1.0.0 do. An offset that is said is durable.

Only who began an upload sees it; for anybody else there is none.
"""

from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from http import HTTPStatus
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from exchange.policy import Action
from storage.errors import NoRoom
from storage.receiving import OtherDigest, Promised, Receiving, TooLong
from storage.upload import NoSuchUpload, PersonsLimit, State, TakenOver, Upload, Uploader
from storage.upload_writing import write
from storage.uploads import Uploads
from viewer_api.bodies_in import BodyStalled, read_ahead
from viewer_api.origins import no_trust, trust_of
from viewer_api.parts import Working
from viewer_api.problems import problem
from viewer_api.readers import Reader, address_of
from viewer_api.uploading.tus import (
    CHECKSUM_MISMATCH,
    CONTENT_TYPE,
    PREFIX,
    checksum_in,
    metadata_in,
    number_in,
)

#: Bodies that are received at one time, each in a thread; more wait, and so do their senders.
BODIES = 32

_GONE = (ClientDisconnect, BodyStalled)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the head of a request says of the bytes behind it."""

    offset: int
    promised: Promised | None


class Door:
    """Takes uploads."""

    def __init__(self, work: Working) -> None:
        self._work = work
        self._bodies = CapacityLimiter(BODIES)
        self.uploads = Uploads(work.desk.pool, work.objects, work.settings.uploads)

    async def admit(self, request: Request) -> tuple[Reader, Uploader | None]:
        """Somebody who may contribute, as uploads know them; None where it is nobody's what they would."""
        reader = await self._work.readers.admit(request, Action.CONTRIBUTE)
        actor = reader.look.actor
        trust = trust_of(actor, self._work.settings)
        if trust is None:
            return reader, None
        return reader, Uploader(actor.kind.value, actor.name, actor.trust, *trust, address_of(request))

    async def of(self, request: Request, number: str) -> tuple[Reader, Upload]:
        """An upload of whoever asks. Raises NoSuchUpload."""
        reader, whose = await self.admit(request)
        try:
            wanted = UUID(number)
        except ValueError as error:
            raise NoSuchUpload from error
        if whose is None or str(wanted) != number:
            raise NoSuchUpload
        return reader, await self._work.desk.ask(self.uploads.find, whose, wanted)

    async def begin(self, request: Request) -> Response:
        """POST: creation, and creation-with-upload."""
        reader, whose = await self.admit(request)
        if whose is None:
            return no_trust()
        length, metadata = number_in(request.headers, "Upload-Length"), metadata_in(request.headers)
        promised = checksum_in(request.headers)
        limit = self.uploads.settings.size_limit
        if length > limit:
            return problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "Larger than this service takes",
                f"{limit:,} bytes are taken (uploads.size_limit)",
            )
        await reader.record(detail={"did": "began an upload"})
        try:
            begun = await self._work.desk.ask(self.uploads.begin, whose, length, metadata.named())
        except PersonsLimit as error:
            return problem(HTTPStatus.INSUFFICIENT_STORAGE, "No more uploads of yours", str(error))
        except NoRoom:
            return problem(HTTPStatus.INSUFFICIENT_STORAGE, "No room for this file")
        headers = {"Location": f"{PREFIX}/{begun.id}"}
        if _media_type(request) != CONTENT_TYPE:
            return Response(status_code=HTTPStatus.CREATED, headers={**headers, **_expiry(begun)})
        return await self._receive(request, begun, Sent(0, promised), HTTPStatus.CREATED, headers)

    async def ask(self, request: Request, number: str) -> Response:
        """HEAD: how much is here."""
        _, upload = await self.of(request, number)
        headers = {"Upload-Offset": str(upload.received), "Upload-Length": str(upload.length)}
        if upload.metadata:
            headers["Upload-Metadata"] = upload.metadata
        return Response(status_code=HTTPStatus.OK, headers={**headers, **_expiry(upload)})

    async def go_on(self, request: Request, number: str) -> Response:
        """PATCH: more bytes."""
        reader, upload = await self.of(request, number)
        if _media_type(request) != CONTENT_TYPE:
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not the bytes of an upload", f"send {CONTENT_TYPE}"
            )
        sent = Sent(number_in(request.headers, "Upload-Offset"), checksum_in(request.headers))
        await reader.record(detail={"did": "sent bytes of an upload", "upload": number})
        return await self._receive(request, upload, sent, HTTPStatus.NO_CONTENT, {})

    async def terminate(self, request: Request, number: str) -> Response:
        """DELETE: the upload goes, with its bytes."""
        reader, upload = await self.of(request, number)
        await reader.record(detail={"did": "removed an upload", "upload": number})
        await self._work.desk.ask(self.uploads.remove, upload.id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _receive(
        self, request: Request, upload: Upload, sent: Sent, status: HTTPStatus, headers: dict[str, str]
    ) -> Response:
        try:
            if 0 <= upload.length - sent.offset < int(request.headers.get("content-length", "0")):
                raise TooLong
            writing = await self._work.desk.ask(write, self.uploads, upload.id, sent.offset)
            receiving = Receiving(writing, upload.length, _GONE, sent.promised)
            async with read_ahead(request) as pieces:
                await to_thread.run_sync(receiving.take, pieces, limiter=self._bodies)
        except TooLong as error:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Longer than was said", str(error), headers)
        except OtherDigest as error:
            mismatch = problem(HTTPStatus.BAD_REQUEST, "Checksum mismatch", str(error), headers)
            mismatch.status_code = CHECKSUM_MISMATCH
            return mismatch
        except TakenOver as error:
            return problem(HTTPStatus.LOCKED, "Another request sends it now", str(error), headers)
        told = {**headers, "Upload-Offset": str(writing.offset)}
        if receiving.is_broken:  # what came is kept; nobody may be left to hear it
            return problem(HTTPStatus.REQUEST_TIMEOUT, "The body broke off", headers=told)
        now = await self._work.desk.ask(self.uploads.again, upload.id)
        return Response(status_code=status, headers={**told, **_expiry(now)})


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _expiry(upload: Upload) -> dict[str, str]:
    """Of an upload that is not whole, when it goes (tus 1.0.0, Expiration; RFC 9110 §5.6.7)."""
    if upload.state is not State.RECEIVING:
        return {}
    return {"Upload-Expires": format_datetime(upload.expires_at.astimezone(UTC), usegmt=True)}
