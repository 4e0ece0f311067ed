"""A person with studies of three ologies at two trusts, one of them reported."""

from uuid import UUID

import psycopg
from pydicom.uid import CTImageStorage, TwelveLeadECGWaveformStorage, VLWholeSlideMicroscopyImageStorage

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    PersonName,
    Record,
    Sensitivity,
    Sex,
)
from exchange.people.telling import tell
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from tests.exchange.people.test_directory import said
from tests.storage.shelf import origin
from tests.viewer_api.conftest import Place
from tests.viewer_api.material import an_image, kept

RUTH = "9990000018"
STUDIES = {
    "1.9.1": (CTImageStorage, "CT", "RBL", "20260301", "CT of the chest"),
    "1.9.2": (TwelveLeadECGWaveformStorage, "ECG", "RBT", "20260301", "ECG at rest"),
    "1.9.3": (VLWholeSlideMicroscopyImageStorage, "SM", "RBT", "20251224", "Biopsy of the skin"),
}


def someone(
    place: Place, number: str = RUTH, family: str = "O'Neill", sensitivity: Sensitivity = Sensitivity.NORMAL
) -> UUID:
    """Somebody whose number is verified; their id."""
    with psycopg.connect(place.database) as connection:
        told = Demographics((PersonName(family, ("Ruth",)),), "19710304", Sex.FEMALE, postcode="CH1 1AA")
        nhs = Identifier.nhs(number)
        tell(connection, Record(nhs, told, number, NumberStatus.VERIFIED, sensitivity), said())
        known = person_known_as(connection, nhs)
        assert known is not None
        return known.uid


def link(place: Place, study_uid: str, number: str = RUTH) -> None:
    """A study to somebody."""
    with psycopg.connect(place.database) as connection:
        known = person_known_as(connection, Identifier.nhs(number))
        study = connection.execute("select id from study where uid = %s", (study_uid,)).fetchone()
        assert known is not None
        assert study is not None
        keep_link(connection, study[0], Decided(LinkState.LINKED, known.id, ()), LINKER, by_hand=False)


def a_record(place: Place, sensitivity: Sensitivity = Sensitivity.NORMAL) -> UUID:
    """Ruth's: three studies of two trusts."""
    registry = PostgresRegistry(place.ingest.index.pool)
    registry.add_trust(Trust("RBL", "Wirral University Teaching Hospital", "RBL"))
    registry.add_trust(Trust("RBT", "Mid Cheshire Hospitals", "RBT"))
    uid = someone(place, sensitivity=sensitivity)
    for study_uid, (sop_class, modality, trust, day, description) in STUDIES.items():
        kept(
            place,
            an_image(
                f"{study_uid}.1.1", SOPClassUID=sop_class, Modality=modality, StudyDate=day,
                StudyDescription=description, PatientName="O'Neill^Ruth", PatientBirthDate="19710304",
            ),
            origin=origin(trust),
        )  # fmt: skip
        link(place, study_uid)
    return uid
