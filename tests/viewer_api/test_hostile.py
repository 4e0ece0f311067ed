"""What no well-meaning client sends: each is refused with a reason, and who sent it is recorded."""

import socket
import time
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import connect
from pydicom.uid import generate_uid

from exchange.policy import Role
from storage.dicom_json import DEPTH_LIMIT
from storage.part10 import write_meta
from tests.storage.material import instance
from tests.storage.strategies import write
from tests.viewer_api.conftest import Place, bearer, serving
from tests.viewer_api.test_describing import bulk, jpeg, metadata, photograph, send, why
from viewer_api import limited
from viewer_api.app import create_app
from viewer_api.heads import HEAD_LIMIT_BYTES, BoundedHeads
from viewer_api.limits import (
    ACCEPT_LIMIT,
    BODY_LIMIT_BYTES,
    HEADERS_LIMIT,
    HEADERS_LIMIT_BYTES,
    PARAMETERS_LIMIT,
    RANGES_LIMIT,
    URL_LIMIT_BYTES,
    broken_by_head,
)
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

STUDY = "/dicom-web/studies/1.2.3"


def raw(client: httpx.Client, head: bytes) -> int:
    """The status that bytes of our own making are answered with; 0 where the connection just ends."""
    url = client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        try:
            connection.sendall(head)
            answer = connection.makefile("rb").readline()
        except ConnectionError:
            return 0
    return int(answer.split()[1]) if answer else 0


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1")


def refusals(place: Place) -> list[tuple[str, str]]:
    """Who was refused, and why."""
    with connect(place.database) as connection:
        rows = connection.execute("select actor, because from audit where outcome = 'refused' order by id")
        return cast(list[tuple[str, str]], rows.fetchall())


# Paths and headers --------------------------------------------------------------------------------


#: One server for all of them: what is refused is refused before anything is looked at.
PATHS = (
    "/dicom-web/studies/1.2%2f..%2f..%2fetc", "/dicom-web/studies/1%5c2", "/dicom-web/studies/1.2%00",
    "/dicom-web/../health/live", "/dicom-web/%2e%2e/health/live", "/dicom-web//studies",
    "/dicom-web/./studies", "/dicom-web/studies/%c0%ae%c0%ae", "/dicom-web/studies/%ff",
    "/dicom-web/studies/%0d%0aSet-Cookie:a=b", "/dicom-web/studies?PatientName=%00",
)  # fmt: skip


def test_tricks_with_paths_are_refused(open_api: httpx.Client) -> None:
    assert {path: raw(open_api, get(path)) for path in PATHS} == dict.fromkeys(PATHS, 400)


