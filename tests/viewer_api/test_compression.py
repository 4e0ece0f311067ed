"""What readers who ask for it get compressed, and that it is the same then."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from viewer_api.compression import CODINGS, LEAST_BYTES, Compressed, choose_coding
from viewer_api.media import DICOM_JSON

TEXT = b'{"00100010":{"vr":"PN"}}' * 5000


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("GZIP ; q=0.8", "gzip"),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, *", "zstd"),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.6", "gzip"),
        ("br, deflate", None),
        ("", None),
        ("gzip;q=nonsense", "gzip"),
    ],
)
def test_a_reader_gets_what_it_likes_best(accepted: str, coding: str | None) -> None:
    assert choose_coding(accepted) == coding


@given(st.text(max_size=60))
def test_every_header_means_something(accepted: str) -> None:
    assert choose_coding(accepted) in {None, *CODINGS}


def ask(app: ASGIApp, **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app=Compressed(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://imx.example") as client:
            request = client.build_request("GET", "/", headers=headers)
            answer = await client.send(request, stream=True)
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        return httpx.Response(answer.status_code, headers=answer.headers, request=request, stream=_Raw(raw))

    return asyncio.run(asked())


class _Raw(httpx.SyncByteStream):
    def __init__(self, raw: bytes) -> None:
        self.raw = raw


def raw_of(answer: httpx.Response) -> bytes:
    assert isinstance(answer.stream, _Raw)
    return answer.stream.raw


def decoded(answer: httpx.Response) -> bytes:
    match answer.headers.get("content-encoding"):
        case "gzip":
            return gzip.decompress(raw_of(answer))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(raw_of(answer))
    return raw_of(answer)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_it_says_the_same(coding: str, is_streamed: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(TEXT), 7000):
            yield TEXT[start : start + 7000]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        whole = Response(TEXT, headers={"ETag": 'W/"1"', "Vary": "Accept"}, media_type=DICOM_JSON)
        streamed = StreamingResponse(pieces(), media_type=DICOM_JSON)
        await (streamed if is_streamed else whole)(scope, receive, send)

    answer = ask(app, **{"Accept-Encoding": coding})

    assert answer.headers["content-encoding"] == coding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert decoded(answer) == TEXT
    assert len(raw_of(answer)) < len(TEXT) / 10
    if is_streamed:
        assert "content-length" not in answer.headers
    else:
        assert int(answer.headers["content-length"]) == len(raw_of(answer))


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (Response(TEXT, media_type="application/dicom"), "pixels"),
        (Response(TEXT, media_type='multipart/related; type="application/dicom"'), "pixels"),
        (Response(TEXT[: LEAST_BYTES - 1], media_type=DICOM_JSON), "short"),
        (Response(status_code=304, headers={"Content-Type": DICOM_JSON}), "nothing"),
        (
            Response(zlib.compress(TEXT), headers={"Content-Encoding": "deflate"}, media_type=DICOM_JSON),
            "already",
        ),
        (Response(TEXT, 206, media_type=DICOM_JSON), "a part"),
    ],
)
def test_what_is_left_as_it_is(response: Response, why: str) -> None:
    answer = ask(response, **{"Accept-Encoding": "gzip, zstd"})

    assert answer.headers.get("content-encoding") != "gzip"
    assert raw_of(answer) == response.body


def test_who_does_not_ask_gets_it_plain() -> None:
    assert raw_of(ask(Response(TEXT, media_type=DICOM_JSON), **{"Accept-Encoding": "identity"})) == TEXT
