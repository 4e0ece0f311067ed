"""What every destination promises, whoever it is: subclasses bring one of theirs, empty."""

from abc import ABC, abstractmethod

import pytest

from dicom_router.deliveries.destinations.port import Destination
from tests.dicom_router.holdings import Holdings
from tests.storage.material import instance


class DestinationContract(ABC):
    """An adapter is accepted when its fixtures make these pass."""

    @pytest.fixture
    @abstractmethod
    def destination(self, holdings: Holdings) -> Destination:
        """One that takes instances of `holdings`, and has none."""

    def test_each_instance_is_answered_for_once(self, destination: Destination, holdings: Holdings) -> None:
        leaving = holdings.leaving(holdings.study(3), holdings.study(1))

        sent = list(destination.send(leaving))

        assert [each.uid for each in sent] == [each.stored.uid for each in leaving]
        assert all(each.is_kept for each in sent), sent

    def test_what_was_sent_is_held_and_nothing_else(
        self, destination: Destination, holdings: Holdings
    ) -> None:
        sent, other = holdings.leaving(holdings.study(2)), holdings.leaving(holdings.study(1))
        assert not destination.holds([*sent, *other])

        list(destination.send(sent))

        held = destination.holds([*sent, *other])
        assert held is None or held & {each.stored.uid for each in (*sent, *other)} == {
            each.stored.uid for each in sent
        }

    def test_the_same_again_is_harmless(self, destination: Destination, holdings: Holdings) -> None:
        leaving = holdings.leaving(holdings.study(2))
        list(destination.send(leaving))

        assert all(each.is_kept for each in destination.send(leaving))

    def test_it_may_be_left_in_the_middle_and_used_again(
        self, destination: Destination, holdings: Holdings
    ) -> None:
        leaving = holdings.leaving(holdings.study(3))
        answers = destination.send(leaving)
        first = next(iter(answers))
        del answers

        rest = [each for each in leaving if each.stored.uid != first.uid]
        assert all(each.is_kept for each in destination.send(rest))

    def test_what_cannot_be_read_here_is_said_and_holds_up_nothing(
        self, destination: Destination, holdings: Holdings
    ) -> None:
        good, gone = holdings.leaving(holdings.study(1)), holdings.leaving(holdings.study(1))
        holdings.shelf.objects.delete(gone[0].stored.key)

        kept = {each.uid: each.is_kept for each in destination.send([*gone, *good])}

        assert kept == {good[0].stored.uid: True, gone[0].stored.uid: False}

    def test_after_it_was_closed_it_can_be_closed(self, destination: Destination, holdings: Holdings) -> None:
        list(destination.send(holdings.leaving(holdings.study(1))))
        destination.close()
        destination.close()

    def test_an_odd_patient_is_no_trouble(self, destination: Destination, holdings: Holdings) -> None:
        uid = holdings.keep(instance(PatientName="", PatientID="", AccessionNumber=""))
        [leaving] = holdings.leaving(*(study for study in [holdings_study(holdings, uid)]))

        assert [each.is_kept for each in destination.send([leaving])] == [True]


def holdings_study(holdings: Holdings, uid: str) -> str:
    """The study of an instance."""
    study: str = holdings.shelf.one(
        "select s.uid from study s join series r on r.study_id = s.id join instance n on n.series_id = r.id"
        " where n.uid = %s",
        uid,
    )
    return study
