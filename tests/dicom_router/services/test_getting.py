"""C-GET against an archive that holds something, with pynetdicom as the peer that asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    VLWholeSlideMicroscopyImageStorage,
)
from pynetdicom import AE, build_role, evt
from pynetdicom.events import Event

from dicom_router.contexts import PATIENT_ROOT_GET, STUDY_ROOT_GET
from dicom_router.data_sets import read_data_set
from dicom_router.services import getting
from dicom_router.services.retrieving import Retrieving
from exchange.peers import Peer
from storage.part10 import write_meta
from tests.dicom_router.conftest import TRUST, Running, Serve
from tests.dicom_router.holdings import Holdings
from tests.storage.material import instance

READER = Peer("READER", TRUST, may_read=True)
BOTH = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
STUDY_ROOT = STUDY_ROOT_GET
PATIENT_ROOT = PATIENT_ROOT_GET


@dataclass
class Got:
    """What a C-GET brought."""

    responses: list[Dataset] = field(default_factory=list)  # command sets
    failed: list[str] = field(default_factory=list)  # of the last response's list
    received: dict[str, bytes] = field(default_factory=dict)
    syntaxes: dict[str, str] = field(default_factory=dict)
    priorities: set[int] = field(default_factory=set)

    @property
    def status(self) -> int:
        return int(self.responses[-1].Status)

    @property
    def comment(self) -> str:
        return str(self.responses[-1].get("ErrorComment", ""))

    @property
    def counts(self) -> tuple[int | None, int, int, int]:
        """Remaining, completed, failed, with a warning."""
        last = self.responses[-1]
        return (
            last.get("NumberOfRemainingSuboperations"),
            last.NumberOfCompletedSuboperations,
            last.NumberOfFailedSuboperations,
            last.NumberOfWarningSuboperations,
        )


def keys(level: str, **unique: str | list[str]) -> Dataset:
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for keyword, value in unique.items():
        setattr(asked, keyword, value)
    return asked


def served(serve: Serve, holdings: Holdings, *peers: Peer, **settings: Any) -> Running:
    retrieving = Retrieving(holdings.reading, lambda: [TRUST])
    return serve(services=getting.services(retrieving, holdings.reader), peers=peers or (READER,), **settings)


def get(
    router: Running,
    asked: Dataset,
    *,
    root: str = STUDY_ROOT,
    contexts: Sequence[tuple[str, Sequence[str]]] = ((CTImageStorage, BOTH),),
    roles: Sequence[str] | None = None,
    answer: Any = None,
    cancel_after: int = 0,
    calling: str = "READER",
) -> Got:
    """Ask, take what comes, and answer each as told."""
    got = Got()

    def on_store(event: Event) -> int:
        request: Any = event.request
        uid = str(request.AffectedSOPInstanceUID)
        got.received[uid] = request.DataSet.getvalue()
        got.syntaxes[uid] = str(event.context.transfer_syntax)
        if cancel_after and len(got.received) == cancel_after:
            event.assoc.send_c_cancel(7, query_model=root)
        return int(answer(event)) if answer else 0

    ae = AE(calling)
    ae.dimse_timeout = 30
    ae.add_requested_context(root)
    for abstract, transfer in contexts:
        ae.add_requested_context(abstract, list(transfer))
    wanted = dict.fromkeys(roles if roles is not None else [abstract for abstract, _ in contexts])
    association = ae.associate(
        "127.0.0.1",
        router.port,
        ae_title="IMX",
        ext_neg=[build_role(uid, scp_role=True) for uid in wanted],
        evt_handlers=[
            (evt.EVT_C_STORE, on_store),
            (evt.EVT_DIMSE_RECV, lambda event: _note(event, got)),
        ],
    )
    assert association.is_established
    for _, identifier in association.send_c_get(asked, root, msg_id=7):
        if identifier is not None and "FailedSOPInstanceUIDList" in identifier:
            uids = identifier.FailedSOPInstanceUIDList
            got.failed = [str(uids)] if isinstance(uids, str) else list(map(str, uids))
    association.release()
    return got


def _note(event: Event, got: Got) -> None:
    message: Any = event.message
    if message.__class__.__name__ == "C_GET_RSP":
        got.responses.append(message.command_set)


def test_a_study_comes_over_the_same_association(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(5)

    got = get(served(serve, holdings), keys("STUDY", StudyInstanceUID=study))

    assert got.received == holdings.received
    assert got.status == 0x0000
    assert got.counts == (None, 5, 0, 0)
    pending = got.responses[0]
    assert pending.Status == 0xFF00
    assert pending.NumberOfCompletedSuboperations == 1
    assert pending.NumberOfRemainingSuboperations == 4


def test_each_level_of_both_roots(serve: Serve, holdings: Holdings) -> None:
    first = instance(PatientID="P1")
    second = instance(PatientID="P1", StudyInstanceUID=first.StudyInstanceUID)
    third = instance(PatientID="P1", StudyInstanceUID=second.StudyInstanceUID)
    third.SeriesInstanceUID = second.SeriesInstanceUID
    other = instance(PatientID="P1")
    for each in (first, second, third, other, instance(PatientID="P2")):
        holdings.keep(each)
    study, series = str(first.StudyInstanceUID), str(second.SeriesInstanceUID)
    router = served(serve, holdings)

    def found(root: str, level: str, **unique: str | list[str]) -> set[str]:
        got = get(router, keys(level, **unique), root=root)
        assert got.status == 0x0000, got.comment
        return set(got.received)

    def uids(*datasets: Dataset) -> set[str]:
        return {str(each.SOPInstanceUID) for each in datasets}

    assert found(PATIENT_ROOT, "PATIENT", PatientID="P1") == uids(first, second, third, other)
    both_studies = [study, str(other.StudyInstanceUID)]
    images = [str(second.SOPInstanceUID), str(third.SOPInstanceUID), "1.2.3"]
    for root, patient in ((PATIENT_ROOT, {"PatientID": "P1"}), (STUDY_ROOT, {})):
        one = {**patient, "StudyInstanceUID": study}
        assert found(root, "STUDY", **one) == uids(first, second, third)
        assert found(root, "STUDY", **patient, StudyInstanceUID=both_studies) == uids(
            first, second, third, other
        )
        assert found(root, "SERIES", **one, SeriesInstanceUID=series) == uids(second, third)
        assert found(root, "IMAGE", **one, SeriesInstanceUID=series, SOPInstanceUID=images) == uids(
            second, third
        )
    assert found(STUDY_ROOT, "IMAGE", SOPInstanceUID=images) == uids(second, third)
    assert found(STUDY_ROOT, "STUDY", StudyInstanceUID="1.2.3") == set()


@pytest.mark.parametrize(
    ("root", "asked"),
    [
        (STUDY_ROOT, keys("PATIENT", PatientID="P1")),
        (STUDY_ROOT, keys("", StudyInstanceUID="1.2")),
        (STUDY_ROOT, keys("FRAME", StudyInstanceUID="1.2")),
        (STUDY_ROOT, keys("STUDY")),
        (STUDY_ROOT, keys("SERIES", StudyInstanceUID=["1.2", "1.3"], SeriesInstanceUID="1.4")),
        (PATIENT_ROOT, keys("PATIENT", PatientID="*")),
        (PATIENT_ROOT, keys("PATIENT", PatientID="P*")),
        (PATIENT_ROOT, keys("PATIENT", PatientID="P1\\P2")),
    ],
)
def test_an_identifier_that_means_nothing_here(
    serve: Serve, holdings: Holdings, root: str, asked: Dataset
) -> None:
    holdings.study(1, PatientID="P1")

    got = get(served(serve, holdings), asked, root=root)

    assert got.status == 0xA900
    assert got.comment
    assert not got.received


def test_a_bare_patient_id_is_the_askers_own(serve: Serve, holdings: Holdings) -> None:
    ours = holdings.study(1, PatientID="123456")
    holdings.trust = "RBT"
    theirs = holdings.study(1, PatientID="123456")
    router = served(serve, holdings)

    bare = get(router, keys("PATIENT", PatientID="123456"), root=PATIENT_ROOT)
    issued = get(router, keys("PATIENT", PatientID="123456", IssuerOfPatientID="RBT"), root=PATIENT_ROOT)

    assert set(bare.received) == {each.stored.uid for each in holdings.leaving(ours)}
    assert set(issued.received) == {each.stored.uid for each in holdings.leaving(theirs)}


def test_what_is_anothers_leaves_under_a_number_that_is_plainly_not_ours(
    serve: Serve, holdings: Holdings
) -> None:
    holdings.trust = "RBT"
    study = holdings.study(1, PatientID="123456", AccessionNumber="A1")

    got = get(served(serve, holdings), keys("STUDY", StudyInstanceUID=study))

    (data,) = got.received.values()
    members = read_data_set(data, got.syntaxes.popitem()[1])
    assert members["00100020"]["Value"] == ["RBT-123456"]
    assert members["00100021"]["Value"] == ["RBT"]
    assert members["00080050"]["Value"] == ["RBT-A1"]
    assert members["04000561"]["Value"][0]["04000550"]["Value"][0]["00100020"]["Value"] == ["123456"]


def test_what_has_no_context_has_failed_and_is_named(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(2)
    (mr,) = (holdings.keep(instance(StudyInstanceUID=study, SOPClassUID=MRImageStorage)),)

    got = get(served(serve, holdings), keys("STUDY", StudyInstanceUID=study))

    assert got.status == 0xB000
    assert got.counts == (None, 2, 1, 0)
    assert got.failed == [mr]
    assert "MR Image Storage" in got.comment


def test_a_peer_that_is_no_scp_is_sent_nothing(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(2)

    got = get(served(serve, holdings), keys("STUDY", StudyInstanceUID=study), roles=())

    assert got.status == 0xA702
    assert got.counts == (None, 0, 2, 0)
    assert set(got.failed) == set(holdings.received)


def test_failures_and_warnings_of_the_peer_are_counted(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(3)
    answers = iter([0xA700, 0xB007, 0x0000])

    got = get(
        served(serve, holdings),
        keys("STUDY", StudyInstanceUID=study),
        answer=lambda event: next(answers),
    )

    assert got.status == 0xB000
    assert got.counts == (None, 1, 1, 1)
    assert len(got.failed) == 1


def test_a_cancelled_get_stops_and_says_what_is_left(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(8)

    got = get(served(serve, holdings), keys("STUDY", StudyInstanceUID=study), cancel_after=3)

    assert got.status == 0xFE00
    remaining, completed, failed, warned = got.counts
    assert remaining == 8 - completed
    assert 3 <= completed <= 4
    assert (failed, warned) == (0, 0)


def test_compressed_leaves_as_it_is_or_decompressed(serve: Serve, holdings: Holdings) -> None:
    path = get_testdata_file("MR_small_RLE.dcm")
    uid = holdings.keep_file(Path(str(path)))
    study = str(dcmread(str(path)).StudyInstanceUID)
    router = served(serve, holdings)

    as_it_is = get(router, keys("STUDY", StudyInstanceUID=study), contexts=[(MRImageStorage, [RLELossless])])
    explicit = get(router, keys("STUDY", StudyInstanceUID=study), contexts=[(MRImageStorage, BOTH)])

    assert as_it_is.received == holdings.received
    assert as_it_is.syntaxes == {uid: RLELossless}
    assert explicit.syntaxes == {uid: ExplicitVRLittleEndian}
    decoded = dcmread(BytesIO(write_meta("1.2", "1.2", ExplicitVRLittleEndian) + explicit.received[uid]))
    assert (decoded.pixel_array == dcmread(str(path)).pixel_array).all()


def test_who_may_not_read_is_refused_and_that_is_written_down(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(1)

    got = get(
        served(serve, holdings, Peer("MODALITY", TRUST)),
        keys("STUDY", StudyInstanceUID=study),
        calling="MODALITY",
    )

    assert got.status == 0x0124
    assert not got.received
    assert holdings.shelf.rows("select actor, action, outcome from audit") == [
        ("MODALITY", "retrieve", "refused")
    ]


def test_who_looked_is_written_down_for_each_study(serve: Serve, holdings: Holdings) -> None:
    first, second = holdings.study(2), holdings.study(1)

    get(served(serve, holdings), keys("STUDY", StudyInstanceUID=[first, second]))

    rows = holdings.shelf.rows("select actor, action, purpose, study_uid, outcome from audit")
    assert sorted(rows) == sorted(("READER", "retrieve", "TREAT", uid, "allowed") for uid in (first, second))


def test_the_association_goes_on_after_a_get(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(2)
    router = served(serve, holdings)
    ae = AE("READER")
    ae.add_requested_context(STUDY_ROOT)
    ae.add_requested_context(CTImageStorage, BOTH)
    association = ae.associate(
        "127.0.0.1", router.port, ae_title="IMX", ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, lambda event: 0)],
    )  # fmt: skip
    for _ in range(3):
        answers = list(association.send_c_get(keys("STUDY", StudyInstanceUID=study), STUDY_ROOT))
        assert answers[-1][0].Status == 0x0000
    association.release()

    assert router.endings() == ["released"]


def test_a_peer_that_dies_in_the_middle_ends_its_association_alone(serve: Serve, holdings: Holdings) -> None:
    study = holdings.study(4)
    router = served(serve, holdings)

    def die(event: Event) -> int:
        event.assoc.dimse_timeout = 0.2  # it waits for no more, now that it is dead
        event.assoc.abort()
        return 0

    got = get(router, keys("STUDY", StudyInstanceUID=study), answer=die)

    assert len(got.received) == 1
    assert router.endings() == ["peer aborted"]


def test_a_slides_label_leaves_for_those_who_contribute_alone(serve: Serve, holdings: Holdings) -> None:
    tissue = instance(SOPClassUID=VLWholeSlideMicroscopyImageStorage, SpecimenLabelInImage="NO")
    label = instance(SOPClassUID=VLWholeSlideMicroscopyImageStorage, SpecimenLabelInImage="YES")
    label.StudyInstanceUID = study = str(tissue.StudyInstanceUID)
    uids = {holdings.keep(tissue), holdings.keep(label)}
    reader = Peer("READER", TRUST, may_read=True, may_store=False)
    laboratory = Peer("LAB", TRUST, may_read=True, may_store=True)
    router = served(serve, holdings, reader, laboratory)
    contexts = [(VLWholeSlideMicroscopyImageStorage, BOTH)]

    got = get(router, keys("STUDY", StudyInstanceUID=study), contexts=contexts)
    assert set(got.received) == {str(tissue.SOPInstanceUID)}
    assert got.failed == [str(label.SOPInstanceUID)]
    assert "labels" in got.comment

    got = get(router, keys("STUDY", StudyInstanceUID=study), contexts=contexts, calling="LAB")
    assert set(got.received) == uids
