"""Every file of pydicom and pydicom-data that has pixels: rendered, or refused with a reason."""

import io

import httpx
import pytest
from PIL import Image
from pydicom import dcmread

from storage.receipt import Outcome
from tests.storage.material import Sample, samples
from tests.viewer_api.conftest import Place

#: What cannot be rendered, and why: nothing else may be refused.
REFUSED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "JPEG 2000",  # damaged
    "MR_truncated.dcm": "shorter than their frames",  # its pixels break off
}


@pytest.mark.filterwarnings("ignore")  # pydicom finds fault with some of its own
def test_every_file_renders_or_says_why_not(place: Place, open_api: httpx.Client) -> None:
    urls = dict(filter(None, (_kept(place, *each) for each in enumerate(samples()))))
    assert len(urls) > 180
    refused = {}

    for url, name in urls.items():
        answer = open_api.get(f"{url}/rendered")
        if answer.status_code == 406:
            refused[name] = answer.json()["detail"]
            continue
        assert answer.status_code == 200, (name, answer.text)
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert min(picture.size) > 0, name

    assert set(refused) == set(REFUSED)
    assert all(why in refused[name] for name, why in REFUSED.items())


def _kept(place: Place, number: int, sample: Sample) -> tuple[str, str] | None:
    """Many of the files are one instance in another syntax: each gets a UID of its own, as long as before."""
    found = dcmread(sample.path, stop_before_pixels=True, force=True)
    if "Rows" not in found or sample.name.startswith("chr") or sample.meta.transfer_syntax_uid == "":
        return None
    uid = str(found.SOPInstanceUID)
    other = f"{uid[:-5]}.1{number:03}" if len(uid) > 10 else uid
    data = sample.data.replace(uid.encode(), other.encode())
    if place.keep(found.SOPClassUID, other, sample.syntax, data).outcome is not Outcome.KEPT:
        return None
    series = f"studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
    return f"/dicom-web/{series}/instances/{other}", sample.name
