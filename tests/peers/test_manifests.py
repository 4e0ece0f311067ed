"""Manifests as outside readers take them: DCMTK's reader of documents, npm's validator of FHIR."""

import subprocess
from pathlib import Path

import pytest

from exchange.manifests.fhir import document_of
from exchange.manifests.kos import kos_of
from tests.exchange.manifests.material import KINDS, WIRRAL, manifest, material
from tests.peers.test_fhir_clients import wrong_by_npm

pytestmark = pytest.mark.peers


def test_dcmtk_reads_every_reference_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "kos.dcm"
    path.write_bytes(kos_of(manifest()))
    read = subprocess.run(["dsrdump", path], capture_output=True, text=True, check=True, timeout=60).stdout
    kinds = [
        line.split()[1].rstrip(":=(").partition(":")[0] for line in read.splitlines() if "contains" in line
    ]
    assert kinds == [kind for _, kind in KINDS.values()]
    assert "#9990000018:NHS" in read


def test_npms_fhir_finds_no_fault_in_the_document() -> None:
    assert wrong_by_npm([document_of(material(), {"RBL": WIRRAL})]) == [[]]
