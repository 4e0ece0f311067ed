"""People of the directory and studies that are theirs, as the facade's tests find them."""

from datetime import UTC, datetime

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.people.directory import person_known_as
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Record,
    Said,
    Sensitivity,
    Sex,
)
from exchange.people.telling import tell
from exchange.registry import PostgresRegistry
from exchange.telling.outbox import Because, note
from exchange.trusts import Trust
from tests.viewer_api.conftest import Place
from tests.viewer_api.material import an_image, encoded

NHS = "https://fhir.nhs.uk/Id/nhs-number"
RUTH = Identifier.nhs("9990000018")
SYNTAX = "1.2.840.10008.1.2.1"


def trusts(place: Place) -> None:
    """Of the senders."""
    registry = PostgresRegistry(place.ingest.index.pool)
    for ods_code in ("RBS", "RBL"):
        registry.add_trust(Trust(ods_code, f"Trust {ods_code}", ods_code))


def a_person(
    place: Place,
    number: str = RUTH.value,
    local: str = "123456",
    sensitivity: Sensitivity = Sensitivity.NORMAL,
    trust: str = "RBS",
) -> Person:
    """Somebody whose NHS number is verified, with a number of a trust."""
    said = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304", Sex.FEMALE, postcode="CH1 1AA")
    record = Record(Identifier(local, trust), said, number, NumberStatus.VERIFIED, sensitivity)
    with place.ingest.index.pool.connection() as connection:
        tell(connection, record, Said(datetime(2026, 3, 1, tzinfo=UTC), f"{trust} {local}"))
        found = person_known_as(connection, Identifier.nhs(number))
    assert found is not None
    return found


def a_study(place: Place, uid: str = "1.2.826.0.1.9", instances: int = 1, **attributes: object) -> str:
    """A study of some images, each of the attributes given."""
    for number in range(1, instances + 1):
        image = an_image(f"{uid}.1.{number}")
        image.StudyInstanceUID, image.SeriesInstanceUID = uid, f"{uid}.1"
        image.PatientID, image.PatientName, image.PatientBirthDate = "123456", "ONEILL^RUTH", "19710304"
        image.Modality, image.BodyPartExamined, image.InstanceNumber = "CT", "CHEST", number
        image.StudyDate, image.StudyTime, image.AccessionNumber = "20260301", "101500", "A1"
        for keyword, value in attributes.items():
            setattr(image, keyword, value)
        place.keep(str(image.SOPClassUID), str(image.SOPInstanceUID), SYNTAX, encoded(image))
    return uid


def link(place: Place, uid: str, person: Person) -> None:
    """As the linker would."""
    with place.ingest.index.pool.connection() as connection:
        row = connection.execute("select id from study where uid = %s", (uid,)).fetchone()
        assert row is not None
        keep_link(connection, row[0], Decided(LinkState.LINKED, person.id, ()), LINKER, by_hand=False)
        note(connection, [uid], Because.LINKED)
