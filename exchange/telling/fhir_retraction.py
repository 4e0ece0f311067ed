"""Taking back what a FHIR server will not delete all at once: one thing after another (R4 §3.1.0.7).

404 and 410 say that it is not there: so, once a search finds nothing either, for a proxy says 404 as well.
405 and 409 say that it stays, because nothing is deleted there or because others refer to it: then it is
entered in error and emptied, of nobody, until it can go. 412 says that several match: those which bear an
identifier that only we give out all go.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog

from exchange.fhir.identifiers import URI, Json
from exchange.telling.port import Heard, Later, NotHeard, Refused
from exchange.telling.thing import Step
from exchange.telling.web import Answer, Web

log = structlog.get_logger(__name__)

_TAKEN_BACK = "Taken back by whoever sent it"
#: What is left of each kind, in the order in which they go: reports refer to their study. Each has what FHIR
#: will not do without, and says of nobody that there was anything.
_EMPTIED: Mapping[str, Json] = {
    "DiagnosticReport": {"code": {"text": _TAKEN_BACK}},
    "DocumentReference": {"content": [{"attachment": {"title": _TAKEN_BACK}}]},
    "ImagingStudy": {"subject": {"display": _TAKEN_BACK}},
}
_ORDER = tuple(_EMPTIED)


def kind_of(key: str) -> str:
    """The type of what an address by identifier leads to."""
    return key.partition("?")[0]


def emptied(key: str) -> Json:
    """What stands in the place of a thing that may not be deleted."""
    kind, _, asked = key.partition("?identifier=")
    system, _, value = asked.partition("|")
    own = {"system": system, "value": value}
    return {"resourceType": kind, "identifier": [own], "status": "entered-in-error", **_EMPTIED[kind]}


def deletions(keys: Iterable[str]) -> list[Json]:
    """As entries of a transaction."""
    return [{"request": {"method": "DELETE", "url": key}} for key in dict.fromkeys(keys)]


@dataclass(frozen=True, slots=True)
class Retraction:
    """What is held goes."""

    web: Web

    def of(self, steps: Sequence[Step]) -> Iterator[Heard]:
        """Yields each that is nobody's any more.

        Raises NotHeard; Later or Refused for one that stays as it is, after all others went.
        """
        failures: list[Later | Refused] = []
        for kind, group in groupby(sorted(steps, key=_place), key=lambda each: kind_of(each.key)):
            together = list(group)
            if self._all_at_once([each.key for each in together]):
                yield from (Heard(each) for each in together)
                continue
            stay = []
            for step in together:
                try:
                    if not self._deleted(step.key):
                        self._empty(step.key)
                        stay.append(step.key)
                    yield Heard(step)
                except (Later, Refused) as error:
                    failures.append(type(error)(f"its {kind} is not taken back: {error}"))
            # What referred to them may have gone since.
            if kept := [key for key in stay if not self.web.ask("DELETE", key).is_good]:
                log.warning("record.emptied", subscriber=self.web.subscriber, kind=kind, count=len(kept))
        if failures:
            raise failures[0]

    def _all_at_once(self, keys: Sequence[str]) -> bool:
        """Those that refer to one another can only go together."""
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": deletions(keys)}
        answer = self.web.ask("POST", "", bundle)
        return answer.as_whole.is_good and _type(answer) == "transaction-response"

    def _deleted(self, key: str) -> bool:
        """Whether it is there no more. Raises NotHeard, Later, Refused."""
        answer = self.web.ask("DELETE", key)
        match answer.status:
            case _ if answer.is_good:
                return True
            case 404 | 410:
                return not self._found(key)
            case 405 | 409:
                return False
            case 412:
                answers = [self.web.ask("DELETE", place) for place in self._ours(key)]
                return all(each.is_good or each.status in (404, 410) for each in answers)
        raise answer.failure

    def _empty(self, key: str) -> None:
        """Nothing of it is anybody's. Raises NotHeard, Later, Refused."""
        shell = emptied(key)
        answers = [self.web.ask("PUT", key, shell)]
        if answers[0].status == 412:
            answers = [
                self.web.ask("PUT", place, {**shell, "id": place.partition("/")[2]})
                for place in self._ours(key)
            ]
        for answer in answers:
            if not answer.is_good:
                raise answer.failure

    def _ours(self, key: str) -> Sequence[str]:
        """All that match. Raises Refused where another may have made some of them."""
        if f"{URI}|urn:uuid:" not in key:
            raise Refused("several there have its identifier, and which is ours a person must say")
        return self._found(key)

    def _found(self, key: str) -> Sequence[str]:
        """The addresses of what matches now. Raises NotHeard, Later, Refused."""
        answer = self.web.ask("GET", key, headers={"Cache-Control": "no-cache"})
        if answer.status in (404, 405, 410) or (answer.is_good and _type(answer) != "searchset"):
            raise NotHeard(f"nothing at its address says what it holds ({answer.words})")
        if not answer.is_good:
            raise answer.failure
        kind = kind_of(key)
        found = [entry.get("resource") for entry in answer.body.get("entry", [])]
        return [f"{kind}/{each['id']}" for each in found if _is_a(kind, each)]


def _place(step: Step) -> int:
    return _ORDER.index(kind_of(step.key))


def _type(answer: Answer) -> str:
    """Of the Bundle that was answered; "" where it was none."""
    return str(answer.body.get("type", "")) if isinstance(answer.body, dict) else ""


def _is_a(kind: str, resource: Any) -> bool:
    return isinstance(resource, dict) and resource.get("resourceType") == kind and "id" in resource
