"""`imx check`: what it finds, and that it says how to mend it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import trustme
from prometheus_client import REGISTRY
from psycopg.conninfo import conninfo_to_dict
from structlog.testing import capture_logs

from dicom_router.tls.papers import Paper, PaperKind
from dicom_router.tls.profile import TlsFiles
from exchange.refusals import Reason, Refusal, Refused
from exchange.registry import Peer, Trust
from imx.certificates import note_ends
from imx.commands.check import (
    check_certificates,
    check_database,
    check_folder,
    check_objects,
    check_ports,
    check_watched,
)
from imx.commands.findings import (
    Finding,
    Level,
    judge_clock,
    judge_connections,
    judge_durability,
    judge_logging,
    judge_open_files,
    judge_paper,
    judge_peers,
    judge_refusals,
    judge_room,
    judge_version,
    judge_waiting,
)
from imx.configuration import read
from imx.listening import open_listener
from tests.dicom_router.authorities import Authority, lay_out, show
from tests.ports import free_port

GIB = 1024**3
QUIET = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_parameter_max_length_on_error": "0",
}


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_durability_setting_that_is_off_is_wrong(name: str) -> None:
    in_force = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", name: "off"}

    (finding,) = judge_durability(in_force)

    assert finding.level is Level.WRONG
    assert name in finding.what
    assert name in finding.mend


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        (judge_version(140005, "14.5"), Level.WRONG),
        (judge_version(180006, "18.6"), Level.GOOD),
        (judge_connections(20, 60), Level.WARNING),
        (judge_connections(100, 60), Level.GOOD),
        (judge_room(GIB, 2 * GIB, "/"), Level.WRONG),
        (judge_room(5 * GIB, 2 * GIB, "/"), Level.WARNING),
        (judge_room(50 * GIB, 2 * GIB, "/"), Level.GOOD),
        (judge_clock(-1.0, "it"), Level.GOOD),
        (judge_clock(-60.0, "it"), Level.WARNING),
        (judge_clock(3600.0, "it"), Level.WRONG),
        (judge_waiting(3, timedelta(minutes=16)), Level.WARNING),
        (judge_waiting(3000, timedelta(minutes=14)), Level.GOOD),
        (judge_logging(QUIET), Level.GOOD),
        (judge_logging(QUIET | {"log_error_verbosity": "default"}), Level.WARNING),
        (judge_logging(QUIET | {"log_min_error_statement": "error"}), Level.WARNING),
        (judge_logging(QUIET | {"log_statement": "mod"}), Level.WARNING),
        (judge_logging(QUIET | {"log_min_duration_statement": "0"}), Level.WARNING),
        (judge_logging(QUIET | {"log_min_duration_sample": "100ms"}), Level.WARNING),
        (judge_logging(QUIET | {"log_parameter_max_length_on_error": "-1"}), Level.WARNING),
        (judge_open_files(1024), Level.WARNING),
        (judge_open_files(65536), Level.GOOD),
    ],
)
def test_what_is_not_good_says_how_to_mend_it(finding: object, level: Level) -> None:
    assert finding.level is level  # type: ignore[attr-defined]
    assert bool(finding.mend) is (level is not Level.GOOD)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("days", "level"), [(-1, Level.WRONG), (10, Level.WARNING), (90, Level.GOOD)])
def test_a_certificate_is_renewed_in_time(days: int, level: Level) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    end = now + timedelta(days=days)
    paper = Paper(PaperKind.CERTIFICATE, "imx.example", Path("cert.pem"), end - timedelta(days=365), end)

    assert judge_paper(paper, now).level is level


def test_a_list_without_an_end_is_good() -> None:
    paper = Paper(PaperKind.REVOCATIONS, "ACME", Path("crl.pem"), datetime(2026, 1, 1, tzinfo=UTC), None)

    assert judge_paper(paper, datetime(2036, 1, 1, tzinfo=UTC)).level is Level.GOOD


@pytest.fixture
def ended(tmp_path: Path) -> TlsFiles:
    """A certificate that ended long ago, and its key: what it says must still be read."""
    files = lay_out(tmp_path, Authority(trustme.CA()))
    show(files, trustme.CA().issue_cert("imx.example", not_after=datetime(2020, 2, 3, tzinfo=UTC)))
    return files


def found_in(files: TlsFiles, tmp_path: Path) -> list[Finding]:
    """By the command, with these files set."""
    given = {
        f"tls.{name}": str(path)
        for name in ("certificate", "key", "authorities", "revocations")
        if (path := getattr(files, name))
    }
    return list(check_certificates(read({"data": tmp_path, **given}, {})))


def test_a_certificate_that_ended_is_wrong(ended: TlsFiles, tmp_path: Path) -> None:
    findings = found_in(ended, tmp_path)

    assert [each.level for each in findings] == [Level.WRONG, Level.GOOD, Level.GOOD]
    assert "ended on 03 February 2020" in findings[0].what


def test_a_key_of_another_certificate_is_noticed(ended: TlsFiles, tmp_path: Path) -> None:
    trustme.CA().issue_cert("imx.example").private_key_pem.write_to_path(ended.key)

    (finding,) = found_in(ended, tmp_path)
    assert "does not belong" in finding.what


def test_a_missing_key_is_named(ended: TlsFiles, tmp_path: Path) -> None:
    (finding,) = found_in(replace(ended, key=tmp_path / "none.pem"), tmp_path)

    assert "none.pem" in finding.what


def test_peers_that_can_prove_nothing_and_lists_that_are_missing_are_warned_of(
    ended: TlsFiles, tmp_path: Path
) -> None:
    assert ended.authorities is not None
    trustme.CA(organization_name="Other").cert_pem.write_to_path(ended.authorities, append=True)
    assert "no revocation list of" in found_in(ended, tmp_path)[-1].what

    last = found_in(replace(ended, authorities=None, revocations=None), tmp_path)[-1]
    assert (last.level, last.mend) == (
        Level.WARNING,
        "set tls.authorities to those who sign your peers' certificates",
    )


def test_what_ends_is_logged_and_counted(ended: TlsFiles) -> None:
    with capture_logs() as logged:
        note_ends(ended, datetime(2026, 1, 1, tzinfo=UTC), is_loud=True)
        note_ends(ended, datetime(2026, 1, 1, tzinfo=UTC), is_loud=False)
        ended.key.unlink()
        note_ends(ended, datetime(2026, 1, 1, tzinfo=UTC), is_loud=False)

    assert [(line["event"], line.get("kind")) for line in logged] == [
        ("tls.ended", "certificate"),
        ("tls.unusable", None),
    ]
    end = REGISTRY.get_sample_value("imx_tls_ends_timestamp_seconds", {"kind": "certificate"})
    assert end == datetime(2020, 2, 3, tzinfo=UTC).timestamp()


CT1 = Peer("CT1", Trust("RBL", "Wirral", "RBL"), host="10.0.0.1", id=1)


def test_peers_that_could_be_taken_for_one_another_are_found() -> None:
    (good,) = judge_peers([CT1, replace(CT1, host="10.0.0.2", plain_allowed=True, id=2)])
    assert (good.level, good.what) == (Level.GOOD, "2 are known, 1 of them may speak plain DICOM")

    (overlap,) = judge_peers([CT1, replace(CT1, host=None, id=2)])
    assert "entries 1 (RBL) and 2 (RBL) share addresses" in overlap.what

    (called,) = judge_peers([replace(CT1, port=104), replace(CT1, host="10.0.0.2", port=104, id=2)])
    assert "2 peers of RBL are called CT1" in called.what


def test_callers_that_were_turned_away_lately_are_pointed_out() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    refusal = Refusal(Reason.UNKNOWN_PEER, "CT9", "IMX", "10.0.0.9", "nobody knows it")
    lately, once = (Refused(1, refusal, now, now - timedelta(hours=hours), 3) for hours in (1, 30))

    assert judge_refusals([lately, once], now).what.startswith("1 callers were turned away")
    assert judge_refusals([once], now).level is Level.GOOD


def test_a_database_that_does_not_flush_is_found(database: str, tmp_path: Path) -> None:
    """The session's own server runs without fsync, for speed."""
    settings = read({"data": tmp_path, "database.url": database}, {})

    findings = list(check_database(settings))

    wrong = [finding.what for finding in findings if finding.level is Level.WRONG]
    assert len(wrong) == 2
    assert wrong[0].startswith("fsync is off")
    assert any("tables are of this version" in finding.what for finding in findings)
    assert any("clock" in finding.about for finding in findings)


