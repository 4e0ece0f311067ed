"""A body of which a reader may ask for a part, and go on where it broke off (RFC 9110 §14)."""

from collections.abc import Callable, Iterator
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from viewer_api.bodies import Sender, head_alone
from viewer_api.byte_ranges import ByteRange, Unsatisfiable, wanted_range

#: From a byte up to, not including, another.
Read = Callable[[int, int], Iterator[bytes]]


async def send_ranged(
    sender: Sender, request: Request, read: Read, size: int, media_type: str, headers: dict[str, str]
) -> Response:
    """All of it, or one range of bytes. `headers` hold its ETag. Raises 416."""
    headers["Accept-Ranges"] = "bytes"
    if request.method == "HEAD":
        return head_alone(media_type, size, headers)
    try:
        asked = wanted_range(request, headers["ETag"], size)
    except Unsatisfiable as error:
        said = {"Content-Range": f"bytes */{error.size}"}
        raise HTTPException(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=said) from error
    status = HTTPStatus.OK if asked is None else HTTPStatus.PARTIAL_CONTENT
    if asked is None:
        asked = ByteRange(0, size)
    else:
        headers["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{size}"
    chunks = read(asked.start, asked.stop)
    return await sender.send(chunks, media_type, asked.stop - asked.start, headers, status)
