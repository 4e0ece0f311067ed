"""`imx order` and `imx hl7` on a real database, and the HL7 door of a whole service."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner, Result

from exchange.hl7.framing import framed
from imx.configuration import BadSettings, read
from imx.errors import SetupError
from imx.main import COMMANDS, build
from storage.errors import ArchiveError, NotHeld
from tests.exchange.hl7.material import answer_of, omi
from tests.ports import free_port
from tests.service import Service
from tests.storage.material import instance

Imx = Callable[..., Result]


@pytest.fixture
def imx(database: str, tmp_path: Path) -> Imx:
    environment = {"IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build(COMMANDS), list(arguments), env=environment)

    assert run("trust", "add", "RBL", "Wirral").exit_code == 0
    return run


ADD = ("order", "add", "F1", "--trust", "rbl", "--patient", "123456", "--modality", "ct", "--accession", "A1")


def test_an_order_is_added_listed_and_cancelled(imx: Imx) -> None:
    added = imx(*ADD, "--at", "2026-03-03T10:30:00", "--code", "CHEAD^NICIP^CT Head", "--json")
    assert added.exit_code == 0, added.output
    [order] = json.loads(added.stdout)
    assert (order["trust"], order["description"], order["steps"][0]["time"]) == ("RBL", "CT Head", "103000")
    assert json.loads(imx("order", "list", "--json").stdout) == [order]
    assert "F1" in imx("order", "list").stdout
    assert imx("order", "cancel", "F1", "--trust", "RBL").stdout == "order F1 cancelled\n"
    assert json.loads(imx("order", "list", "--json").stdout) == []
    assert len(json.loads(imx("order", "list", "--all", "--trust", "RBL", "--json").stdout)) == 1


def test_an_order_that_cannot_be_is_one_sentence(imx: Imx) -> None:
    wrong = imx(*ADD, "--birth-date", "in May")
    assert isinstance(wrong.exception, SetupError)
    assert str(wrong.exception) == "the order cannot be: birth_date: not a date (YYYYMMDD)"


def test_senders_are_allowed_and_forbidden(imx: Imx) -> None:
    shown = ":".join(["AB"] * 32)  # as openssl prints it
    allow = ("hl7", "allow", "10.1.2.0/24", "--trust", "RBL", "--alias", "PAS", "--fingerprint", shown)
    assert imx(*allow, "--status-field", "pid-3.5").exit_code == 0
    assert isinstance(imx(*allow, "--status-field", "32").exception, ArchiveError)
    assert json.loads(imx("hl7", "senders", "--json").stdout) == [
        {
            "network": "10.1.2.0/24",
            "facility": "",
            "trust": "RBL",
            "aliases": ["PAS"],
            "fingerprint": "ab" * 32,
            "status_field": "PID-3.5",
            "sensitivity_field": "PD1-12",
        }
    ]
    assert imx("hl7", "forbid", "10.1.2.0/24").exit_code == 0
    assert isinstance(imx("hl7", "forbid", "10.1.2.0/24").exception, SetupError)
    assert isinstance(imx("hl7", "again", "7").exception, NotHeld)


def send_its_study(service: Service, folder: Path) -> None:
    made = instance(
        StudyInstanceUID="1.2.826.0.1.1", SeriesInstanceUID="1.2.826.0.1.1.1", AccessionNumber="RBL0001",
        SOPInstanceUID="1.2.826.0.1.1.1.1", PatientID="123456", PatientBirthDate="19500102",
    )  # fmt: skip
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(folder / "one.dcm", enforce_file_format=True)
    address = f"IMX@127.0.0.1:{service.dicom_port}"
    done = subprocess.run(
        [sys.executable, "-m", "imx", "send", str(folder / "one.dcm"), "--to", address, "--from", "CT1"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_service_takes_orders_and_keeps_aside_what_it_cannot(tmp_path: Path) -> None:
    port = free_port()
    service = Service(tmp_path / "data", environment=(f"IMX_HL7_PORT={port}",))
    service.start()
    try:
        service.imx("trust", "add", "RBL", "Wirral")
        service.imx("hl7", "allow", "127.0.0.1", "--trust", "RBL")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            answers = []
            for raw in (omi(), omi(accession="9" * 17)):
                connection.sendall(framed(raw))
                answers.append(answer_of(connection.recv(4096).strip(b"\x0b\x1c\r")))
        assert answers == [("AA", "1", ""), ("AE", "1", "IPC^1^1^1")]
        assert len(json.loads(service.imx("order", "list", "--json"))) == 1
        [aside] = json.loads(service.imx("hl7", "list", "--kept-aside", "--json"))
        assert (aside["answer"], aside["because"].split(":")[0]) == ("AE", "IPC-1")
        assert "IPC|" in service.imx("hl7", "show", str(aside["number"]))
        service.imx("hl7", "settle", str(aside["number"]))
        assert json.loads(service.imx("hl7", "list", "--kept-aside", "--json")) == []
        service.imx("peer", "add", "CT1", "--trust", "RBL", "--plain")
        send_its_study(service, tmp_path)
        found: list[dict[str, str]] = []
        deadline = time.monotonic() + 80
        while not found and time.monotonic() < deadline:
            time.sleep(0.5)
            found = json.loads(service.imx("order", "doubts", "--study", "1.2.826.0.1.1", "--json"))
        assert [each["state"] for each in found] == ["tied"]
    finally:
        service.stop()


def test_a_tls_port_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"tls\.certificate"):
        read({"data": str(tmp_path), "hl7.tls_port": "2576"}, {})


def test_doubts_are_decided(imx: Imx, database: str) -> None:
    assert imx(*ADD).exit_code == 0
    with psycopg.connect(database) as connection:
        connection.execute('insert into study (uid, json) values (\'1.2\', \'"0020000D":{"Value":["1.2"]}\')')
        connection.execute(
            "insert into order_tie (order_id, study_uid, state, because)"
            " select id, '1.2', 'doubt', 'the birth date is another' from imaging_order"
        )
    [doubt] = json.loads(imx("order", "doubts", "--json").stdout)
    assert (doubt["order"], doubt["study"], doubt["state"]) == ("F1", "1.2", "doubt")
    number = str(doubt["number"])

    assert imx("order", "tie", number, "--by", "Meg").stdout == f"{number}: tied\n"
    assert json.loads(imx("order", "doubts", "--json").stdout) == []
    [tied] = json.loads(imx("order", "doubts", "--study", "1.2", "--json").stdout)
    assert (tied["state"], tied["decided_by"]) == ("tied", "Meg")
    assert imx("order", "untie", number).exit_code == 0
    assert isinstance(imx("order", "dismiss", number).exception, ArchiveError)


def test_a_ris_is_told_of_steps(imx: Imx) -> None:
    assert isinstance(imx("mpps", "tell", "RIS", "--trust", "RBL").exception, SetupError)
    added = imx("peer", "add", "RIS", "--trust", "RBL", "--host", "10.0.0.9", "--port", "104", "--plain")
    assert added.exit_code == 0, added.output
    assert imx("mpps", "tell", "RIS", "--trust", "RBL").exit_code == 0
    [row] = json.loads(imx("mpps", "list", "--json").stdout)
    assert (row["trust"], row["ae_title"], row["told"], row["waiting"]) == ("RBL", "RIS", True, 0)
    assert imx("mpps", "stop", "RIS", "--trust", "RBL").exit_code == 0
    assert isinstance(imx("mpps", "stop", "RIS", "--trust", "RBL").exception, SetupError)
