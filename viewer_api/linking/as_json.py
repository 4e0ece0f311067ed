"""Studies, people and decisions as programs are told of them. Pure."""

from collections.abc import Sequence
from typing import Any

from exchange.linking.case import Case
from exchange.linking.copies import Opened, StillWrong
from exchange.linking.link import Evidence
from exchange.linking.preview import Preview
from exchange.linking.reviews import Review
from exchange.linking.same_patient import Other
from exchange.linking.worklist import Waiting
from exchange.order import Order
from exchange.people.person import Person
from exchange.record.study import SharedStudy
from viewer_api.linking.rows import is_open


def person_json(person: Person) -> dict[str, Any]:
    """Who somebody is; where somebody lives who is restricted is left out."""
    said = person.demographics
    numbers = [person.identifier, *(each.identifier for each in person.others)]
    return {
        "person": person.uid,
        "nhs_number": person.nhs_number,
        "is_verified": person.is_verified,
        "sensitivity": person.sensitivity.value,
        "name": said.name.dicom,
        "birth_date": said.birth_date,
        "sex": said.sex.value,
        "died": said.died,
        "postcode": said.postcode if is_open(person) else "",
        "numbers": [{"value": each.value, "issuer": each.issuer} for each in numbers],
    }


def study_json(study: SharedStudy) -> dict[str, Any]:
    """What it is, and whom it names."""
    return {
        "study": study.uid,
        "trust": study.trust,
        "date": study.date,
        "description": study.description,
        "modalities": study.modalities,
        "accession": study.accession,
        "instances": study.instance_count,
        "patient": {
            "id": study.patient_id,
            "issuer": study.patient_issuer,
            "name": study.patient_name,
            "birth_date": study.birth_date,
            "sex": study.sex,
        },
    }


def waiting_json(each: Waiting) -> dict[str, Any]:
    """A row of the worklist."""
    return {
        **study_json(each.study),
        "state": each.state.value,
        "since": each.since,
        "proposed": each.proposed,
        "facts_changed": each.is_objected,
        "number": each.number,
        "question": review_json(each.question) if each.question else None,
    }


def case_json(case: Case) -> dict[str, Any]:
    """One study and those whose it may be."""
    return {
        **study_json(case.study),
        "state": case.state.value if case.state else None,
        "decided_by": case.link.by if case.link else None,
        "is_by_hand": case.link.is_by_hand if case.link else False,
        "evidence": _all(case.link.decided.evidence) if case.link else [],
        "facts_changed": _all(case.objection.decided.evidence) if case.objection else [],
        "names": case.names,
        "people": [
            {
                **person_json(each.person),
                "is_linked": each.is_linked,
                "is_rejected": each.is_rejected,
                "evidence": _all(each.facts),
            }
            for each in case.candidates
        ],
        "question": review_json(case.question) if case.question else None,
        "decisions": [review_json(each) for each in case.reviews],
        "seen": case.seen,
    }


def review_json(each: Review) -> dict[str, Any]:
    """A decision that somebody made."""
    return {
        "decision": each.id,
        "together": each.decision,
        "verb": each.verb.value,
        "reason": each.because,
        "at": each.at,
        "by": each.by,
        "trust": each.trust,
        "undone_at": each.undone_at,
        "undone_by": each.undone_by,
        "undone_because": each.undone_because,
    }


def preview_json(shown: Preview, others: Sequence[Other]) -> dict[str, Any]:
    """What a correction would do; `others` may be corrected with it."""
    return {
        **_moved_json(shown),
        "published_to": person_json(shown.to),
        "also": [_moved_json(each) for each in shown.also],
        "others": others,
        "token": shown.token,
    }


def _moved_json(shown: Preview) -> dict[str, Any]:
    """One study."""
    return {
        **study_json(shown.study),
        "series": [{"series": each.uid, "instances": len(each.instances)} for each in shown.study.series],
        "retracted_from": person_json(shown.was) if shown.was else None,
        "changes": shown.changes,
        "order": _order_json(shown.answered),
        "order_then": _order_json(shown.answers),
        "copies": shown.copies,
        "opened": [opened_json(each) for each in shown.opened],
    }


def _order_json(order: Order | None) -> dict[str, Any] | None:
    """Which order a study answers."""
    if order is None:
        return None
    return {"trust": order.trust, "number": order.number, "accession": order.accession}


def opened_json(each: Opened) -> dict[str, Any]:
    """Somebody who saw it."""
    return {name: getattr(each, name) for name in Opened.__slots__}


def wrong_json(each: StillWrong) -> dict[str, Any]:
    """A copy elsewhere."""
    fields = {name: getattr(each, name) for name in StillWrong.__slots__ if name != "opened"}
    return {**fields, "stands": each.stands.value, "opened": [opened_json(one) for one in each.opened]}


def _all(evidence: Sequence[Evidence]) -> list[dict[str, str]]:
    return [{"fact": one.fact, "verdict": one.verdict.value, "words": one.words} for one in evidence]