def test_the_embedded_database_logs_no_values_and_another_may(
    database: str, database_url: str, tmp_path: Path
) -> None:
    def about_its_log() -> Level:
        findings = check_database(read({"data": tmp_path, "database.url": database}, {}))
        (found,) = (finding for finding in findings if "its log" in finding.what)
        return found.level

    assert about_its_log() is Level.GOOD
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = conninfo_to_dict(database)["dbname"]
        connection.execute(f"alter database {name} set log_error_verbosity = 'verbose'")
    assert about_its_log() is Level.WARNING


def test_what_waits_for_the_object_store_for_long_is_found(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "insert into staged (key, bytes, staged_at) values ('2026/a.dcm', '', now() - interval '1 hour')"
        )

    findings = check_database(read({"data": tmp_path, "database.url": database}, {}))

    (found,) = (finding for finding in findings if "wait in the database" in finding.what)
    assert found.level is Level.WARNING
    assert "60 minutes" in found.what


def test_a_database_used_by_a_newer_version_is_refused(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("insert into migration (name) values ('9999_future.sql')")

    findings = check_database(read({"data": tmp_path, "database.url": database}, {}))

    assert any("9999_future" in finding.what and finding.level is Level.WRONG for finding in findings)


def test_a_database_that_is_not_there_is_wrong_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://imx:hush@127.0.0.1:{free_port()}/imx"

    (finding,) = check_database(read({"data": tmp_path, "database.url": url}, {}))

    assert finding.level is Level.WRONG
    assert "hush" not in finding.what + finding.mend


def test_objects_are_probed_and_the_probe_taken_away(tmp_path: Path) -> None:
    findings = list(check_objects(read({"data": tmp_path}, {})))

    assert [finding.level for finding in findings] == [Level.GOOD]
    assert not list((tmp_path / "objects").rglob("*.dcm"))


def test_a_bucket_that_is_not_there_is_wrong(tmp_path: Path) -> None:
    settings = read(
        {"data": tmp_path},
        {
            "IMX_OBJECTS_URL": f"s3://bucket?endpoint=127.0.0.1:{free_port()}&secure=0",
            "IMX_OBJECTS_ACCESS_KEY": "a",
            "IMX_OBJECTS_SECRET_KEY": "hush",
        },
    )

    (finding,) = check_objects(settings)

    assert finding.level is Level.WRONG
    assert "hush" not in finding.what + finding.mend


def test_a_port_that_something_else_holds_is_wrong(tmp_path: Path) -> None:
    with open_listener("127.0.0.1", 0, "dicom.port") as taken:
        port = taken.getsockname()[1]
        settings = read(
            {"data": tmp_path, "dicom.port": port, "dicom.host": "127.0.0.1", "http.port": free_port()}, {}
        )

        levels = {finding.what.split(":")[0]: finding for finding in check_ports(settings)}

    assert levels["DICOM"].level is Level.WRONG
    assert "port in use" in levels["DICOM"].what
    assert levels["HTTP"].level is Level.GOOD


def test_a_full_disk_is_found_by_its_watermark(tmp_path: Path) -> None:
    beyond = shutil.disk_usage(tmp_path).total

    (finding,) = check_folder(read({"data": tmp_path / "new", "storage.watermark": str(beyond)}, {}))

    assert finding.level is Level.WRONG


def test_the_command_ends_with_the_worst_and_speaks_json(tmp_path: Path) -> None:
    ports = {
        **os.environ,
        "IMX_DICOM_PORT": str(free_port()),
        "IMX_HTTP_PORT": str(free_port()),
        "IMX_DATA": str(tmp_path / "d"),
    }
    command = [sys.executable, "-m", "imx", "check", "--json"]

    good = subprocess.run(command, env=ports, capture_output=True, text=True, timeout=60, check=False)
    bad = subprocess.run(
        command,
        env={**ports, "IMX_DATABASE_URL": "host=/nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (good.returncode, bad.returncode) == (0, 1)
    assert {finding["level"] for finding in json.loads(good.stdout)} <= {"good", "warning"}
    assert any(finding["about"] == "database" for finding in json.loads(bad.stdout))


def test_a_watched_folder_that_is_away_is_wrong(tmp_path: Path) -> None:
    away = tmp_path / "away"
    environment = {"IMX_DATA": str(tmp_path), "IMX_WATCH_FOLDER": str(away), "IMX_WATCH_TRUST": "RBT"}
    settings = read({}, environment)
    assert [each.level for each in check_watched(settings)] == [Level.WRONG]
    away.mkdir()
    assert [each.level for each in check_watched(settings)] == [Level.GOOD]
    assert list(check_watched(read({}, {"IMX_DATA": str(tmp_path)}))) == []
