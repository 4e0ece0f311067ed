"""The HTTP edge on a real PostgreSQL and real files, behind a real server on loopback."""

import re
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool
from structlog.testing import LogCapture

from dicom_router.rules.desk import RuleDesk
from exchange import tokens
from exchange.accounts import Account, PostgresAccounts
from exchange.policy import Role
from exchange.trusts import Trust
from storage.files import FileObjects
from storage.index import PostgresIndex
from storage.ingest import Incoming, Ingest
from storage.origin import Origin
from storage.part10 import read_meta
from storage.receipt import Outcome, Receipt
from storage.staging import StagedObjects
from viewer_api.app import create_app
from viewer_api.heads import BoundedHeads
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

OPEN = Trust("OPEN", "Whoever sends to an open service", "OPEN")
ORIGIN = Origin("CT1", "RBS", "RBS", "127.0.0.1", "IMX", datetime(2026, 1, 2, tzinfo=UTC))


@dataclass
class Place:
    """An archive that tests fill through its one door."""

    database: str
    objects: StagedObjects
    ingest: Ingest
    received: dict[str, bytes] = field(default_factory=dict)  # data sets by SOP Instance UID

    def keep(
        self, sop_class: str, uid: str, syntax: str, data_set: bytes, origin: Origin = ORIGIN
    ) -> Receipt:
        """Store one data set as a sender would."""
        receipt = self.ingest.accept(Incoming(sop_class, uid, syntax), [data_set], origin)
        if receipt.outcome is Outcome.KEPT:
            self.received[uid] = data_set
        return receipt

    def keep_file(self, path: Path, origin: Origin = ORIGIN) -> Receipt:
        """Store the data set of a Part 10 file."""
        raw = path.read_bytes()
        meta = read_meta(raw)
        return self.keep(
            meta.sop_class_uid,
            meta.sop_instance_uid,
            meta.transfer_syntax_uid,
            raw[meta.data_offset :],
            origin,
        )


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, object]]]:
    """The log, kept from the console that pytest takes away from threads."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.reset_defaults()


@pytest.fixture
def place(database: str, tmp_path: Path) -> Iterator[Place]:
    with ConnectionPool(database, min_size=1, max_size=4) as pool:
        objects = StagedObjects(FileObjects(tmp_path / "objects", watermark_bytes=0), pool)
        yield Place(database, objects, Ingest(objects, PostgresIndex(pool)))


@contextmanager
def serving(
    parts: ApiParts, listener: socket.socket | None = None, app: FastAPI | None = None
) -> Iterator[str]:
    """The application of these parts, or another, behind uvicorn in a thread; its URL.

    On a socket of yours, or one of its own.
    """
    config = uvicorn.Config(
        app or create_app(parts), host="127.0.0.1", port=0, loop="uvloop", http=BoundedHeads, ws="none",
        log_config=None, access_log=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    sockets = [listener] if listener else None
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise TimeoutError("the server did not start")
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def open_api(place: Place) -> Iterator[httpx.Client]:
    """A reader of an open service."""
    parts = ApiParts(
        settings=ApiSettings(is_open=True, open_trust=OPEN),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def closed_api(place: Place) -> Iterator[httpx.Client]:
    """A stranger before a service as it is by default."""
    parts = ApiParts(
        settings=ApiSettings(),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def bearer(
    place: Place, role: Role = Role.READER, name: str = "reader", trust: str = "RBS"
) -> dict[str, str]:
    """The header of somebody with a token of that role."""
    token = tokens.create(place.database, name, role, trust, datetime.now(UTC) + timedelta(hours=1))
    return {"Authorization": f"Bearer {token}"}


#: Of every account that `an_account` makes.
PASSWORD = "seven green bicycles"


def an_account(
    place: Place, role: Role = Role.READER, name: str = "reader", trust: str = "RBS"
) -> tuple[Account, str]:
    """Somebody who signs in with a name and a password that they chose; and the password."""
    accounts = PostgresAccounts(place.ingest.index.pool)
    accounts.create(name, role, trust, "test")
    accounts.change_password(accounts.named(name), PASSWORD)
    return accounts.named(name), PASSWORD


def open_page(api: httpx.Client, path: str) -> str:
    """The token of the form on that page, for the cookies that the browser then holds."""
    page = api.get(path)
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    assert found, (page.status_code, page.headers, page.text[:300])
    return found[1]


def sign_in(
    api: httpx.Client, name: str = "reader", password: str = PASSWORD, page: str = "/sign-in"
) -> httpx.Response:
    """Send the form of that page, as a browser would."""
    token = open_page(api, page)
    form = {
        "name": name,
        "password": password,
        "form_token": token,
        "next": httpx.URL(page).params.get("next", ""),
    }
    return api.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
