"""C-FIND at every level, on a real index, by pynetdicom's SCU (PS3.4 §C.4.1)."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from dicom_router.contexts import PATIENT_ROOT_FIND, PATIENT_STUDY_ONLY_FIND, STUDY_ROOT_FIND
from dicom_router.services import finding
from exchange.registry import Peer, Trust
from storage.correcting import NewCorrection, Reason, record
from storage.corrections import Member
from tests.dicom_router.conftest import Running, Serve
from tests.dicom_router.holdings import Holdings
from tests.storage.material import instance
from tests.storage.shelf import origin

WIRRAL = Trust(ods_code="RBL", name="Wirral", issuer="RBL")
MERSEY = Trust(ods_code="REM", name="Mersey", issuer="REM")
PEERS = (
    Peer("WARD", WIRRAL, may_read=True),
    Peer("OTHER", MERSEY, may_read=True),
    Peer("MODALITY", WIRRAL),
)


@dataclass
class Answers:
    """What a query came to."""

    pending: list[tuple[int, Dataset]]
    final: Dataset

    @property
    def status(self) -> int:
        return int(self.final.Status)

    def values(self, keyword: str) -> list[Any]:
        return [getattr(data_set, keyword) for _status, data_set in self.pending]


@dataclass
class Door:
    """A router over an archive."""

    running: Running
    holdings: Holdings

    def find(
        self,
        level: str | None,
        model: str = STUDY_ROOT_FIND,
        calling: str = "WARD",
        extended: Any = None,  # bytes of the extended negotiation
        **keys: Any,
    ) -> Answers:
        asked = Dataset()
        if level is not None:
            asked.QueryRetrieveLevel = level
        for keyword, value in keys.items():
            setattr(asked, keyword, value)
        return self.find_by(asked, model, calling, extended)

    def find_by(
        self, asked: Dataset, model: str, calling: str = "WARD", extended: bytes | None = None
    ) -> Answers:
        scu = AE(calling)
        scu.add_requested_context(model)
        items: list[Any] = []
        if extended is not None:
            item = SOPClassExtendedNegotiation()
            item.sop_class_uid = model
            item.service_class_application_information = extended
            items.append(item)
        association = scu.associate("127.0.0.1", self.running.port, ae_title="IMX", ext_neg=items)
        assert association.is_established
        try:
            *pending, (final, _none) = association.send_c_find(asked, model)
        finally:
            association.release()
        return Answers([(int(status.Status), found) for status, found in pending if found is not None], final)

    def audited(self) -> list[tuple[str, ...]]:
        return self.holdings.shelf.rows(
            "select actor, action, coalesce(study_uid, ''), outcome, detail::text from audit order by id"
        )


@pytest.fixture
def door(serve: Serve, holdings: Holdings) -> Door:
    """Two trusts, each with a patient 123 and an accession A1; one study has two series."""
    wirral, mersey = origin("RBL"), origin("REM")
    send = holdings.shelf.send
    one = {"PatientID": "123", "AccessionNumber": "A1", "StudyInstanceUID": "1.1", "StudyDate": "20240506"}
    send(instance(**one, SeriesInstanceUID="1.1.1", SOPInstanceUID="1.1.1.1"), origin=wirral)
    send(
        instance(**one, SeriesInstanceUID="1.1.1", SOPInstanceUID="1.1.1.2", InstanceNumber="2"),
        origin=wirral,
    )
    report = {
        "SeriesInstanceUID": "1.1.2",
        "SOPInstanceUID": "1.1.2.1",
        "Modality": "SR",
        "SeriesNumber": "2",
    }
    send(instance(**one, **report), origin=wirral)
    send(
        instance(
            PatientID="123", AccessionNumber="A1", PatientName="Smith^Jo", StudyInstanceUID="1.2",
            SeriesInstanceUID="1.2.1", SOPInstanceUID="1.2.1.1", StudyDate="20250102", StudyTime="0830",
            Modality="MR",
        ),
        origin=mersey,
    )  # fmt: skip
    send(
        instance(
            PatientID="", AccessionNumber="", PatientName="Unknown", StudyInstanceUID="1.3",
            SeriesInstanceUID="1.3.1", SOPInstanceUID="1.3.1.1", StudyDate="20230102",
        ),
        origin=wirral,
    )  # fmt: skip
    return Door(serve(peers=PEERS, services=finding.services(holdings.reading)), holdings)


def test_studies(door: Door) -> None:
    for keys, studies in (
        ({}, ["1.2", "1.1", "1.3"]),
        ({"PatientID": "123"}, ["1.1"]),
        ({"PatientID": "12?"}, ["1.1"]),
        ({"PatientID": "123", "IssuerOfPatientID": "REM"}, ["1.2"]),
        ({"PatientName": "smith*"}, ["1.2"]),
        ({"StudyDate": "20240101-20241231"}, ["1.1"]),
        ({"StudyDate": "20240506-"}, ["1.2", "1.1"]),
        ({"StudyDate": "-20231231"}, ["1.3"]),
        ({"StudyTime": "08"}, ["1.2"]),
        ({"StudyInstanceUID": ["1.1", "1.3", "9.9"]}, ["1.1", "1.3"]),
        ({"ModalitiesInStudy": "SR"}, ["1.1"]),
        ({"AccessionNumber": "A1"}, ["1.1"]),
        ({"PatientName": "Nobody"}, []),
    ):
        asked: dict[str, Any] = {"StudyInstanceUID": "", **keys}
        answers = door.find("STUDY", **asked)
        assert answers.status == 0x0000
        assert answers.values("StudyInstanceUID") == studies, keys
        assert {status for status, _found in answers.pending} <= {0xFF00}


def test_every_answer_says_whose_it_is_and_where_it_is_had(door: Door) -> None:
    for model, level, keys in (
        (PATIENT_ROOT_FIND, "PATIENT", {"PatientID": "123"}),
        (STUDY_ROOT_FIND, "STUDY", {"StudyInstanceUID": "1.1"}),
        (STUDY_ROOT_FIND, "SERIES", {"StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.2"}),
        (
            STUDY_ROOT_FIND, "IMAGE",
            {"StudyInstanceUID": "1.1", "SeriesInstanceUID": "1.1.1", "SOPInstanceUID": "1.1.1.2"},
        ),
    ):  # fmt: skip
        answers = door.find(level, model, **keys)
        ((status, found),) = answers.pending
        assert status == 0xFF00
        assert found.QueryRetrieveLevel == level
        assert found.RetrieveAETitle == "IMX"
        assert found.InstanceAvailability == "ONLINE"
        assert found.IssuerOfPatientID == "RBL"
        assert [element.tag for element in found] == sorted(element.tag for element in found)
        for keyword, value in keys.items():
            assert getattr(found, keyword) == value


def test_what_was_asked_for_is_counted(door: Door) -> None:
    patients = door.find(
        "PATIENT", PATIENT_ROOT_FIND, PatientID="123", PatientName="", NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedSeries="", NumberOfPatientRelatedInstances="",
    )  # fmt: skip
    ((_status, patient),) = patients.pending
    assert patient.PatientName == "Müller^Zoë"
    assert patient.NumberOfPatientRelatedStudies == 1
    assert patient.NumberOfPatientRelatedSeries == 2
    assert patient.NumberOfPatientRelatedInstances == 3

    studies = door.find(
        "STUDY", StudyInstanceUID="1.1", NumberOfStudyRelatedSeries="", NumberOfStudyRelatedInstances="",
        ModalitiesInStudy="",
    )  # fmt: skip
    ((_status, study),) = studies.pending
    assert (study.NumberOfStudyRelatedSeries, study.NumberOfStudyRelatedInstances) == (2, 3)
    assert list(study.ModalitiesInStudy) == ["CT", "SR"]

    series = door.find(
        "SERIES",
        StudyInstanceUID="1.1",
        SeriesInstanceUID="",
        NumberOfSeriesRelatedInstances="",
        Modality="CT",
    )
    assert series.values("SeriesInstanceUID") == ["1.1.1"]
    assert series.values("NumberOfSeriesRelatedInstances") == [2]


def test_patients_are_an_identifier_and_its_issuer(door: Door) -> None:
    everyone = door.find("PATIENT", PATIENT_ROOT_FIND, PatientID="", PatientName="*")
    assert [(p.PatientID, p.IssuerOfPatientID) for _s, p in everyone.pending] == [
        ("", "RBL"), ("123", "REM"), ("123", "RBL"),
    ]  # fmt: skip
    door.holdings.shelf.send(
        instance(PatientID="", PatientName="Unknown", StudyInstanceUID="1.4"), origin=origin("RBL")
    )
    nameless = door.find("PATIENT", PATIENT_ROOT_FIND, PatientName="Unknown")
    assert len(nameless.pending) == 2, "patients that identify nobody are each their own"
    with_report = door.find("PATIENT", PATIENT_ROOT_FIND, PatientID="", Modality="SR", StudyDate="20240506")
    assert with_report.values("IssuerOfPatientID") == ["RBL"]


def test_the_same_patient_id_of_two_trusts_is_two_people(door: Door) -> None:
    """A bare identifier is the asker's; an issuer or a UID reaches across, and every answer says whose."""
    for level, model in (("PATIENT", PATIENT_ROOT_FIND), ("STUDY", STUDY_ROOT_FIND)):
        for key in ({"PatientID": "123"}, {"PatientID": "1*"}):
            assert door.find(level, model, "WARD", **key).values("IssuerOfPatientID") == ["RBL"]
            assert door.find(level, model, "OTHER", **key).values("IssuerOfPatientID") == ["REM"]
    for calling, study in (("WARD", "1.1"), ("OTHER", "1.2")):
        own = door.find("STUDY", calling=calling, AccessionNumber="A1", StudyInstanceUID="")
        assert own.values("StudyInstanceUID") == [study]
        drilled = door.find("STUDY", PATIENT_ROOT_FIND, calling, PatientID="123", StudyInstanceUID="")
        assert drilled.values("StudyInstanceUID") == [study]
    across = door.find("STUDY", calling="WARD", PatientID="123", IssuerOfPatientID="REM", StudyInstanceUID="")
    assert across.values("StudyInstanceUID") == ["1.2"]
    by_uid = door.find(
        "SERIES", PATIENT_ROOT_FIND, PatientID="123", StudyInstanceUID="1.2", SeriesInstanceUID=""
    )
    assert by_uid.values("IssuerOfPatientID") == ["REM"]


