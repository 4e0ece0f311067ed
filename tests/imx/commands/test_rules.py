"""`imx rules` and `imx coerce`: a person loads, tries, looks at what waits, sends on, takes back."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner, Result

from imx.errors import SetupError
from imx.main import COMMANDS, build
from storage.errors import ArchiveError
from storage.files import FileObjects
from tests.dicom_router.region import Region
from tests.storage.material import instance
from tests.storage.shelf import Shelf

Imx = Callable[..., Result]

RULES = """\
[[rule]]
name = "Heads at night"
match.trust = "RBL"
match.modality = "CT"
match.body_part = "HEAD"
match.time = "20:00-08:00"
send = "WS1"
hold.quiet_s = 60

[[rule]]
name = "MR"
match.modality = "MR"
send = "WS1"

[[coercion]]
name = "site 7"
match.peer = "CT7"
character_set = "ISO_IR 192"
do = [
  { map = "BodyPartExamined", values = { KOPF = "HEAD" } },
  { set = "IssuerOfPatientID", to = "RBL", only_missing = true },
]
"""


@pytest.fixture
def region(database: str, tmp_path: Path) -> Region:
    with ConnectionPool(database, min_size=1, max_size=4) as pool:
        made = Region(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))
        made.workstations("WS1")
        made.add_peer("CT7", coercions=("site 7",))
    return made


@pytest.fixture
def imx(database: str, tmp_path: Path, region: Region) -> Imx:
    environment = {"IMX_DATABASE_URL": database, "IMX_DATA": str(tmp_path / "data")}

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(build(COMMANDS), [str(each) for each in arguments], env=environment)

    return run


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As site 7 sends it: UTF-8 declared as Latin-1, and a code of its own."""
    made: Dataset = instance(SpecificCharacterSet="ISO_IR 192", BodyPartExamined="KOPF")
    path = tmp_path / "ct.dcm"
    made.ensure_file_meta()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 192", b"ISO_IR 100"))
    return path


def test_a_file_is_loaded_and_shown(imx: Imx, rules: Path) -> None:
    loaded = imx("rules", "load", rules, "--by", "Ann", "--json")

    assert json.loads(loaded.stdout) == [{"version": 1, "rules": 2, "coercions": 1}]
    assert imx("rules", "show").stdout == RULES
    shown = json.loads(imx("rules", "show", "--json").stdout)
    assert (shown["version"], shown["by"], shown["text"]) == (1, "Ann", RULES)
    assert json.loads(imx("rules", "show", "--history", "--json").stdout)[0]["by"] == "Ann"


def test_a_file_with_faults_changes_nothing(imx: Imx, rules: Path) -> None:
    imx("rules", "load", rules)
    rules.write_text(RULES.replace('"WS1"', '"WS9"', 1).replace("mod", "mud", 1))

    refused = imx("rules", "load", rules)

    assert refused.exit_code == 1
    assert f"{rules}:4: mudality is no key that is known here" in refused.stderr
    assert f"{rules}:7: no destination WS9 is known: add it first" in refused.stderr
    assert [
        fault["line"] for fault in json.loads(imx("rules", "load", rules, "--json").stdout)["faults"]
    ] == [
        4,
        7,
    ]
    assert imx("rules", "show").stdout == RULES


def test_why_and_why_not(imx: Imx, rules: Path, file: Path) -> None:
    sender = ("--peer", "CT7", "--trust", "rbl", "--at", "2026-07-03T21:00")
    night, mr = json.loads(imx("rules", "test", file, "--rules", rules, *sender, "--json").stdout)

    assert (night["rule"], night["matches"]) == ("Heads at night", True)
    assert night["does"][0] == "sends the study to WS1"
    assert [each["because"] for each in night["conditions"]] == [
        "it is RBL, and RBL is asked for",
        "it is CT, and CT is asked for",
        "it is HEAD, and HEAD is asked for",  # as coerced
        "it came at 21:00, which is in 20:00-08:00",
    ]
    assert (mr["matches"], mr["conditions"][0]["because"]) == (False, "it is CT, and MR is asked for")

    imx("rules", "load", rules)
    said = imx("rules", "test", file, "--trust", "RBL", "--at", "2026-07-03T12:00").stdout
    assert "Heads at night does not match" in said
    assert "no  body_part: it is KOPF, and HEAD is asked for" in said
    assert "no  time: it came at 12:00, which is not in 20:00-08:00" in said


def test_a_coercion_is_previewed(imx: Imx, rules: Path, file: Path) -> None:
    previewed = imx("coerce", "test", file, "--rule", "site 7", "--rules", rules, "--peer", "CT7", "--json")

    assert json.loads(previewed.stdout) == [
        {"attribute": "SpecificCharacterSet", "before": "ISO_IR 100", "after": "ISO_IR 192"},
        {"attribute": "PatientName", "before": "MÃ¼ller^ZoÃ«", "after": "Müller^Zoë"},
        {"attribute": "IssuerOfPatientID", "before": "", "after": "RBL"},
        {"attribute": "BodyPartExamined", "before": "KOPF", "after": "HEAD"},
    ]
    other = imx("coerce", "test", file, "--rule", "site 7", "--rules", rules, "--peer", "CT8", "--json")
    assert json.loads(other.stdout) == []
    unknown = imx("coerce", "test", file, "--rule", "site 8", "--rules", rules)
    assert isinstance(unknown.exception, SetupError)
    assert str(unknown.exception) == "no coercion called site 8: there are site 7"


def test_what_waits_is_seen_and_sent_on(imx: Imx, region: Region, database: str, tmp_path: Path) -> None:
    with ConnectionPool(database, min_size=1, max_size=8) as pool:
        here = Region(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))
        here.rules('[[rule]]\nname = "All"\nsend = "WS1"\n')
        here.send("1.2.1")
        here.send("1.2.1", PatientID="7")
        here.run()
        (waiting,) = json.loads(imx("rules", "waiting", "--json").stdout)
        assert (waiting["study"], waiting["destination"], waiting["person"]) == ("1.2.1", "WS1", True)
        assert waiting["because"].startswith("a person decides: it came under two identifiers")

        assert imx("rules", "release", "1.2.1", "--by", "Ann").exit_code == 0
        here.run()

        assert here.orders() == [("1.2.1", "WS1")]
        assert here.shelf.one("select released_by from routing") == "Ann"
        assert here.deliveries()[0]["because"] == "rule All: a person sent it on"
    nothing = imx("rules", "release", "1.2.1")
    assert isinstance(nothing.exception, ArchiveError)


def test_a_coercion_is_listed_and_undone(imx: Imx, region: Region, database: str, tmp_path: Path) -> None:
    with ConnectionPool(database, min_size=1, max_size=8) as pool:
        here = Region(Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0)))
        here.rules(RULES)
        here.send("1.2.1", peer="CT7", BodyPartExamined="KOPF")
        here.run()
        assert here.shelf.one("select body_part from series") == "HEAD"

        (listed,) = json.loads(imx("coerce", "list", "1.2.1", "--json").stdout)
        assert (listed["by"], listed["reason"]) == ("coercion site 7", "COERCE")
        assert listed["attributes"] == "IssuerOfPatientID, BodyPartExamined"
        assert imx("coerce", "undo", str(listed["number"]), "--by", "Ann").exit_code == 0

        assert here.shelf.one("select body_part from series") == "KOPF"
        (listed,) = json.loads(imx("coerce", "list", "1.2.1", "--json").stdout)
        assert listed["undone_by"] == "Ann"
