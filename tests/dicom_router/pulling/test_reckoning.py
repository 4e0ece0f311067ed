"""What is missing, and how a study ends."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_router.pulling.jobs import State
from dicom_router.pulling.reckoning import missing, named_missing, reckon
from dicom_router.pulling.source import InstanceThere, SeriesThere
from storage.holdings import Holdings


def series(uid: str, *instances: str, said: int | None = None) -> SeriesThere:
    return SeriesThere(uid, said, tuple(InstanceThere(each) for each in instances))


def holding(**kept: str) -> Holdings:
    return Holdings({uid: frozenset(names) for uid, names in kept.items()}, 0)


def test_a_series_of_which_nothing_is_here_is_asked_for_as_a_whole() -> None:
    (wanted,) = missing([series("a", "1", "2"), series("b", "3")], holding(b="3"))
    assert (wanted.series_uid, wanted.is_whole, len(wanted.instances)) == ("a", True, 2)


def test_of_others_only_what_is_missing() -> None:
    (wanted,) = missing([series("a", "1", "2")], holding(a="1"))
    assert (wanted.is_whole, [each.uid for each in wanted.instances]) == (False, ["2"])


def test_a_second_try_asks_for_the_whole_series() -> None:
    (wanted,) = missing([series("a", "1", "2")], holding(a="1"), whole=True)
    assert (wanted.is_whole, len(wanted.instances)) == (True, 2)


def test_what_is_counted_and_not_listed_is_asked_for() -> None:
    (wanted,) = missing([series("a", "1", said=3)], holding(a="1"))
    assert wanted.is_whole
    assert missing([series("a", "1", said=3)], holding(a="123")) == []


def test_a_study_is_held_when_every_count_agrees() -> None:
    found = reckon("s", 3, [series("a", "1", "2", said=2), series("b", "3")], holding(a="12", b="3"), {}, "")
    assert (found.state, found.expected, found.held) == (State.HELD, 3, 3)


def test_a_short_study_says_why() -> None:
    there = [series("a", "1", "2", "3"), series("b", "4")]
    found = reckon("s", 6, there, holding(a="1", b="4"), {"2": "different content"}, "C-GET ended 0xB000")

    assert (found.state, found.expected, found.held) == (State.SHORT, 6, 2)
    assert found.because == (
        "1 different content; 1 not sent, though the source lists it;"
        " its list of studies counts 6, its series come to 4; C-GET ended 0xB000"
    )
    assert found.series == [{"series": "a", "expected": 3, "held": 1, "missing": ["2", "3"]}]


def test_others_of_a_series_do_not_stand_for_one_that_is_listed() -> None:
    there = [series("a", "1", "2", "3", said=4)]
    found = reckon("s", None, there, holding(a="1245"), {}, "")
    assert (found.state, found.expected, found.held) == (State.SHORT, 4, 3)


def test_a_study_of_which_nothing_is_listed_is_not_held() -> None:
    found = reckon("s", None, [], holding(), {}, "")
    assert (found.state, found.because) == (State.SHORT, "the source lists nothing of it")


THERE = st.lists(
    st.builds(
        lambda uid, names, said: series(uid, *(f"{uid}{name}" for name in names), said=said),
        st.sampled_from("abc"), st.sets(st.integers(0, 9)), st.none() | st.integers(0, 12),
    ),
    max_size=3, unique_by=lambda each: each.uid,
)  # fmt: skip


@given(THERE, st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 9))))
def test_nothing_is_missing_exactly_where_a_study_is_held(
    there: list[SeriesThere], kept: set[tuple[str, int]]
) -> None:
    here = Holdings({uid: frozenset(f"{u}{n}" for u, n in kept if u == uid) for uid in "abc"}, 0)
    found = reckon("s", None, there, here, {}, "")

    assert (found.state is State.HELD) == (bool(there) and not missing(there, here))
    assert found.held <= found.expected
    assert bool(found.because) == (found.state is State.SHORT)
    wanted = {each.uid for series in missing(there, here) for each in series.instances}
    assert set(named_missing(there, here)) <= wanted