def test_the_hierarchy_wants_one_value_of_each_unique_key_above(door: Door) -> None:
    for model, level, keys, missing in (
        (PATIENT_ROOT_FIND, "STUDY", {"StudyDate": "20240506"}, 0x00100020),
        (PATIENT_ROOT_FIND, "STUDY", {"PatientID": "1*"}, 0x00100020),
        (PATIENT_ROOT_FIND, "SERIES", {"PatientID": "123"}, 0x0020000D),
        (STUDY_ROOT_FIND, "SERIES", {"Modality": "CT"}, 0x0020000D),
        (STUDY_ROOT_FIND, "SERIES", {"StudyInstanceUID": ["1.1", "1.2"]}, 0x0020000D),
        (STUDY_ROOT_FIND, "IMAGE", {"StudyInstanceUID": "1.1"}, 0x0020000E),
        (STUDY_ROOT_FIND, "PATIENT", {}, 0x00080052),
        (PATIENT_STUDY_ONLY_FIND, "SERIES", {"PatientID": "1", "StudyInstanceUID": "1.1"}, 0x00080052),
        (STUDY_ROOT_FIND, None, {"StudyInstanceUID": "1.1"}, 0x00080052),
        (STUDY_ROOT_FIND, "EXAM", {"StudyInstanceUID": "1.1"}, 0x00080052),
    ):
        answers = door.find(level, model, **keys)
        assert answers.pending == []
        assert answers.status == 0xA900
        assert answers.final.OffendingElement == missing, (model, level)
        assert answers.final.ErrorComment


