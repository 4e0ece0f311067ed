"""The tus protocol 1.0.0, as its text says (https://tus.io/protocols/resumable-upload)."""

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import connect
from starlette.datastructures import Headers

from exchange.policy import Role
from storage import receiving
from storage.errors import BadInput
from storage.upload import UploadSettings
from storage.upload_pieces import pieces_of
from storage.uploads import Uploads
from tests.viewer_api.conftest import PASSWORD, Place, an_account, bearer, sign_in
from tests.viewer_api.uploading.conftest import BYTES, TUS, Client, Someone, metadata
from viewer_api.uploading.tus import METADATA_LIMIT_BYTES, metadata_in

CONTENT = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file of 100 KB is many."""
    monkeypatch.setattr(receiving, "PIECE_BYTES", 10_000)


def number_of(url: str) -> UUID:
    return UUID(url.rpartition("/")[2])


def held(place: Place, url: str) -> bytes:
    """The bytes of an upload, as a conversion would read them."""
    pieces = pieces_of(place.ingest.index.pool, number_of(url))
    assert all(each.size <= 10_000 for each in pieces)
    return b"".join(b"".join(place.objects.read(each.key)) for each in pieces)


def objects_of(place: Place) -> set[str]:
    return {each.key for each in place.objects.list()}


def sha1(content: bytes) -> str:
    return f"sha1 {base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()}"


def test_what_the_service_can_do_is_told_to_anybody(closed_api: httpx.Client) -> None:
    for path in ("/uploads", "/uploads/any"):
        answer = closed_api.options(path)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == (
            "creation,creation-with-upload,checksum,termination,expiration"
        )
        assert "sha1" in answer.headers["tus-checksum-algorithm"].split(",")
        assert int(answer.headers["tus-max-size"]) == UploadSettings().size_limit


def test_a_file_comes_in_several_requests(place: Place, client: Client) -> None:
    said = metadata(filename="heart.xml", confidential="")
    begun = client.begin(len(CONTENT), **{"Upload-Metadata": said})
    url = begun.headers["location"]

    assert begun.status_code == 201
    assert begun.headers["tus-resumable"] == "1.0.0"
    assert begun.headers["upload-expires"].endswith("GMT")
    assert client.offset(url) == 0
    for start, stop in pairwise((0, 1, 35_000, 35_000, 70_000, len(CONTENT))):
        answer = client.send(url, start, CONTENT[start:stop])
        assert answer.status_code == 204
        assert int(answer.headers["upload-offset"]) == client.offset(url) == stop
    head = client.http.head(url, headers={**client.headers, **TUS})
    assert head.headers["upload-length"] == str(len(CONTENT))
    assert head.headers["upload-metadata"] == said
    assert head.headers["cache-control"] == "no-store"
    assert held(place, url) == CONTENT
    shown = client.shown(url)
    assert (shown["name"], shown["state"], shown["received"]) == ("heart.xml", "whole", len(CONTENT))


def test_the_first_bytes_may_come_with_the_creation(place: Place, client: Client) -> None:
    headers = {**client.headers, **BYTES, "Upload-Length": str(len(CONTENT))}
    first = client.http.post("/uploads", headers=headers, content=CONTENT[:25_000])
    url = first.headers["location"]

    assert (first.status_code, first.headers["upload-offset"]) == (201, "25000")
    assert client.send(url, 25_000, CONTENT[25_000:]).status_code == 204
    assert held(place, url) == CONTENT


def test_a_file_without_bytes_is_whole_at_once(client: Client) -> None:
    assert client.shown(client.begun(0))["state"] == "whole"


def test_a_checksum_holds_or_nothing_of_the_request_counts(place: Place, client: Client) -> None:
    url = client.begun(len(CONTENT))
    before = objects_of(place)

    wrong = client.send(url, 0, CONTENT[:30_000], **{"Upload-Checksum": sha1(b"other")})
    unknown = client.send(url, 0, CONTENT[:30_000], **{"Upload-Checksum": "crc99 AAAA"})

    assert (wrong.status_code, unknown.status_code) == (460, 400)
    assert wrong.headers["tus-resumable"] == "1.0.0"
    assert client.offset(url) == 0
    assert objects_of(place) == before
    right = client.send(url, 0, CONTENT, **{"Upload-Checksum": sha1(CONTENT)})
    assert right.status_code == 204
    assert held(place, url) == CONTENT


def test_a_removed_upload_is_gone_with_its_bytes(place: Place, client: Client) -> None:
    url = client.begun(len(CONTENT))
    client.send(url, 0, CONTENT[:50_000])
    assert objects_of(place)

    assert client.remove(url).status_code == 204
    assert not objects_of(place)
    assert client.http.head(url, headers={**client.headers, **TUS}).status_code == 404
    assert client.send(url, 50_000, CONTENT[50_000:]).status_code == 404
    assert client.remove(url).status_code == 404


def test_what_is_not_the_protocol_is_refused(client: Client) -> None:
    url = client.begun(100)
    http, headers = client.http, client.headers

    def status(method: str, path: str, **given: str) -> int:
        named = {name.replace("_", "-"): value for name, value in given.items()}
        return http.request(method, path, headers={**headers, **named}, content=b"x").status_code

    good = {"Tus_Resumable": "1.0.0", "Content_Type": BYTES["Content-Type"]}
    another = http.patch(url, headers={**headers, **BYTES, "Tus-Resumable": "0.2.2", "Upload-Offset": "0"})
    assert (another.status_code, another.headers["tus-version"]) == (412, "1.0.0")
    assert status("PATCH", url, **{**good, "Tus_Resumable": ""}, Upload_Offset="0") == 412
    assert http.post("/uploads", headers={**headers, "Upload-Length": "1"}).status_code == 412
    assert status("PATCH", url, **{**good, "Content_Type": "text/plain"}, Upload_Offset="0") == 415
    assert status("PATCH", url, **good, Upload_Offset="1") == 409
    assert status("PATCH", url, **good, Upload_Offset="101") == 409
    assert status("PATCH", url, **good, Upload_Offset="-1") == 400
    assert status("PATCH", url, **good) == 400
    assert client.begin(-1).status_code == 400
    assert client.begin(10**19).status_code == 400
    assert client.begin(UploadSettings().size_limit + 1).status_code == 413
    assert http.post("/uploads", headers={**headers, **TUS}).status_code == 400
    assert http.post("/uploads", headers={**headers, **TUS, "Upload-Defer-Length": "1"}).status_code == 400
    assert http.post(url, headers={**headers, **TUS}).status_code == 405
    assert client.offset(url) == 0


def test_the_method_may_stand_in_a_header(client: Client) -> None:
    url = client.begun(3)
    headers = {**client.headers, **BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}

    assert client.http.post(url, headers=headers, content=b"abc").status_code == 204
    assert client.offset(url) == 3


def test_more_bytes_than_were_said_are_refused(place: Place, client: Client) -> None:
    url = client.begun(25_000)

    def unsaid() -> Iterator[bytes]:
        yield CONTENT[:25_000]
        yield b"one more"

    assert client.send(url, 0, CONTENT[:25_001]).status_code == 413
    assert client.offset(url) == 0
    assert client.send(url, 0, unsaid()).status_code == 413
    assert client.offset(url) == 20_000  # the pieces before the one that was too long
    assert client.shown(url)["state"] == "receiving"
    assert client.send(url, 20_000, CONTENT[20_000:25_000]).status_code == 204
    assert held(place, url) == CONTENT[:25_000]


def cut_off(client: Client, url: str, content: bytes, offset: int = 0, length: int = 10**6) -> socket.socket:
    """A request of which no more than `content` ever comes."""
    base = client.http.base_url
    connection = socket.create_connection((base.host, base.port or 80), timeout=60)
    given = {**client.headers, **BYTES, "Upload-Offset": str(offset), "Content-Length": str(length)}
    lines = [
        f"PATCH {url} HTTP/1.1",
        f"Host: {base.host}:{base.port}",
        *(f"{k}: {v}" for k, v in given.items()),
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
    return connection


def wait_for(client: Client, url: str, offset: int) -> None:
    waiting = threading.Event()
    for _ in range(1200):
        if client.offset(url) == offset:
            return
        waiting.wait(0.05)
    raise AssertionError(f"{client.offset(url)} and not {offset}")


def test_what_came_before_the_connection_broke_is_kept(place: Place, client: Client) -> None:
    url = client.begun(len(CONTENT))
    broken = cut_off(client, url, CONTENT[:34_567], length=len(CONTENT))
    wait_for(client, url, 30_000)
    broken.close()
    wait_for(client, url, 34_567)

    assert client.send(url, 34_567, CONTENT[34_567:]).status_code == 204
    assert held(place, url) == CONTENT


def test_of_two_that_send_one_wins(place: Place, client: Client) -> None:
    url = client.begun(len(CONTENT))
    dead = cut_off(client, url, CONTENT[:15_000], length=len(CONTENT))
    wait_for(client, url, 10_000)

    assert client.send(url, 10_000, CONTENT[10_000:60_000]).status_code == 204
    dead.sendall(b"?" * (len(CONTENT) - 15_000))
    assert dead.makefile("rb").readline().split()[1] == b"423"
    dead.close()
    assert client.offset(url) == 60_000
    assert client.send(url, 60_000, CONTENT[60_000:]).status_code == 204
    assert held(place, url) == CONTENT
    assert len(objects_of(place)) == len(pieces_of(place.ingest.index.pool, number_of(url)))


def test_the_same_bytes_sent_by_many_at_once_arrive_once(place: Place, client: Client) -> None:
    url = client.begun(len(CONTENT))
    statuses: list[int] = []

    def send() -> None:
        statuses.append(client.send(url, 0, CONTENT).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    offset = client.offset(url)
    if offset < len(CONTENT):
        assert client.send(url, offset, CONTENT[offset:]).status_code == 204

    assert set(statuses) <= {204, 409, 423}
    assert statuses.count(204) <= 1
    assert held(place, url) == CONTENT


def test_an_upload_is_nobody_elses(someone: Someone, place: Place, closed_api: httpx.Client) -> None:
    robin, jay = someone("robin"), someone("jay")
    url = robin.upload(CONTENT)
    unfinished = robin.begun(10)

    for path in (url, unfinished):
        assert jay.http.head(path, headers={**jay.headers, **TUS}).status_code == 404
        assert jay.http.get(path, headers=jay.headers).status_code == 404
        assert jay.http.put(f"{path}/case", headers=jay.headers, json={}).status_code == 404
        assert jay.send(path, 0, b"x").status_code == 404
        assert jay.remove(path).status_code == 404
    assert jay.http.get("/uploads", headers=jay.headers).json() == []
    assert len(robin.http.get("/uploads", headers=robin.headers).json()) == 2
    elsewhere = Client(closed_api, bearer(place, Role.CONTRIBUTOR, "wren", "RXX"))
    assert elsewhere.begin(10).status_code == 403  # whose it would be, nobody knows


def test_what_is_no_number_of_an_upload_is_not_found(client: Client) -> None:
    for number in ("1", "%2e%2e", "..%2f..%2fetc", "0" * 32, "urn:uuid:" + "0" * 32, "x" * 2000, "é"):
        assert client.http.get(f"/uploads/{number}", headers=client.headers).status_code in (400, 404)
        assert client.send(f"/uploads/{number}", 0, b"x").status_code in (400, 404)


def test_uploads_are_closed_and_recorded(place: Place, closed_api: httpx.Client, client: Client) -> None:
    for role in (Role.READER, Role.AUDITOR, Role.COORDINATOR):
        assert Client(closed_api, bearer(place, role, role.value)).begin(10).status_code == 403
    assert Client(closed_api).begin(10).status_code == 401
    url = client.upload(CONTENT)
    client.remove(url)

    with connect(place.database) as connection:
        rows = connection.execute("select actor, outcome, detail->>'did' from audit order by id").fetchall()
    assert [row[1] for row in rows] == ["refused"] * 4 + ["allowed"] * 3
    assert [row[2] for row in rows[4:]] == ["began an upload", "sent bytes of an upload", "removed an upload"]
    assert {row[0] for row in rows[4:]} == {"robin"}


def test_a_browser_uploads_from_our_own_pages_alone(place: Place, client: Client) -> None:
    an_account(place, Role.CONTRIBUTOR)
    http = client.http
    sign_in(http, password=PASSWORD)
    headers = {**TUS, "Upload-Length": "3"}

    assert http.post("/uploads", headers={**headers, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert (
        http.post("/uploads", headers={**headers, "Origin": "https://elsewhere.example"}).status_code == 403
    )
    assert http.post("/uploads", headers={**headers, "Sec-Fetch-Site": "same-origin"}).status_code == 201


def test_a_person_has_so_much_and_no_more(
    place: Place, client: Client, someone: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        client.begun(10)
    with connect(place.database) as connection:
        connection.execute("update upload set length = %s", (UploadSettings().person_limit // 3,))

    answer = client.begin(1000)
    assert answer.status_code == 507
    assert "remove files" in answer.json()["detail"]
    assert someone("jay").begin(1000).status_code == 201
    monkeypatch.setattr(type(place.objects.store), "room", lambda _: 999)
    assert someone("wren").begin(1000).status_code == 507
    assert someone("owl").begin(999).status_code == 201


def test_what_expired_is_gone(place: Place, client: Client) -> None:
    url, other = client.begun(len(CONTENT)), client.begun(10)
    client.send(url, 0, CONTENT[:50_000])
    with connect(place.database) as connection:
        connection.execute(
            "update upload set expires_at = now() - interval '1 s' where id = %s", (url.rpartition("/")[2],)
        )

    assert client.send(url, 50_000, CONTENT[50_000:]).status_code == 404
    uploads = Uploads(place.ingest.index.pool, place.objects, UploadSettings())
    assert uploads.tidy() == 1
    assert not objects_of(place)
    assert [each["url"] for each in client.http.get("/uploads", headers=client.headers).json()] == [other]
    assert uploads.tidy() == 0


@pytest.mark.parametrize(
    "text",
    [
        "filename !", "filename YQ==,filename YQ==", "a YQ==,,b YQ==", "a,b YQ=", "ключ YQ==",
        ",".join(f"k{n} YQ==" for n in range(33)),
    ],
)  # fmt: skip
def test_metadata_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        metadata_in(Headers(raw=[(b"upload-metadata", text.encode())]))


def test_a_key_without_a_value_is_one() -> None:
    assert metadata_in(Headers({"upload-metadata": "filename,confidential"})).file_name == "unnamed"


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "a\\b", "a\nb", "/".join("x" * 9), "x" * 256, ".."],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    given = Headers({"upload-metadata": metadata(filename="x", batch="b", relativePath=path)})
    with pytest.raises(BadInput):
        metadata_in(given).named()


def test_a_path_counts_within_its_batch_alone() -> None:
    told = {"filename": "S.ini", "relativePath": "slide/S.ini"}
    alone = metadata_in(Headers({"upload-metadata": metadata(**told)})).named()
    among = metadata_in(Headers({"upload-metadata": metadata(**told, batch="b")})).named()
    assert (alone.batch, alone.path) == ("", "")
    assert (among.batch, among.path, among.name) == ("b", "slide/S.ini", "S.ini")


def test_metadata_beyond_their_limit_are_refused(client: Client) -> None:
    said = {"Upload-Metadata": metadata(filename="x" * METADATA_LIMIT_BYTES)}
    assert client.begin(10, **said).status_code == 400


@given(st.binary(max_size=300))
def test_a_name_is_a_name_whatever_was_sent(raw: bytes) -> None:
    text = f"filename {base64.b64encode(raw).decode()}"
    name = metadata_in(Headers({"upload-metadata": text})).file_name

    assert name
    assert name.isprintable()
    assert len(name) <= 255
    assert not {"/", "\\"} & set(name)


@given(st.text(st.characters(codec="latin-1"), max_size=100))
def test_any_metadata_are_read_or_refused(text: str) -> None:
    with suppress(BadInput):
        assert metadata_in(Headers(raw=[(b"upload-metadata", text.encode("latin-1"))])).file_name
