"""A slide's label names people: not all who read its study see it (exchange.policy), nor its overview."""

from collections.abc import Sequence
from dataclasses import dataclass

from exchange.policy import Action, Subject, may
from storage.stored import Stored
from viewer_api.readers import Reader, Readers

_LEFT_OUT = '299 imx "pictures of slides\' labels are left out: your role does not include them"'


@dataclass(frozen=True, slots=True)
class Visible:
    """What of it a reader sees, and whether that is all."""

    stored: list[Stored]
    is_all: bool

    def tell(self, headers: dict[str, str]) -> dict[str, str]:
        """An answer without labels says so."""
        if self.is_all:
            return headers
        return headers | {"Warning": ", ".join(filter(None, (headers.get("Warning"), _LEFT_OUT)))}


async def visible(readers: Readers, reader: Reader, stored: Sequence[Stored]) -> Visible:
    """Without labels where the reader's role has none. Raises 403, recorded, for labels alone."""
    if not any(each.shows_label for each in stored):
        return Visible(list(stored), True)
    look, study_uid = reader.look, stored[0].study_uid
    decision = may(look.actor, Action.SEE_LABEL, look.purpose, Subject(study_uid))
    if decision.allowed:
        return Visible(list(stored), True)
    left = [each for each in stored if not each.shows_label]
    if not left:
        await readers.refuse(reader, study_uid, f"a slide's label: {decision.because}")
    return Visible(left, False)