def test_relational_queries_where_they_are_agreed(door: Door) -> None:
    series = door.find("SERIES", extended=b"\1", Modality="CT", SeriesInstanceUID="")
    assert series.values("SeriesInstanceUID") == ["1.1.1", "1.3.1"]
    images = door.find("IMAGE", PATIENT_ROOT_FIND, extended=b"\1\0", PatientID="123", SOPInstanceUID="")
    assert images.values("SOPInstanceUID") == ["1.1.1.1", "1.1.1.2", "1.1.2.1"]
    retired = door.find(
        "STUDY", PATIENT_STUDY_ONLY_FIND, extended=b"\1", StudyDate="20250101-", StudyInstanceUID=""
    )
    assert retired.values("StudyInstanceUID") == ["1.2"]


def test_date_and_time_are_one_moment_where_that_is_agreed(door: Door) -> None:
    keys = {"StudyDate": "20240506-20250102", "StudyTime": "1000-0830", "StudyInstanceUID": ""}
    assert door.find("STUDY", extended=b"\0\1", **keys).values("StudyInstanceUID") == ["1.2"]
    assert door.find("STUDY", extended=b"\0\0", **keys).values("StudyInstanceUID") == []


def test_extended_negotiation_is_answered_honestly(door: Door) -> None:
    for asked, agreed in ((b"\1\1\1\1\1", b"\1\1\0\0\0"), (b"\1", b"\1"), (b"\0\1\1", b"\0\1\0"), (b"", b"")):
        scu = AE("WARD")
        scu.add_requested_context(STUDY_ROOT_FIND)
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid = STUDY_ROOT_FIND
        item.service_class_application_information = asked
        association = scu.associate("127.0.0.1", door.running.port, ae_title="IMX", ext_neg=[item])
        assert association.is_established
        assert association.acceptor.sop_class_extended == {STUDY_ROOT_FIND: agreed}
        association.release()


