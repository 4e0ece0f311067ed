"""Runs against sources that cut, lie, refuse and die: in the end the counts agree, or a row says why not."""

from datetime import date
from itertools import islice

import pytest

from dicom_router.pulling import run as run_module
from dicom_router.pulling.errors import SourceAway
from dicom_router.pulling.jobs import AlreadyRunning, NoSuchPull, State
from dicom_router.pulling.window import Window
from tests.dicom_router.pulling.conftest import Pulling
from tests.dicom_router.pulling.source_in_memory import MemorySource


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_PAUSES_S", (0.0,))


def full(studies: int, **options: object) -> MemorySource:
    source = MemorySource(**options)  # type: ignore[arg-type]
    for number in range(1, studies + 1):
        source.add(number, f"202401{number % 28 + 1:02}")
    return source


def everything(source: MemorySource) -> set[str]:
    return {uid for _, series in source.studies_there.values() for each in series.values() for uid in each}


def test_everything_comes_in_the_name_of_the_source_and_its_trust(pulling: Pulling) -> None:
    source = full(3)

    found = pulling.whole(source)

    assert [each.state for each in found] == [State.HELD] * 3
    assert pulling.kept() == everything(source)
    assert pulling.shelf.rows("select distinct peer, trust from object") == [("PACS", "RBT")]
    assert pulling.shelf.rows("select distinct issuer from patient") == [("RBT",)]


def test_the_latest_study_comes_first(pulling: Pulling) -> None:
    source = MemorySource()
    old, new = source.add(1, "20010101"), source.add(2, "20240101")

    assert [each.study_uid for each in pulling.whole(source)] == [new, old]


@pytest.mark.parametrize("says", [True, False])
def test_a_source_that_cuts_its_answers_is_asked_again_for_less(pulling: Pulling, says: bool) -> None:
    source = full(130, limit=50, says_when_cut=says)

    found = pulling.whole(source)

    assert len(found) == 130
    assert pulling.kept() == everything(source)
    job = pulling.job(Window())
    assert job.gaps == ()
    assert job.notes == ("all dates: studies without a date cannot be asked for apart",)


def test_a_round_number_that_was_all_costs_a_few_questions_and_no_doubt(pulling: Pulling) -> None:
    source = full(50)

    assert len(pulling.whole(source)) == 50
    assert len(source.asked) < 30
    assert pulling.job(Window()).notes == pulling.job(Window()).gaps == ()


def test_what_no_window_can_divide_is_a_gap(pulling: Pulling) -> None:
    source = MemorySource(limit=2)
    for number in range(3):
        source.add(number, "20240101")

    pulling.whole(source, Window(date(2024, 1, 1), date(2024, 1, 1)))

    job = pulling.job(Window(date(2024, 1, 1), date(2024, 1, 1)))
    assert job.gaps == ("20240101 000000-000059.999999: C-FIND ended 0xA700",)


def test_a_source_that_lists_and_does_not_send_is_found_out(pulling: Pulling) -> None:
    source = full(2)
    source.withheld = {"1.2.1.1.2"}

    found = {each.study_uid: each for each in pulling.whole(source)}

    assert found["1.2.2"].state is State.HELD
    assert (found["1.2.1"].state, found["1.2.1"].expected, found["1.2.1"].held) == (State.SHORT, 2, 1)
    assert found["1.2.1"].because == "1 not sent, though the source lists it"
    assert [each.study_uid for each in pulling.pulls.unsettled(pulling.job(Window()))] == ["1.2.1"]

    source.withheld = set()
    assert [each.state for each in pulling.whole(source)] == [State.HELD]
    assert pulling.kept() == everything(source)


def test_only_what_is_missing_is_asked_for_again(pulling: Pulling) -> None:
    source = full(1)
    source.withheld = {"1.2.1.1.2"}
    pulling.whole(source)
    source.sent.clear()
    source.withheld = set()

    pulling.whole(source)

    assert source.sent == ["1.2.1.1.2"]


def test_what_the_archive_does_not_keep_is_told_with_its_reason(pulling: Pulling) -> None:
    source = full(1)
    pulling.whole(source)
    other = MemorySource()
    other.add(1, "20240102", instances=3)
    images = other.studies_there["1.2.1"][1]["1.2.1.1"]
    images["1.2.1.1.3"] = images["1.2.1.1.1"]

    (found,) = pulling.whole(other)

    assert (found.state, found.held) == (State.SHORT, 2)
    assert found.because.startswith("1 not as said")


def test_a_source_that_dies_is_waited_for_and_nothing_is_sent_twice_in_vain(pulling: Pulling) -> None:
    source = full(4, dies_after=3)

    found = pulling.whole(source)

    assert [each.state for each in found] == [State.HELD] * 4
    assert source.pinged == 1
    assert len(source.sent) <= len(everything(source)) + 1


def test_a_source_that_stays_away_ends_the_run_and_the_next_goes_on(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead(MemorySource):
        def ping(self) -> None:
            raise SourceAway("no connection")

    source = Dead(dies_after=5)
    for number in range(1, 6):
        source.add(number, "20240101")
    run = pulling.run(source, patience_s=0.0)
    run.list_all()
    monkeypatch.setattr(run_module, "_PAUSES_S", (1.0,))
    with pytest.raises(SourceAway):
        list(run.fetch_all())

    counts = pulling.pulls.counts(run.job)
    assert (counts.held, counts.waiting) == (2, 3)
    source.dies_after = None
    assert [each.state for each in pulling.run(source).fetch_all()] == [State.HELD] * 3


def test_a_killed_run_goes_on_where_it_was(pulling: Pulling) -> None:
    source = full(5)
    run = pulling.run(source)
    run.list_all()
    list(islice(run.fetch_all(), 2))  # as if the process had died then

    assert len(list(pulling.run(source).fetch_all())) == 3
    assert len(source.sent) == 10


def test_a_second_listing_leaves_whole_studies_alone(pulling: Pulling) -> None:
    source = full(3)
    pulling.whole(source)
    source.add(9, "20240109")

    assert [each.study_uid for each in pulling.whole(source)] == ["1.2.9"]


def test_without_counts_every_study_is_compared_again_and_nothing_sent(pulling: Pulling) -> None:
    source = full(2, counts=False)
    pulling.whole(source)
    source.sent.clear()

    assert [each.state for each in pulling.whole(source)] == [State.HELD] * 2
    assert source.sent == []


def test_a_mirror_finds_what_has_grown(pulling: Pulling) -> None:
    source = full(2)
    pulling.whole(source)
    source.add(2, "20240103", instances=3)
    run = pulling.run(source)

    run.list_new(Window(date(2024, 1, 1), None))

    assert [(each.study_uid, each.held) for each in run.fetch_all()] == [("1.2.2", 3)]


def test_one_process_works_on_a_pull(pulling: Pulling) -> None:
    job = pulling.job(Window())
    with pulling.pulls.running(job), pytest.raises(AlreadyRunning), pulling.pulls.running(job):
        pass
    with pulling.pulls.running(job):
        pass


def test_an_unknown_pull_is_told(pulling: Pulling) -> None:
    with pytest.raises(NoSuchPull):
        pulling.pulls.by_number(77)
