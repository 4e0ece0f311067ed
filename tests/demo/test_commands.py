"""`imx send` and `imx find` as a person runs them."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import typer
from typer.testing import CliRunner

from imx.commands.find import find_command
from imx.commands.send import send_command
from imx.part10 import Part10
from tests.demo.conftest import Listening

Listen = Callable[..., Listening]
Files = list[tuple[Path, Part10]]

app = typer.Typer()
app.command("send")(send_command)
app.command("find")(find_command)
RUNNER = CliRunner()


def test_a_folder_is_sent(mr_files: Files, listen: Listen) -> None:
    peer = listen()
    result = RUNNER.invoke(app, ["send", str(mr_files[0][0].parent), "--to", str(peer.destination)])
    assert result.exit_code == 0, result.output
    assert len(peer.digests) == 5
    assert "5 of 5 files kept" in result.output


def test_what_is_not_kept_is_listed_and_the_status_says_so(
    mr_files: Files, listen: Listen, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not DICOM")
    peer = listen(lambda event: 0xC000)
    files = [str(mr_files[0][0]), str(text)]
    result = RUNNER.invoke(app, ["send", *files, "--to", str(peer.destination)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert "0 of 2 files kept" in result.output
    assert "0xC000" in result.output
    assert "no DICM prefix" in result.output


def test_send_for_programs(mr_files: Files, listen: Listen) -> None:
    peer = listen()
    result = RUNNER.invoke(app, ["send", str(mr_files[0][0]), "--to", str(peer.destination), "--json"])
    line = json.loads(result.stdout)
    assert line["status"] == "0x0000"
    assert line["kept"] is True
    assert peer.digests == {line["sopInstanceUID"]: line["sha256"]}


@pytest.mark.parametrize("options", [["--to", "nowhere"], ["--to", "A@h:1", "--from", "X" * 17], []])
def test_wrong_options_are_a_usage_error(mr_files: Files, options: list[str]) -> None:
    assert RUNNER.invoke(app, ["send", str(mr_files[0][0]), *options]).exit_code == 2


class Archive:
    """A DICOMweb service with `count` studies that gives at most ten at a time."""

    def __init__(self, count: int) -> None:
        self.asked: list[list[tuple[str, str]]] = []
        self.tokens: set[str | None] = set()
        archive = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                keys = parse_qsl(urlsplit(self.path).query)
                archive.asked.append(keys)
                archive.tokens.add(self.headers["Authorization"])
                first, wanted = int(dict(keys)["offset"]), int(dict(keys)["limit"])
                studies = [study(number) for number in range(first, min(first + wanted, first + 10, count))]
                body = json.dumps(studies).encode() if studies else b""
                if self.headers["Authorization"] == "Bearer wrong":
                    body = b'{"detail": "sign in first"}'
                    self.send_response(401)
                else:
                    self.send_response(200 if studies else 204)
                self.send_header("Content-Type", "application/dicom+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.at = f"http://127.0.0.1:{self.server.server_address[1]}/dicom-web"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def study(number: int) -> dict[str, Any]:
    return {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Łukasik^Zoë"}]},
        "00100020": {"vr": "LO", "Value": [f"{number}"]},
        "00080061": {"vr": "CS", "Value": ["CT", "SR"]},
        "00201208": {"vr": "IS", "Value": [24]},
        "0020000D": {"vr": "UI", "Value": [f"2.25.{number}"]},
    }


@pytest.fixture
def archive() -> Iterator[Archive]:
    running = Archive(25)
    yield running
    running.stop()


def test_studies_are_found_page_by_page(archive: Archive, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    options = ["--at", archive.at, "--token-file", str(token), "--patient", "123", "PatientName=Ł*"]
    result = RUNNER.invoke(app, ["find", *options], env={"COLUMNS": "240"})
    assert result.exit_code == 0, result.output
    assert "25 studies" in result.output
    assert "Łukasik^Zoë" in result.output
    assert "CT, SR" in result.output
    assert archive.tokens == {"Bearer secret"}
    for asked in archive.asked:
        assert ("PatientID", "123") in asked
        assert ("PatientName", "Ł*") in asked


def test_a_limit_is_kept_and_said(archive: Archive) -> None:
    result = RUNNER.invoke(
        app, ["find", "--at", archive.at, "--limit", "12", "--json"], env={"IMX_TOKEN": "t"}
    )
    assert len(json.loads(result.stdout)) == 12
    assert "there may be more" in result.stderr


def test_a_refusal_is_said(archive: Archive) -> None:
    result = RUNNER.invoke(app, ["find", "--at", archive.at], env={"IMX_TOKEN": "wrong"})
    assert result.exit_code == 1
    assert "401 Unauthorized: sign in first" in result.stderr


@pytest.mark.parametrize(
    "at", ["ftp://x", "http://", "localhost:8080", "http://localhost:x", "http://127.0.0.1:1"]
)
def test_no_service_there_is_said(at: str) -> None:
    result = RUNNER.invoke(app, ["find", "--at", at])
    assert result.exit_code == 1
    assert result.stderr


def test_a_key_without_a_value_is_a_usage_error() -> None:
    assert RUNNER.invoke(app, ["find", "PatientName"]).exit_code == 2