def test_what_is_not_supported_is_told_with_every_answer(door: Door) -> None:
    for keys in ({"PatientAge": ""}, {"StudyComments": "x"}, {"Manufacturer": ""}):
        answers = door.find("STUDY", StudyInstanceUID="1.1", **keys)
        ((status, found),) = answers.pending
        assert status == 0xFF01, keys
        assert answers.status == 0x0000
        assert found[next(iter(keys))].is_empty
    below = door.find("STUDY", StudyInstanceUID="", Modality="SR")
    assert below.values("StudyInstanceUID") == ["1.1"]
    assert [status for status, _found in below.pending] == [0xFF01]


def test_keys_that_mean_nothing_are_refused_by_name(door: Door) -> None:
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.add_new(0x00080020, "LO", "yesterday")
    answers = door.find_by(asked, STUDY_ROOT_FIND)
    assert answers.status == 0xC001
    assert answers.final.OffendingElement == 0x00080020
    assert "yesterday" not in answers.final.ErrorComment


def test_a_limit_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.search.BROAD_LIMIT", 2)
    broad = door.find("STUDY", StudyInstanceUID="")
    assert broad.values("StudyInstanceUID") == ["1.2", "1.1"]
    assert broad.status == 0xA700
    assert "2 of more" in broad.final.ErrorComment
    narrow = door.find("STUDY", StudyInstanceUID=["1.1", "1.2", "1.3"])
    assert len(narrow.pending) == 3
    assert narrow.status == 0x0000


def test_every_query_is_audited_by_its_keys(door: Door) -> None:
    door.find("STUDY", PatientName="Smith*", StudyInstanceUID="")
    door.find("SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="")
    refused = door.find("STUDY", calling="MODALITY", PatientID="123")

    assert refused.status == 0x0124
    assert refused.pending == []
    assert door.audited() == [
        ("WARD", "query", "", "allowed", '{"keys": ["00100010", "0020000D"], "level": "study"}'),
        ("WARD", "query", "1.1", "allowed", '{"keys": ["0020000D", "0020000E"], "level": "series"}'),
        ("MODALITY", "query", "", "refused", '{"keys": ["00100020"], "level": "study"}'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "name", "answered"),
    [
        ("ISO_IR 100", "Müller*", "ISO_IR 100"),
        ("ISO_IR 192", "Müller*", "ISO_IR 192"),
        ("GB18030", "Müller*", "GB18030"),
        (None, "M*", "ISO_IR 100"),
        (["", "ISO 2022 IR 87"], "M*", "ISO_IR 100"),
        ("ISO_IR 192", "Yamada*", "ISO_IR 192"),
        ("ISO_IR 100", "Yamada*", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田*", ["", "ISO 2022 IR 87"]),
        ("GB18030", "*=山田*", "GB18030"),
        ("ISO_IR 192", "Smith^Jo", None),
    ],
)
def test_names_are_found_and_answered_in_the_askers_characters(
    door: Door, declared: Any, name: str, answered: Any
) -> None:
    door.holdings.shelf.send(
        instance(
            PatientName="Yamada^Tarou=山田^太郎", SpecificCharacterSet="ISO_IR 192", StudyInstanceUID="1.5"
        ),
        origin=origin("RBL"),
    )
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    if declared:
        asked.SpecificCharacterSet = declared
    asked.PatientName = name
    asked.StudyInstanceUID = ""

    found = {each.StudyInstanceUID: each for _s, each in door.find_by(asked, STUDY_ROOT_FIND).pending}

    uid = {"M": "1.1", "Y": "1.5", "*": "1.5", "S": "1.2"}[name[0]]
    names = {"1.1": "Müller^Zoë", "1.5": "Yamada^Tarou=山田^太郎", "1.2": "Smith^Jo"}
    assert found[uid].PatientName == names[uid]
    assert found[uid].get("SpecificCharacterSet") == answered


def test_answers_are_as_corrected(door: Door) -> None:
    with door.holdings.shelf.pool.connection() as connection:
        attributes: dict[str, Member] = {
            "00100020": {"vr": "LO", "Value": ["999"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Right^Name"}]},
        }
        record(connection, NewCorrection("1.1", attributes, Reason.CORRECT, "somebody"))
    assert door.find("STUDY", PatientID="123", StudyInstanceUID="").pending == []
    for model, level in ((STUDY_ROOT_FIND, "STUDY"), (PATIENT_ROOT_FIND, "PATIENT")):
        ((_status, found),) = door.find(level, model, PatientID="999", PatientName="").pending
        assert found.PatientName == "Right^Name"
