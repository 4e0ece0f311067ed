"""Wherever telling is cut, a subscriber comes to hold what it should, and never things of two people."""

from collections.abc import Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from exchange.telling.thing import Act, Saying, Step, Thing, after, difference, in_doubt

KEYS = some.sampled_from(["study", "document", "report/1"])
NUMBERS = some.sampled_from(["9990000018", "9990000026", "9990000034"])
OF = {number: UUID(int=int(number)) for number in ("9990000018", "9990000026", "9990000034")}

#: What should stand at a moment: all of it of one person, or nothing.
STORIES = some.builds(
    lambda number, versions: [
        Saying(key, number, OF[number], {"version": version}) for key, version in versions.items()
    ],
    NUMBERS,
    some.dictionaries(KEYS, some.integers(1, 3)),
)


class Record:
    """A subscriber that keeps what it is told, by key and person."""

    def __init__(self) -> None:
        self.holds: dict[tuple[str, str], str] = {}

    def take(self, step: Step) -> None:
        if step.act is Act.RETRACT:
            self.holds.pop((step.key, step.number), None)
        else:
            assert step.saying is not None
            self.holds[step.key, step.number] = step.saying.digest
        people = {number for _, number in self.holds}
        assert len(people) <= 1, "it holds things of two people"


def tell(record: Record, held: tuple[Thing, ...], sayings: Sequence[Saying], cut: int) -> tuple[Thing, ...]:
    """As the teller does it; after so many writes, whether here or there, it dies."""
    steps = difference(held, sayings)
    writes = 0

    def may_go_on() -> bool:
        nonlocal writes
        writes += 1
        return writes <= cut

    if not steps or not may_go_on():
        return held
    held = in_doubt(held, steps)
    for step in steps:
        if not may_go_on():
            return held
        record.take(step)
        if not may_go_on():
            return held
        held = after(held, step)
    return held


@given(some.lists(some.tuples(STORIES, some.integers(0, 9)), max_size=6), STORIES)
def test_it_comes_to_the_same_end_wherever_it_is_cut(
    before: list[tuple[list[Saying], int]], at_last: list[Saying]
) -> None:
    record, held = Record(), tuple[Thing, ...]()
    for sayings, cut in before:
        held = tell(record, held, sayings, cut)
    held = tell(record, held, at_last, cut=1000)

    assert record.holds == {(each.key, each.number): each.digest for each in at_last}
    assert {each.of: each.digest for each in held} == record.holds
    assert all(each.is_certain for each in held)
    assert not difference(held, at_last)


@given(STORIES)
def test_what_is_held_as_it_should_be_is_not_told_again(story: list[Saying]) -> None:
    assert not difference([each.as_thing() for each in story], story)


@given(STORIES, STORIES)
def test_all_is_retracted_before_anything_is_told(first: list[Saying], then: list[Saying]) -> None:
    acts = [step.act is Act.RETRACT for step in difference([each.as_thing() for each in first], then)]
    assert acts == sorted(acts, reverse=True)


def test_what_may_be_held_is_told_or_retracted_once_more() -> None:
    saying = Saying("study", "9990000018", UUID(int=1), {"a": 1})
    doubtful = saying.as_thing(is_certain=False)
    assert [step.act for step in difference([doubtful], [saying])] == [Act.REPLACE]
    assert [step.act for step in difference([doubtful], [])] == [Act.RETRACT]


def test_a_digest_is_of_what_is_said_and_not_of_its_order() -> None:
    one = Saying("study", "9990000018", UUID(int=1), {"a": 1, "b": [1, 2]})
    same = Saying("study", "9990000018", UUID(int=1), {"b": [1, 2], "a": 1})
    other = Saying("study", "9990000018", UUID(int=1), {"b": [2, 1], "a": 1})
    assert one.digest == same.digest != other.digest
