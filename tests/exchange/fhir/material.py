"""A study and people, as the builders are given them."""

from datetime import UTC, datetime
from uuid import UUID

from exchange.people.person import (
    Demographics,
    Identifier,
    Known,
    NumberStatus,
    Person,
    PersonName,
    Sensitivity,
    Sex,
)
from exchange.record.study import Coded, SharedInstance, SharedSeries, SharedStudy
from exchange.trusts import Trust

AT = datetime(2026, 11, 20, 9, 30, 15, 250000, tzinfo=UTC)
DICOMWEB = "https://pacs.example/dicom-web"
TRUST = Trust("RBL", "Wirral University Teaching Hospital", "RBL", "Wirral")
ASSIGNERS = {TRUST.issuer: TRUST}

CHEST = SharedStudy(
    id=1,
    uid="1.2.826.0.1.3680043.9.1",
    trust="RBL",
    date="20261119",
    time="101112.5",
    accession="A-77",
    accession_issuer="RBL",
    description="CT thorax",
    codes=(Coded("CCHES", "NICIP", "CT Chest"), Coded("169069000", "SCT", "CT of chest")),
    referring="Grey^Meredith^^Dr",
    modalities=("CT", "SR"),
    patient_id="L123",
    patient_issuer="RBL",
    patient_name="SMITH^JANE",
    birth_date="19700101",
    sex="F",
    first_kept_at=AT,
    last_kept_at=AT,
    series=(
        SharedSeries(
            "1.2.826.0.1.3680043.9.1.1",
            "CT",
            1,
            "Lung",
            "CHEST",
            "",
            "20261119",
            "101500",
            (
                SharedInstance("1.2.826.0.1.3680043.9.1.1.1", "1.2.840.10008.5.1.4.1.1.2", 1, 1),
                SharedInstance("1.2.826.0.1.3680043.9.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", 2, 40),
            ),
        ),
        SharedSeries(
            "1.2.826.0.1.3680043.9.1.2",
            "SR",
            None,
            "",
            "left little finger",
            "L",
            "",
            "",
            (SharedInstance("1.2.826.0.1.3680043.9.1.2.1", "1.2.840.10008.5.1.4.1.1.88.67", None, 1),),
        ),
    ),
)


def jane(sensitivity: Sensitivity = Sensitivity.NORMAL) -> Person:
    """Somebody with a verified NHS number and a number of a trust."""
    return Person(
        7,
        UUID("b2b53b7e-3fd5-4f0c-8f6f-7d4b36a1f001"),
        Identifier.nhs("9990000018"),
        NumberStatus.VERIFIED,
        sensitivity,
        Demographics((PersonName("Smith", ("Jane",)),), "19700101", Sex.FEMALE),
        (Known(Identifier("L123", "RBL"), NumberStatus.VERIFIED),),
    )
