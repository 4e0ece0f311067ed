"""A day in a region of three trusts, by the rule file of the page for PACS managers."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_router.rules.parsing import parse_rules
from dicom_router.rules.words import deeds
from exchange.registry import PostgresRegistry
from tests.dicom_router.region import Region

PAGE = Path(__file__).parents[2] / "docs" / "routing.md"


@pytest.fixture
def example() -> str:
    """The rule file on the page."""
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_page_shows_a_rule_file_that_loads(example: str) -> None:
    found = parse_rules(example)

    assert [rule.name for rule in found.rules] == [
        "everything to the archive",
        "strokes at night",
        "priors for the reporting room",
        "old cardiology viewer",
    ]
    assert all(deeds(rule) for rule in found.rules)
    assert list(found.coercions) == ["wirral-ct2"]


def test_a_day(region: Region, example: str) -> None:
    region.add_peer("CM_ARCHIVE", host="10.1.1.1", port=104)
    region.add_peer("STROKE_AI", host="10.1.1.2", port=104)
    region.add_peer("ONCALL", "REM", host="10.1.1.3", port=104)
    region.add_peer("REPORT1", "RBL", host="10.1.1.4", port=104)
    region.add_peer("CARDIO_OLD", "RBN", host="10.1.1.5", port=104)
    region.add_peer("WIRRAL_CT2", "RBL", coercions=("wirral-ct2",))
    assert PostgresRegistry(region.shelf.pool).destination("ONCALL")
    # Years before: the same number at two trusts, which are two people.
    region.send("1.0.1", "RBL", StudyDate="20250102", PatientID="123456")
    region.send("1.0.2", "REM", StudyDate="20250103", PatientID="123456")
    region.run()
    region.rules(example)

    # Noon: a CT of Wirral, in its own code and with a padded number.
    region.send(
        "1.1.1", "RBL", "WIRRAL_CT2", StudyDate="20260102", BodyPartExamined="KOPF", AccessionNumber="00042"
    )
    region.came("1.1.1", datetime(2026, 1, 2, 12, tzinfo=UTC))
    # A CT of a head at night, at Aintree, slice by slice.
    for number in range(3):
        region.send(
            "1.2.1",
            "REM",
            "REM_CT1",
            StudyDate="20260102",
            BodyPartExamined="HEAD",
            StudyDescription="CT HEAD STROKE",
            InstanceNumber=str(number),
        )
    region.came("1.2.1", datetime(2026, 1, 2, 22, 30, tzinfo=UTC))
    # An echocardiogram of Warrington.
    region.send("1.3.1", "RBN", "RBN_US1", StudyDate="20260102", Modality="US")
    region.came("1.3.1", datetime(2026, 1, 2, 14, tzinfo=UTC))

    region.run()

    at_once = set(region.orders())
    assert ("1.2.1", "STROKE_AI") in at_once
    assert ("1.2.1", "ONCALL") in at_once
    assert ("1.1.1", "STROKE_AI") not in at_once
    assert ("1.3.1", "CARDIO_OLD") in at_once
    # The priors of the Wirral patient, and of nobody else.
    assert ("1.0.1", "REPORT1") in at_once
    assert not any(study == "1.0.2" for study, _ in at_once)
    # The archive takes whole studies: at first it waits.
    archived = {study for study, destination in at_once if destination == "CM_ARCHIVE"}
    assert archived == {"1.1.1", "1.2.1", "1.3.1"}  # hours old by now, and long quiet
    assert region.shelf.rows("select accession from study where uid = '1.1.1'") == [("42",)]
    by_destination = {each["destination"]: each for each in region.deliveries()}
    assert by_destination["STROKE_AI"]["priority"] == "high"
    assert by_destination["CARDIO_OLD"]["transfer_syntax"] == "1.2.840.10008.1.2"

    # What comes late is sent after, to wherever its study went.
    region.send("1.2.1", "REM", "REM_CT1", StudyDate="20260102", BodyPartExamined="HEAD")
    region.run()
    waiting = {(held.study_uid, held.destination): because for held, because in region.held()}
    assert waiting == {
        (
            "1.2.1",
            "CM_ARCHIVE",
        ): "it waits to be quiet for 120 s, or for the modality's steps to end"
    }
    region.pass_by(130)
    region.run()
    assert region.held() == []
    orders = {(each["study_uid"], each["destination"]): each["orders"] for each in region.deliveries()}
    assert orders["1.2.1", "CM_ARCHIVE"] == orders["1.2.1", "STROKE_AI"] == 2
    assert orders["1.1.1", "CM_ARCHIVE"] == 1
