"""What was encapsulated comes back from the archive byte for byte."""

from io import BytesIO
from pathlib import Path

import httpx
import pydicom
import pytest

from tests.ologies.material import PDF, a_case, wrap_here
from tests.ologies.test_documents import CDA
from tests.ologies.test_models import BINARY, MTL, OBJ, TEXT
from tests.viewer_api.conftest import Place


@pytest.mark.parametrize(
    "content", [PDF, CDA, BINARY, TEXT, OBJ], ids=["PDF", "CDA", "STL", "STL text", "OBJ"]
)
def test_byte_for_byte(content: bytes, place: Place, open_api: httpx.Client, tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(content)
    tmp_path.joinpath("red.mtl").write_bytes(MTL)
    for wrapped in wrap_here(path, a_case(units="mm")).objects:
        place.keep_file(wrapped.file)

        study = f"/dicom-web/studies/{wrapped.study_uid}"
        url = f"{study}/series/{wrapped.series_uid}/instances/{wrapped.sop_instance_uid}"
        got = open_api.get(url, headers={"Accept": "application/dicom"})
        dataset = pydicom.dcmread(BytesIO(got.content))
        back = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
        bulk = open_api.get(f"{url}/metadata").json()[0]["00420011"]
        uri = bulk.get("BulkDataURI")

        assert back == (MTL if dataset.MIMETypeOfEncapsulatedDocument == "model/mtl" else content)
        if uri is not None:
            assert open_api.get(uri).content[: len(back)] == back
        if dataset.MIMETypeOfEncapsulatedDocument == "application/pdf":
            assert open_api.get(f"{url}/rendered").content == content
