"""Two APIs on one database and one S3: an upload that one began, the other goes on with."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from psycopg_pool import ConnectionPool

from dicom_router.rules.desk import RuleDesk
from exchange.policy import Role
from exchange.registry import PostgresRegistry, Trust
from storage import receiving
from storage.index import PostgresIndex
from storage.ingest import Ingest
from storage.s3 import connect
from storage.staging import StagedObjects
from storage.upload import State, Uploader, UploadSettings
from storage.upload_pieces import pieces_of
from storage.uploads import Uploads
from tests.seaweed import ACCESS_KEY, SECRET_KEY, running
from tests.viewer_api.conftest import Place, bearer, serving
from tests.viewer_api.uploading.conftest import Client
from tests.viewer_api.uploading.test_tus import number_of
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

CONTENT = bytes(range(256)) * 300


@pytest.fixture
def places(database: str, tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """Two machines."""
    with ExitStack() as stack:
        seaweed = stack.enter_context(running(tmp_path))
        url = seaweed.url(seaweed.new_bucket())

        def place() -> Place:
            pool = stack.enter_context(ConnectionPool(database, min_size=1, max_size=4))
            objects = StagedObjects(connect(url, ACCESS_KEY, SECRET_KEY), pool)
            return Place(database, objects, Ingest(objects, PostgresIndex(pool)))

        yield place(), place()


def test_an_upload_goes_on_at_another_machine(
    places: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PIECE_BYTES", 10_000)
    PostgresRegistry(places[0].ingest.index.pool).add_trust(Trust("RBS", "Children's", "RBS"))
    headers = bearer(places[0], Role.CONTRIBUTOR, "robin")
    with ExitStack() as stack:
        first, second = (
            Client(
                stack.enter_context(
                    httpx.Client(base_url=stack.enter_context(serving(parts_of(place))), timeout=60)
                ),
                headers,
            )
            for place in places
        )
        url = first.begun(len(CONTENT))
        assert first.send(url, 0, CONTENT[:33_333]).status_code == 204
        assert second.offset(url) == 33_333
        assert second.send(url, 33_333, CONTENT[33_333:]).status_code == 204
        assert first.shown(url)["state"] == "whole"

    robin = Uploader("account", "robin", "RBS", "RBS", "RBS")
    pieces = pieces_of(places[0].ingest.index.pool, number_of(url))
    assert b"".join(b"".join(places[0].objects.read(each.key)) for each in pieces) == CONTENT
    uploads = Uploads(places[1].ingest.index.pool, places[1].objects, UploadSettings())
    assert uploads.find(robin, number_of(url)).state is State.WHOLE
    uploads.remove(number_of(url))
    assert not list(places[0].objects.list())


def parts_of(place: Place) -> ApiParts:
    return ApiParts(
        settings=ApiSettings(),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
