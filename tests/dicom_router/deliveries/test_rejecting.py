"""A destination whose entry asks for it is sent a rejection note before the study as it was corrected."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_router.deliveries.destinations.part10 import file_of
from dicom_router.deliveries.destinations.port import Sent
from dicom_router.deliveries.mending import Mending
from exchange.destinations import OnCorrection, PostgresDestinations
from exchange.linking.copies import naming_of, note_renaming, still_wrong
from exchange.linking.rejection import TITLE
from exchange.linking.renaming import rename, take_back
from storage.correcting import NewCorrection, Reason
from storage.leaving import Leaving
from storage.rejection_notes import KEY_OBJECT_SELECTION, note_of
from tests.dicom_router.holdings import Holdings
from tests.dicom_router.post import NAME, Post


@dataclass
class Watched:
    """A destination, and what it was sent, in order."""

    post: Post
    study: str
    received: list[Dataset] = field(default_factory=list)
    refuses_notes: bool = False

    def take(self, leaving: Leaving) -> Sent | None:
        file = b"".join(file_of(leaving, self.post.holdings.reader))
        self.received.append(dcmread(BytesIO(file)))
        if self.refuses_notes and leaving.stored.sop_class == KEY_OBJECT_SELECTION:
            return Sent(leaving.stored.uid, is_kept=False, because="0x0122")
        return None

    def mend(self) -> list[Dataset]:
        """As the worker does; what it was sent."""
        self.received.clear()
        mending = Mending(self.post.pool, self.post.deliveries)
        mending.run()
        self.post.run()
        mending.run()
        return list(self.received)

    def correct(self, name: str) -> int:
        with self.post.pool.connection() as connection:
            was = naming_of(connection, self.study)
            said: dict[str, Any] = {
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
                "00100020": {"vr": "LO", "Value": ["222"]},
            }
            number = rename(connection, NewCorrection(self.study, said, Reason.CORRECT, "mary"), None)
            note_renaming(connection, self.study, was)
        return number

    def undo(self, number: int) -> None:
        with self.post.pool.connection() as connection:
            was = naming_of(connection, self.study)
            take_back(connection, number, "mary")
            note_renaming(connection, self.study, was)

    def is_wrong(self) -> bool:
        with self.post.pool.connection() as connection:
            return bool(still_wrong(connection))


@pytest.fixture
def watched(holdings: Holdings) -> Watched:
    """Two instances of Ann's, which it has, as number 111 of the trust RBL."""
    post = Post(holdings)
    with post.pool.connection() as connection:
        connection.execute("insert into trust (ods_code, name, issuer) values ('RBL', 'Wirral', 'RBL')")
        connection.execute(
            "update destination set on_correction = %s", (OnCorrection.REJECT_AND_RESEND.value,)
        )
    assert PostgresDestinations(post.pool).named(NAME).on_correction is OnCorrection.REJECT_AND_RESEND
    study = holdings.study(2, PatientName="Grey^Ann", PatientID="111")
    found = Watched(post, study)
    post.to.before = found.take
    post.order(study)
    post.run()
    assert len(found.received) == 2
    return found


def test_the_note_goes_first_and_names_what_it_has_as_it_was_told(watched: Watched) -> None:
    before = {(str(each.PatientName), str(each.PatientID)) for each in watched.received}
    number = watched.correct("Grey^Ruth")

    rejection, *sent = watched.mend()

    assert rejection.SOPClassUID == KEY_OBJECT_SELECTION
    assert {(str(rejection.PatientName), str(rejection.PatientID))} == before == {("Grey^Ann", "RBL-111")}
    read = note_of({f"{each.tag:08X}": each.to_json_dict(None, 0) for each in rejection})
    assert read is not None
    assert (read.code, {each.uid for each in read.named}) == (TITLE, {each.SOPInstanceUID for each in sent})
    assert rejection.ConceptNameCodeSequence[0].CodeMeaning == "Data Retention Policy Expired"
    assert {(str(each.PatientName), str(each.PatientID)) for each in sent} == {("Grey^Ruth", "RBL-222")}
    assert not watched.is_wrong()
    assert not watched.post.holdings.shelf.rows(
        "select from instance where sop_class = %s", KEY_OBJECT_SELECTION
    )
    assert watched.post.holdings.shelf.keys() == watched.post.holdings.shelf.keys_of_rows()

    watched.undo(number)
    second, *again = watched.mend()
    assert str(second.PatientName) == "Grey^Ruth"
    assert second.SOPInstanceUID != rejection.SOPInstanceUID
    assert {str(each.PatientName) for each in again} == {"Grey^Ann"}


def test_where_the_note_is_not_taken_nothing_is_sent_and_the_copy_stays_wrong(watched: Watched) -> None:
    watched.correct("Grey^Ruth")
    watched.refuses_notes = True

    sent = watched.mend()

    assert {each.SOPClassUID for each in sent} == {KEY_OBJECT_SELECTION}
    assert watched.is_wrong()
    assert watched.post.states() == ["delivered", "dead"]
    watched.refuses_notes = False
    with watched.post.pool.connection() as connection:
        connection.execute(
            "update delivery set state = 'waiting', tries = 0, next_try = now() where round = 2"
        )
    assert len(watched.mend()) == 3
    assert not watched.is_wrong()


def test_a_note_is_not_sent_again_once_something_of_the_round_was_taken(watched: Watched) -> None:
    watched.correct("Grey^Ruth")
    taken: list[str] = []

    def fail_once(leaving: Leaving) -> Sent | None:
        watched.take(leaving)
        taken.append(leaving.stored.uid)
        return Sent(leaving.stored.uid, is_kept=False, because="full") if len(taken) == 3 else None

    watched.post.to.before = fail_once

    kinds = [each.SOPClassUID == KEY_OBJECT_SELECTION for each in watched.mend()]

    assert kinds == [True, False, False, False]
    assert not watched.is_wrong()
