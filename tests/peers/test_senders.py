"""What other people's senders push is found, and comes back as it went over the wire, bit for bit."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.peers.dicomweb import Reader, Retrieved
from tests.peers.material import Material, Stamp, packages
from tests.peers.recorder import Recorded, Recorder
from tests.peers.senders import SENDERS
from tests.service import Service

pytestmark = pytest.mark.peers

_DCMTK_CANNOT_READ = frozenset(
    {
        "MR_truncated.dcm",
        "SC_rgb_jpeg.dcm",
        "emri_small_jpeg_2k_lossless_too_short.dcm",
        "explicit_VR-UN.dcm",
        "rtdose_rle.dcm",
        "rtdose_rle_1frame.dcm",
        "rtplan_truncated.dcm",
    }
)

#: Files so malformed that a sender cannot read or write them: it is not given them. As they are, all go out.
LEFT_OUT: Mapping[str, frozenset[str]] = {
    "dcmsend": _DCMTK_CANNOT_READ,
    "storescu": _DCMTK_CANNOT_READ,
    "dcmjs-dimse": frozenset(
        {
            "SC_rgb_jpeg.dcm",
            "bad_sequence.dcm",
            "rtdose.dcm",
            "rtdose_1frame.dcm",
            "rtdose_rle.dcm",
            "rtdose_rle_1frame.dcm",
        }
    ),
    "pynetdicom": frozenset(
        {
            "SC_rgb_jpeg.dcm",
            "emri_small_jpeg_2k_lossless_too_short.dcm",
            "explicit_VR-UN.dcm",
            "rtdose_rle.dcm",
            "rtdose_rle_1frame.dcm",
        }
    ),
    "pynetdicom as is": frozenset(),
}

#: dcmjs-dimse names the deflated syntax and does not deflate: no reader could make sense of it.
REFUSED: Mapping[str, frozenset[str]] = {"dcmjs-dimse": frozenset({"image_dfl.dcm"})}


@pytest.fixture(scope="module")
def materials() -> list[Material]:
    return list(packages())


@pytest.mark.parametrize("sender", SENDERS)
def test_all_that_a_sender_pushes_comes_back_as_it_went_over_the_wire(
    sender: str, materials: list[Material], service: Service, reader: Reader, tmp_path: Path
) -> None:
    stamp = Stamp.into(tmp_path / "files")
    given = [each for each in materials if each.has_uids and each.name not in LEFT_OUT[sender]]
    files = {each.sop_instance_uid: each for each in map(stamp, given)}
    assert len(files) > 200

    with Recorder(service.dicom_port) as recorder:
        SENDERS[sender](list(files.values()), recorder.port)

    sent = {each.sop_instance_uid: each for each in recorder.records}
    assert {file.name for uid, file in files.items() if uid not in sent} == set()
    failed = {uid: each for uid, each in sent.items() if each.status != 0}
    assert {files[uid].name for uid in failed} == REFUSED.get(sender, frozenset()), failed.values()
    for uid in sent.keys() - failed.keys():
        file, each = files[uid], sent[uid]
        [found] = reader.find_instance(uid)
        assert found["0020000D"]["Value"] == [file.study_uid], file.name
        back = reader.retrieve(file.study_uid, file.series_uid, uid, each.transfer_syntax_uid)
        assert back == Retrieved(each.sha256, each.size), file.name


def test_what_names_no_study_series_or_instance_is_refused_by_name(
    materials: list[Material], service: Service, reader: Reader, tmp_path: Path
) -> None:
    stamp = Stamp.into(tmp_path / "files")
    nameless = [stamp.nameless(each) for each in materials if not each.has_uids]
    with Recorder(service.dicom_port) as recorder:
        SENDERS["pynetdicom as is"](nameless, recorder.port)

    names = {each.sop_instance_uid: each.name for each in nameless}
    answers = {names[each.sop_instance_uid]: each for each in recorder.records}
    for name, answer in answers.items():
        print(f"{name}: {answer.status:04X} {answer.comment}")
    assert len(answers) == len(nameless) > 10
    assert {name for name, answer in answers.items() if not _is_failure(answer)} == set()
    assert {name for uid, name in names.items() if reader.find_instance(uid)} == set()


def _is_failure(answer: Recorded) -> bool:
    """A failure of PS3.4 §B.2.3, with words for the sender's log."""
    return answer.status is not None and answer.status >= 0xA000 and answer.comment != ""
