"""Health, errors and logs."""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from dicom_router.rules.desk import RuleDesk
from storage import errors
from storage.connecting import STATEMENT_S
from storage.errors import ArchiveError, ObjectsUnavailable
from storage.files import FileObjects
from storage.staging import StagedObjects
from tests.viewer_api.conftest import Place, serving
from tests.viewer_api.material import an_image, kept
from viewer_api.parts import ApiParts
from viewer_api.problems import ANSWERS, answered
from viewer_api.settings import ApiSettings


def every_error() -> list[type[ArchiveError]]:
    found = vars(errors).values()
    return [each for each in found if isinstance(each, type) and issubclass(each, ArchiveError)]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_of_the_archive_has_an_answer(kind: type[ArchiveError]) -> None:
    how = answered(kind.__new__(kind))
    assert how in ANSWERS.values()
    if kind is not ArchiveError:
        assert how is not ANSWERS[ArchiveError]


def test_a_service_with_all_its_parts_is_ready(open_api: httpx.Client) -> None:
    assert open_api.get("/health/live").json() == {"live": True}
    assert open_api.get("/health/ready").json() == {"ready": True, "not_ready": []}


class Away(FileObjects):
    """A store that does not answer."""

    def size(self, key: str) -> int:
        raise ObjectsUnavailable("away")


#: Whoever asks it waits for long.
UNREACHED = ConnectionPool("host=/nowhere", open=False, timeout=60)


@dataclass(frozen=True)
class _Case:
    database: str
    objects: type[FileObjects]
    missing: list[str]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_missing_is_told_and_asked_for_again(place: Place, tmp_path: Path) -> None:
    nowhere = make_conninfo(place.database, port=1)
    unmigrated = make_conninfo(place.database, dbname="template1")
    for case in (
        _Case(nowhere, FileObjects, ["database"]),
        _Case(unmigrated, FileObjects, ["database"]),
        _Case(nowhere, Away, ["database", "objects"]),
    ):
        objects = StagedObjects(case.objects(tmp_path / "others", watermark_bytes=0), UNREACHED)
        settings = ApiSettings(is_open=True, patience_s=0.3)
        parts = ApiParts(
            settings=settings,
            objects=objects,
            door=place.ingest,
            database=case.database,
            pool=place.ingest.index.pool,
            rules=RuleDesk(place.ingest.index.pool),
        )
        with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
            answer = client.get("/health/ready")
            assert (answer.status_code, answer.json()["not_ready"]) == (503, case.missing)
            assert client.get("/health/live").status_code == 200
            if case.database == nowhere:
                search = client.get("/dicom-web/studies")
                assert search.status_code == 503
                assert search.headers["retry-after"]
                assert search.headers["content-type"] == "application/problem+json"


def test_a_database_that_comes_back_is_used_again(place: Place, open_api: httpx.Client) -> None:
    kept(place, an_image("1.1.1.1"))
    assert open_api.get("/dicom-web/studies").status_code == 200
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    assert open_api.get("/dicom-web/studies").status_code == 200


def test_a_database_that_hangs_is_answered_for(place: Place) -> None:
    parts = ApiParts(
        settings=ApiSettings(is_open=True, statement_s=0.5),
        objects=place.objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with (
        psycopg.connect(place.database) as other,
        serving(parts) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        other.execute("lock table instance in access exclusive mode")
        assert client.get("/dicom-web/studies/1.1").status_code == 503
        other.rollback()
        assert client.get("/dicom-web/studies/1.1").status_code == 404


def test_a_database_that_hangs_is_told_at_once(place: Place, open_api: httpx.Client) -> None:
    with psycopg.connect(place.database) as other:
        other.execute("lock table migration in access exclusive mode")
        answer = open_api.get("/health/ready", timeout=STATEMENT_S / 2 - 1)
    assert (answer.status_code, answer.json()["not_ready"]) == (503, ["database"])


def test_no_log_line_holds_what_was_asked_for(
    place: Place, open_api: httpx.Client, logged: list[MutableMapping[str, object]]
) -> None:
    kept(place, an_image("1.1.1.1"))
    for path in (
        "/dicom-web/studies?PatientName=Smith*",
        "/dicom-web/studies?StudyDate=Smith",
        "/nowhere/Smith",
    ):
        open_api.get(path)

    assert [line["status"] for line in logged] == [200, 400, 404]
    assert "Smith" not in str(logged)


def test_what_nobody_foresaw_shows_nothing(
    place: Place, tmp_path: Path, logged: list[MutableMapping[str, object]], caplog: pytest.LogCaptureFixture
) -> None:
    kept(place, an_image("1.1.1.1"))

    class Faulty(FileObjects):
        def read(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
            if self.at_once:
                raise RuntimeError("Smith^Jo")
            yield bytes(3 << 20)
            raise RuntimeError("Smith^Jo")

        at_once = True

    objects = Faulty(tmp_path, watermark_bytes=0)
    parts = ApiParts(
        settings=ApiSettings(is_open=True),
        objects=objects,
        door=place.ingest,
        database=place.database,
        pool=place.ingest.index.pool,
        rules=RuleDesk(place.ingest.index.pool),
    )
    with serving(parts) as url, httpx.Client(base_url=url, timeout=60) as client:
        answer = client.get("/dicom-web/studies/1.1")
        assert answer.status_code == 500
        assert answer.json() == {"type": "about:blank", "title": "The service failed", "status": 500}
        objects.at_once = False
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/dicom-web/studies/1.1")
    assert [line["event"] for line in logged] == ["api.failed", "http", "api.failed", "http"]
    assert "Smith" not in str(logged) + caplog.text


def test_what_is_not_there_is_a_problem_too(open_api: httpx.Client) -> None:
    for path in ("/nowhere", "/dicom-web/studies/1.2.3", "/dicom-web/studies/1.2.3/metadata"):
        answer = open_api.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert open_api.post("/dicom-web/nowhere").status_code == 404
    assert open_api.delete("/dicom-web/studies").status_code == 405
