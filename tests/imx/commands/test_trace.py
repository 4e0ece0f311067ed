"""`imx people trace`, with the small PDS."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from exchange.people.person import Demographics, PersonName, Sex
from imx.demo.pds.running import fhir_url, running
from imx.demo.pds.server import Limit, SmallPds
from imx.errors import CommandFailed

Imx = Callable[..., Result]

ZOE = Demographics((PersonName("Neil", ("Zoë",), use="usual"),), "19500102", Sex.FEMALE)
FILE = """issuer,number,nhs_number,nhs_number_status,family,given,birth_date,sex
RBL,1,9990000018,02,Neil,Zoe,19500102,F
RBL,2,9990000018,02,Neil,Adam,19500102,M
"""


@pytest.fixture
def pds(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallPds]:
    service = SmallPds(limit=Limit(per_second=1000))
    service.records.hold("9990000018", ZOE)
    with running(service) as base:
        monkeypatch.setenv("IMX_PDS_URL", fhir_url(base))
        yield service


@pytest.fixture
def loaded(imx: Imx, tmp_path: Path) -> Imx:
    """Two records of Wirral's that claim one number."""
    assert imx("trust", "add", "RBL", "Wirral").exit_code == 0
    file = tmp_path / "people.csv"
    file.write_text(FILE)
    assert imx("people", "load", str(file)).exit_code == 0
    return imx


def test_a_claim_is_borne_out_or_is_not(loaded: Imx, pds: SmallPds) -> None:
    traced = loaded("people", "trace", "RBL:1", "--json")
    [found] = json.loads(traced.stdout)
    assert traced.exit_code == 0
    assert (found["outcome"], found["number"], found["status"]) == ("verified", "NHS:9990000018", "01")
    assert found["others"] == ["RBL:1"]

    traced = loaded("people", "trace", "RBL:2", "--json")
    [found] = json.loads(traced.stdout)
    assert (traced.exit_code, found["outcome"], found["number"]) == (1, "differs", "RBL:2")


def test_without_a_pds_it_says_so(loaded: Imx) -> None:
    result = loaded("people", "trace", "RBL:1")
    assert isinstance(result.exception, CommandFailed)
    assert "pds.url" in str(result.exception)
