"""`imx pull` from a service of our own, into a fresh archive."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pydicom
import pytest
from pydicom.data import get_testdata_file
from typer.testing import CliRunner, Result

from imx.errors import SetupError
from imx.main import COMMANDS, build
from imx.part10 import head_of
from tests.service import Service

FILES = ("CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm", "examples_ybr_color.dcm")


@pytest.fixture(scope="module")
def source() -> Iterator[Service]:
    """A closed service that holds a few studies."""
    folder = Path(tempfile.mkdtemp(prefix="imx-test-"))
    folder.chmod(0o711)
    given = folder / "files"
    given.mkdir()
    for name in FILES:
        shutil.copy(str(get_testdata_file(name)), given)
    running = Service(folder / "source")
    try:
        running.start()
        running.imx("trust", "add", "RBL", "Wirral")
        running.imx("import", str(given), "--trust", "RBL")
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def token(source: Service) -> str:
    return source.token()


class Imx:
    """The command line on a fresh database and data folder, with the token where a command looks for it."""

    def __init__(self, database: str, data: Path, token: str) -> None:
        self.environment = {
            "IMX_DATABASE_URL": database, "IMX_DATA": str(data), "IMX_PULL_CREDENTIALS": f"Bearer {token}",
        }  # fmt: skip

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(build(COMMANDS), list(arguments), env=self.environment)


@pytest.fixture
def imx(database: str, tmp_path: Path, token: str) -> Imx:
    made = Imx(database, tmp_path / "data", token)
    made("trust", "add", "RBT", "Mid Cheshire")
    return made


def test_every_study_comes_as_it_is_stored(imx: Imx, source: Service, tmp_path: Path) -> None:
    done = imx("pull", "dicomweb", f"{source.url}/dicom-web", "--trust", "RBT", "--json")

    *studies, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0, done.output
    assert {each["state"] for each in studies} == {"held"}
    assert summary["instances_expected"] == summary["instances_held"] == len(FILES)
    imx("export", str(tmp_path / "out"))
    copies = {pydicom.dcmread(path).SOPInstanceUID: path for path in (tmp_path / "out").rglob("*.dcm")}
    for name in FILES:
        path = Path(str(get_testdata_file(name)))
        copy = copies[pydicom.dcmread(path).SOPInstanceUID]
        assert (
            copy.read_bytes()[head_of(copy).data_set_at :] == path.read_bytes()[head_of(path).data_set_at :]
        )


def data_set(path: Path) -> bytes:
    return path.read_bytes()[head_of(path).data_set_at :]


def test_a_range_of_dates_is_a_pull_of_its_own(imx: Imx, source: Service) -> None:
    there = [f"{source.url}/dicom-web", "--trust", "RBT", "--json"]
    some = imx("pull", "dicomweb", *there, "--from", "2004-01-01", "--to", "20041231")
    rest = imx("pull", "dicomweb", *there)

    assert [json.loads(each.stdout.splitlines()[-1])["studies"] for each in (some, rest)] == [2, 4]
    listed = json.loads(imx("pull", "list", "--json").stdout)
    assert [(each["pull"], each["dates"]) for each in listed] == [(2, "all"), (1, "20040101-20041231")]
    assert imx("pull", "report", "1", "--json").exit_code == 0


def test_a_peer_gives_by_c_get_what_it_keeps(imx: Imx, source: Service) -> None:
    """Both sides are ours: the one asks, level by level; the other sends each object in its own syntax."""
    source.imx("peer", "add", "IMX", "--trust", "RBL", "--read", "--plain")
    imx("peer", "add", "IMX", "--trust", "RBT", "--host", "127.0.0.1", "--port", str(source.dicom_port))

    done = imx("pull", "peer", "IMX", "--by", "get", "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["instances_held"] == len(FILES)
    with psycopg.connect(imx.environment["IMX_DATABASE_URL"]) as connection:
        rows = connection.execute("select digest, transfer_syntax from object").fetchall()
    kept: dict[bytes, str] = dict(rows)
    for name in FILES:
        path = Path(str(get_testdata_file(name)))
        digest = hashlib.sha256(data_set(path)).digest()
        assert kept[digest] == head_of(path).transfer_syntax_uid


def test_the_secret_is_nowhere(imx: Imx, source: Service, token: str, database: str) -> None:
    done = imx("pull", "dicomweb", f"{source.url}/dicom-web", "--trust", "RBT")
    with psycopg.connect(database) as connection:
        rows = connection.execute("select pull::text from pull").fetchall()

    assert done.exit_code == 0
    assert token not in done.output + str(rows) + imx("pull", "list", "--json").output


def test_a_source_that_refuses_us_is_told(imx: Imx, source: Service) -> None:
    imx.environment["IMX_PULL_CREDENTIALS"] = "somebody:wrong"

    done = imx("pull", "dicomweb", f"{source.url}/dicom-web", "--trust", "RBT")

    assert isinstance(done.exception, SetupError)
    assert "HTTP 401" in str(done.exception)


@pytest.mark.parametrize(
    "url", ["ftp://pacs/dicom-web", "pacs", "http://user:secret@pacs/dicom-web", "https://pacs/x?token=1"]
)
def test_an_address_is_one_and_holds_no_credentials(imx: Imx, url: str) -> None:
    assert imx("pull", "dicomweb", url, "--trust", "RBT").exit_code == 2


def test_an_unknown_peer_is_told(imx: Imx) -> None:
    done = imx("pull", "peer", "NOBODY")

    assert isinstance(done.exception, SetupError)
    assert "imx peer add" in str(done.exception)


@pytest.mark.parametrize(
    "option", [("--from", "yesterday"), ("--hours", "19-7"), ("--bytes-per-s", "fast"), ("--by", "dicomweb")]
)
def test_options_that_cannot_be_are_refused(imx: Imx, option: tuple[str, str]) -> None:
    assert imx("pull", "peer", "NOBODY", *option).exit_code == 2
