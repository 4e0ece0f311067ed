"""What every listener promises, whoever it is: subclasses bring one of theirs, who was told nothing yet."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pytest

from exchange.telling.port import Listener
from exchange.telling.story import Story
from exchange.telling.thing import Act, Saying, Step, Thing, after, difference, in_doubt
from tests.exchange.telling.region import IVY, RUTH, Region


def told(listener: Listener, held: Sequence[Thing], sayings: Sequence[Saying]) -> tuple[Thing, ...]:
    """What it holds after it was told the difference."""
    steps = difference(held, sayings)
    held = in_doubt(held, steps)
    for heard in listener.tell(steps, sayings):
        held = after(held, heard.step, heard.note)
    return tuple(held)


class ListenerContract(ABC):
    """An adapter is accepted when its fixtures make these pass."""

    @pytest.fixture
    @abstractmethod
    def listener(self, region: Region) -> Listener:
        """One that was told nothing."""

    @abstractmethod
    def found(self, number: str) -> int:
        """How many things of somebody a reader finds at it."""

    @pytest.fixture
    def story(self, region: Region) -> Story:
        region.study(code="MAULR", modality="MR")
        return self.story_of(region, RUTH)

    def story_of(self, region: Region, number: str) -> Story:
        """The study, as that person's."""
        region.link("1.2.1", number)
        story = region.story("1.2.1")
        assert story is not None
        return story

    def test_the_same_story_is_the_same_sayings(self, listener: Listener, story: Story) -> None:
        one, other = listener.sayings(story), listener.sayings(story)
        assert [(each.key, each.number, each.digest) for each in one] == [
            (each.key, each.number, each.digest) for each in other
        ]
        assert {each.number for each in one} == {RUTH}

    def test_every_step_is_answered_for(self, listener: Listener, story: Story) -> None:
        sayings = listener.sayings(story)
        steps = difference((), sayings)
        assert [each.step for each in listener.tell(steps, sayings)] == list(steps)
        assert self.found(RUTH)

    def test_the_same_again_changes_nothing(self, listener: Listener, story: Story) -> None:
        held = told(listener, (), listener.sayings(story))
        count = self.found(RUTH)
        for _ in range(2):
            doubtful = in_doubt(held, [Step(Act.REPLACE, each) for each in held])
            held = told(listener, doubtful, listener.sayings(story))
        assert self.found(RUTH) == count

    def test_what_may_or_may_not_be_there_is_taken_out(
        self, listener: Listener, story: Story, region: Region
    ) -> None:
        # It was begun, and never arrived.
        doubtful = in_doubt((), difference((), listener.sayings(story)))
        assert told(listener, doubtful, ()) == ()
        assert self.found(RUTH) == 0

        # It arrived, and nobody heard so.
        sayings = listener.sayings(story)
        steps = difference((), sayings)
        doubtful = in_doubt((), steps)
        list(listener.tell(steps, sayings))
        other = listener.sayings(self.story_of(region, IVY))
        told(listener, doubtful, other)
        assert self.found(RUTH) == 0
        assert self.found(IVY)

    def test_it_may_be_closed_twice(self, listener: Listener, story: Story) -> None:
        told(listener, (), listener.sayings(story))
        listener.close()
        listener.close()
