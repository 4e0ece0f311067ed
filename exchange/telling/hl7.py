"""A receiver of HL7 v2 that is told of studies by messages with the link under which they are opened.

What it acknowledges (AA) it has; what it refuses (AE, AR) a person looks at; where it says nothing, the
message is sent again. That a study has grown is no news here: its link shows what there is.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from exchange.hl7.message import Message as Answer
from exchange.telling.hl7_messages import About, Result, mdm, oru
from exchange.telling.mllp import Mllp
from exchange.telling.port import Heard, NotHeard, Refused
from exchange.telling.story import Story
from exchange.telling.subscriber import Manner, Message
from exchange.telling.thing import Act, Saying, Step

_WRITTEN: Mapping[Message, Callable[[Act, About, Result | None, tuple[str, str], str], bytes]] = {
    Message.ORU: oru,
    Message.MDM: mdm,
}
#: What is said of an error that is certainly of nobody: its code, and where it is (ERR-3, ERR-2).
_CODE = re.compile(r"[A-Za-z0-9]{1,16}")

KEY = "study"


@dataclass(frozen=True, slots=True)
class Hl7Listener:
    """See Listener."""

    mllp: Mllp
    manner: Manner

    def sayings(self, story: Story) -> Sequence[Saying]:
        """See Listener.sayings."""
        about, person = About.of(story), story.person
        content = {**Result.of(story).as_content(), "about": about.note}
        return [Saying(KEY, person.nhs_number, person.uid, content, about.note)]

    def tell(self, steps: Sequence[Step], sayings: Sequence[Saying]) -> Iterator[Heard]:
        """See Listener.tell."""
        for step in steps:
            control_id = uuid4().hex[:20]
            message = _WRITTEN[self.manner.message](
                step.act, *_said(step), (self.manner.application, self.manner.facility), control_id
            )
            acknowledged(self.mllp.send(message, control_id))
            yield Heard(step)

    def close(self) -> None:
        """See Listener.close."""
        self.mllp.close()


def _said(step: Step) -> tuple[About, Result | None]:
    """A retraction says what was told last, so that its receiver finds whom it is about."""
    if step.saying is None:
        assert step.before is not None
        return About.noted(step.before.notes[-1]), None
    content = {name: value for name, value in step.saying.content.items() if name != "about"}
    return About.noted(step.saying.note), Result(**content)


def acknowledged(answer: Answer) -> None:
    """Whether it has what it was sent. Raises Refused and NotHeard (MSA-1, Table 0008)."""
    said = answer.first("MSA")
    code = said.text(1) if said is not None else ""
    if code in ("AA", "CA"):
        return
    if code not in ("AE", "AR", "CE", "CR"):
        raise NotHeard("it answers with no acknowledgement code")
    error = answer.first("ERR")
    where = "-".join(filter(None, (error.text(2), error.text(2, 3)))) if error is not None else ""
    condition = error.text(3) if error is not None else ""
    more = " ".join(each for each in (condition, f"at {where}" if where else "") if _is_plain(each))
    raise Refused(f"{code} ({more})" if more else code)


def _is_plain(text: str) -> bool:
    return all(_CODE.fullmatch(each) for each in text.removeprefix("at ").split("-")) if text else False