HEADS = (
    (get(f"{STUDY}?a={'x' * URL_LIMIT_BYTES}"), 414),
    (get(f"{STUDY}/{'9' * URL_LIMIT_BYTES}"), 414),
    (get(f"{STUDY}?{'&'.join(['limit=1'] * (PARAMETERS_LIMIT + 1))}"), 400),
    (get(STUDY, f"X: {'x' * HEADERS_LIMIT_BYTES}"), 431),
    (get(STUDY, *(f"X-{n}: 1" for n in range(HEADERS_LIMIT))), 431),
    (get(STUDY, "Accept: " + ", ".join(["a/b"] * (ACCEPT_LIMIT + 1))), 431),
    (get(STUDY, *["Accept: a/b"] * (ACCEPT_LIMIT + 1)), 431),
    (get(STUDY, "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(RANGES_LIMIT + 1))), 416),
    (get(STUDY, "Authorization: Bearer a", "Authorization: Bearer b"), 400),
    (get(STUDY, "Host: elsewhere"), 421),
    (get(STUDY, "Connection: upgrade", "Upgrade: h2c"), 400),
    (get(STUDY, "Content-Length: 1", "Content-Length: 2"), 400),
    (get(STUDY, "Content-Length: -1"), 400),
    (get(STUDY, "Transfer-Encoding: chunked", "Content-Length: 5"), 400),
    (get(STUDY, "a header without a colon"), 400),
    (b"GET " + STUDY.encode() + b"\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"\0\1\2\3\r\n\r\n", 400),
    (b"TRACE " + STUDY.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
)


def test_heads_beyond_their_limits_are_refused(open_api: httpx.Client) -> None:
    for number, (head, status) in enumerate(HEADS):
        assert raw(open_api, head) == status, number
    assert open_api.get("/health/live").status_code == 200


def test_a_head_without_end_is_cut(open_api: httpx.Client) -> None:
    assert raw(open_api, b"GET / HTTP/1.1\r\nX: " + b"x" * (8 * HEAD_LIMIT_BYTES)) == 0


def test_a_head_that_never_comes_is_not_waited_for(
    place: Place, open_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHeads, "head_s", 0.2)

    assert raw(open_api, b"") == 0
    assert raw(open_api, b"GET /health/live HTTP/1.1\r\nHost: local") == 0


def test_requests_one_after_another_keep_one_connection(open_api: httpx.Client) -> None:
    url = open_api.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(get("/health/live"))
            lines = iter(stream.readline, b"\r\n")
            named = dict(line.decode().lower().rstrip().split(": ", 1) for line in list(lines)[1:])
            assert stream.read(int(named["content-length"])) == b'{"live":true}'


@given(
    st.binary(max_size=60), st.binary(max_size=60), st.lists(st.tuples(st.binary(), st.binary()), max_size=5)
)
def test_every_head_is_decided_over(path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    broken = broken_by_head(path, query, headers)

    assert broken is None or 400 <= broken.status < 500


@given(st.lists(st.integers(0, 10**12).map(str), min_size=1, max_size=8))
def test_ordinary_requests_break_no_limit(uid: list[str]) -> None:
    path = f"/dicom-web/studies/{'.'.join(uid)}/series/1.2/instances/1.2.3/frames/1,2,3".encode()

    assert broken_by_head(path, b"accept=application%2Fdicom%2Bjson", [(b"accept", b"*/*")]) is None


# Who sent it --------------------------------------------------------------------------------------


def test_refusals_are_recorded_of_whoever_is_known(place: Place, closed_api: httpx.Client) -> None:
    path = f"{STUDY}?a={'x' * URL_LIMIT_BYTES}"

    assert closed_api.get(path).status_code == 414
    assert refusals(place) == []  # a stranger's: counted, and no row of ours to fill the disk with
    assert closed_api.get(path, headers=bearer(place)).status_code == 414
    assert closed_api.get(path, headers={"Authorization": "Bearer none"}).status_code == 414
    assert [actor for actor, _ in refusals(place)] == ["reader", "anonymous"]
    assert refusals(place)[0][1] == f"a URL of more than {URL_LIMIT_BYTES:,} bytes"


def test_a_refusal_says_why_in_a_problem_body(closed_api: httpx.Client) -> None:
    answer = closed_api.get(f"{STUDY}?a={'x' * URL_LIMIT_BYTES}")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 414
    assert "xxx" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


# Bodies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/withdrawals/1/decision", "/rejections/1/decision", "/sign-in"])
def test_a_body_beyond_its_size_is_refused(place: Place, closed_api: httpx.Client, path: str) -> None:
    coordinator = bearer(place, Role.COORDINATOR)
    method = "POST" if path == "/sign-in" else "PUT"

    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT_BYTES // 65536 + 2):
            yield b" " * 65536

    declared = {**coordinator, "Content-Length": str(BODY_LIMIT_BYTES + 1)}
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in declared.items()) + "\r\n"
    assert raw(closed_api, head.encode()) == 413
    try:
        answer = closed_api.request(method, path, content=chunks(), headers=coordinator)
    except (httpx.WriteError, httpx.ReadError):  # it ended the connection while we were still sending
        return
    assert answer.status_code in (400, 403, 413)


def test_a_body_that_does_not_come_is_not_waited_for(
    place: Place, closed_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bearer(place, Role.COORDINATOR)["Authorization"]
    pool = place.ingest.index.pool
    parts = ApiParts(
        settings=ApiSettings(), objects=place.objects, door=place.ingest, database=place.database, pool=pool,
        rules=cast(Any, None),
    )  # fmt: skip
    monkeypatch.setattr(limited.Limited.__init__, "__defaults__", (0.2,))
    with serving(parts) as url:
        head = (
            f"PUT /rejections/1/decision HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n"
            "Content-Length: 50\r\n\r\n{"
        )
        assert raw(httpx.Client(base_url=url), head.encode()) == HTTPStatus.REQUEST_TIMEOUT


BODIES = (
    b"[" * 100_000, b'{"choice":' * 50_000, b"\xff\xfe", b"{" + b'"a":' * 9, b'"\\ud800"', b"7",
)  # fmt: skip


def test_json_of_another_shape_is_refused(place: Place, closed_api: httpx.Client) -> None:
    who = bearer(place, Role.COORDINATOR)
    for body in BODIES:
        answer = closed_api.put("/rejections/1/decision", content=body, headers=who)
        assert answer.status_code == 400, body[:20]


def test_compressed_bodies_are_not_taken(place: Place, closed_api: httpx.Client) -> None:
    headers = bearer(place, Role.CONTRIBUTOR) | {"Content-Encoding": "gzip"}

    assert closed_api.post("/dicom-web/studies", content=b"x", headers=headers).status_code == 415


# Stored bombs -----------------------------------------------------------------------------------


def test_a_deflated_bomb_costs_its_sender_alone(place: Place, open_api: httpx.Client) -> None:
    made = instance()
    plain = write(made, "1.2.840.10008.1.2.1").data
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    element = b"\xe1\x7f\x01\x10OB\0\0" + (1 << 30).to_bytes(4, "little")
    bomb = packer.compress(plain + element)
    bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
    file = BytesIO()
    file.write(write_meta(str(made.SOPClassUID), str(made.SOPInstanceUID), "1.2.840.10008.1.2.1.99"))
    file.write(bomb)

    answer = send(
        open_api, ({"Content-Type": "application/dicom"}, file.getvalue()), kind="application/dicom"
    )

    assert (answer.status_code, "200 times" in why(answer)[0]) == (409, True)
    assert open_api.get("/dicom-web/instances").json() == []


def test_metadata_nested_without_end(open_api: httpx.Client) -> None:
    for depth in (DEPTH_LIMIT + 1, 400, 100_000):
        nested = b'{"00081140":{"vr":"SQ","Value":[' * depth + b"{}" + b"]}}" * depth
        answer = send(open_api, ({"Content-Type": "application/dicom+json"}, b"[" + nested + b"]"))
        assert answer.status_code == 409
        assert "nested" in why(answer)[0]


def test_an_xml_bomb_is_never_lit(open_api: httpx.Client) -> None:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{lines}]><NativeDicomModel>&a11;</NativeDicomModel>'.encode()

    answer = send(open_api, ({"Content-Type": "application/dicom+xml"}, bomb), kind="application/dicom+xml")

    assert answer.status_code == 409
    assert "entity" in why(answer)[0]


def test_a_part_of_endless_headers_is_refused(open_api: httpx.Client) -> None:
    parts = [({"Content-Type": "image/jpeg", **{f"X-{n}": "x" * 900 for n in range(20)}}, b"x")]

    assert send(open_api, *parts).status_code == 400


def test_parts_without_number_are_refused(open_api: httpx.Client) -> None:
    body = b"--xyz\r\n\r\n\r\n" * 20_001 + b"--xyz--\r\n"
    answer = open_api.post(
        "/dicom-web/studies",
        content=body,
        headers={"Content-Type": "multipart/related; type=application/dicom; boundary=xyz"},
    )

    assert answer.status_code == 409
    assert "20,000" in why(answer)[-1]


def test_one_picture_for_many_instances_is_kept_for_each_once(open_api: httpx.Client) -> None:
    described = [photograph() for _ in range(30)]

    answer = send(open_api, metadata(*described), bulk("image/jpeg", jpeg()))

    assert len(answer.json()["00081199"]["Value"]) == 30


def test_uris_that_name_other_places_are_names_and_no_more(open_api: httpx.Client) -> None:
    for uri in ("file:///etc/passwd", "http://169.254.169.254/", "../../etc/passwd"):
        described = photograph(**{"7FE00010": {"vr": "OB", "BulkDataURI": uri}})
        answer = send(open_api, metadata(described))
        assert (answer.status_code, why(answer)) == (409, ["a bulk part that its metadata name did not come"])


# What nobody foresaw --------------------------------------------------------------------------------


def test_a_route_that_fails_tells_nothing_of_why(place: Place, logged: list[Any]) -> None:
    name = generate_uid()
    parts = ApiParts(
        settings=ApiSettings(is_open=True), objects=place.objects, door=place.ingest, database=place.database,
        pool=place.ingest.index.pool, rules=cast(Any, None),
    )  # fmt: skip
    app = create_app(parts)

    async def fails() -> None:
        raise RuntimeError(f"Smith^Jo {name}")

    app.add_api_route("/fails", fails)
    with serving(parts, app=app) as url:
        answer = httpx.get(f"{url}/fails", timeout=60)

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert orjson.loads(answer.content) == {
        "type": "about:blank", "title": "The service failed", "status": 500,
    }  # fmt: skip
    told = f"{answer.text}{answer.headers}{logged}"
    assert not any(word in told for word in (name, "Smith", "Traceback", 'File "'))
    deadline = time.monotonic() + 60
    while not any(entry.get("event") == "api.failed" for entry in logged) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any(entry.get("event") == "api.failed" for entry in logged)
