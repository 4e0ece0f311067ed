"""What services that we ask answer, read whole: so many bytes in so much time, whoever means to send more."""

from time import monotonic

import httpx

#: Of one answer: a search's page of a FHIR server, at most.
LIMIT_BYTES = 8 * 1024 * 1024
#: For its body, from first to last.
WITHIN_S = 60.0

#: Of the body as it was on its way.
_GONE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class Endless(httpx.ReadError):
    """It goes on, or takes its time."""


def whole_answer(
    client: httpx.Client, request: httpx.Request, limit_bytes: int = LIMIT_BYTES, within_s: float = WITHIN_S
) -> httpx.Response:
    """The answer to a request. Raises what the client raises, and Endless, which is one of these."""
    until = monotonic() + within_s
    answer = client.send(request, stream=True)
    try:
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > limit_bytes:
                raise Endless(f"more than {limit_bytes} bytes")
            if monotonic() > until:
                raise Endless(f"more than {within_s:.0f} s")
    finally:
        answer.close()
    headers = [each for each in answer.headers.multi_items() if each[0].lower() not in _GONE]
    return httpx.Response(answer.status_code, headers=headers, content=bytes(body), request=request)
