"""Studies as the record is told of them."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, KeyObjectSelectionDocumentStorage

from exchange.linking.link import LINKER, Decided, Evidence, LinkState, Verdict
from exchange.linking.links import keep_link, link_of, studies_of
from exchange.people.person import Demographics, Identifier, NumberStatus, Record
from exchange.people.telling import tell
from exchange.record.reading import shared_studies
from exchange.record.study import Coded, KeyObjects
from exchange.telling import outbox
from storage.correcting import NewCorrection, Reason, record
from storage.files import FileObjects
from tests.exchange.people.test_directory import OF_WIRRAL, said
from tests.storage.shelf import Shelf, origin


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


def send(shelf: Shelf, study: str = "1.2.1", number: int = 1) -> None:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{study}.1.{number}"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study, f"{study}.1", "CT"
    made.PatientID, made.PatientName, made.PatientBirthDate = "123456", "O'Neill^Ruth", "19710304"
    made.StudyDate, made.AccessionNumber, made.InstanceNumber = "20260301", "A1", number
    made.ProcedureCodeSequence = [Dataset()]
    made.ProcedureCodeSequence[0].CodeValue = "CCHES"
    made.ProcedureCodeSequence[0].CodingSchemeDesignator = "NICIP"
    made.ProcedureCodeSequence[0].CodeMeaning = "CT chest"
    shelf.send(made, origin=origin("RBL"))


def test_a_study_is_shared_as_it_stands_now(shelf: Shelf) -> None:
    for number in (2, 1):
        send(shelf, number=number)
    with shelf.pool.connection() as connection:
        (study,) = shared_studies(connection, ["1.2.1", "1.2.9"]).values()
        assert (study.trust, study.date, study.accession, study.accession_issuer) == (
            "RBL",
            "20260301",
            "A1",
            "RBL",
        )
        assert (study.patient_id, study.patient_issuer, study.patient_name) == (
            "123456",
            "RBL",
            "O'Neill^Ruth",
        )
        assert [code.value for code in study.codes] == ["CCHES"]
        assert [each.number for each in study.series[0].instances] == [1, 2]

        corrected: dict[str, Any] = {
            "00100020": {"vr": "LO", "Value": ["777"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "X"}]},
        }
        record(connection, NewCorrection("1.2.1", corrected, Reason.CORRECT, "somebody"))
        (study,) = shared_studies(connection, ["1.2.1"]).values()
    assert (study.patient_id, study.patient_name) == ("777", "X")


def test_a_link_stands_beside_every_decision_there_was(shelf: Shelf) -> None:
    send(shelf)
    evidence = (Evidence("hospital number", Verdict.AGREES, "RBL 123456"),)
    with shelf.pool.connection() as connection:
        tell(connection, Record(OF_WIRRAL, Demographics(), "9990000018", NumberStatus.VERIFIED), said())
        row = connection.execute("select current_id from person_record where value = '123456'").fetchone()
        study = connection.execute("select id from study").fetchone()
        assert row is not None
        assert study is not None
        assert link_of(connection, "1.2.1") is None
        for decided in (
            Decided(LinkState.UNMATCHED, None, ()),
            Decided(LinkState.LINKED, row[0], evidence),
        ):
            keep_link(connection, study[0], decided, LINKER, by_hand=False)
            outbox.note(connection, ["1.2.1"], outbox.Because.LINKED)
        link = link_of(connection, "1.2.1")
        assert link is not None
        assert (link.decided, link.by, link.is_by_hand) == (decided, LINKER, False)
        assert studies_of(connection, row[0]) == ["1.2.1"]
    assert shelf.rows("select state from link_decision order by id") == [("unmatched",), ("linked",)]
    assert Identifier.nhs("9990000018").is_nhs


def test_a_key_object_selection_says_why_its_objects_were_selected(shelf: Shelf) -> None:
    send(shelf)
    note = Dataset()
    note.SOPClassUID, note.SOPInstanceUID = KeyObjectSelectionDocumentStorage, "1.2.1.2.1"
    note.StudyInstanceUID, note.SeriesInstanceUID, note.Modality = "1.2.1", "1.2.1.2", "KO"
    note.PatientID, note.PatientName, note.PatientBirthDate = "123456", "O'Neill^Ruth", "19710304"
    note.ConceptNameCodeSequence = [coded("113000", "Of Interest")]
    text = Dataset()
    text.RelationshipType, text.ValueType = "CONTAINS", "TEXT"
    text.ConceptNameCodeSequence = [coded("113012", "Key Object Description")]
    text.TextValue = "The nodule,\r\nand where it was before "
    note.ContentSequence = [text]
    shelf.send(note, origin=origin("RBL"))
    with shelf.pool.connection() as connection:
        (study,) = shared_studies(connection, ["1.2.1"]).values()
    image, selection = (instance for series in study.series for instance in series.instances)
    assert image.key_objects is None
    assert selection.key_objects == KeyObjects(
        Coded("113000", "DCM", "Of Interest"), "The nodule, and where it was before"
    )


def coded(value: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "DCM", meaning
    return made
