"""Which order a study answers: never one of another person, another trust, or a reused number."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.order import Code, Order, Patient, Status
from exchange.tying import Candidate, Doubt, Study, Tied, Unrelated, Whose, taken, which

PATIENT = Patient(identifier="123", issuer="RBL", birth_date="19500102")
ORDER = Order(
    trust="RBL", number="F1", accession="A1", accession_issuer="RBL", study_uid="1.2", patient=PATIENT,
    requested_id="RP1", description="CT Head", referring="Smith^Jo", codes=(Code("C", "L", "M"),),
)  # fmt: skip
CANDIDATE = Candidate(7, ORDER, Status.SCHEDULED, frozenset())
ME = Whose("123", "RBL", "19500102")
BY_ACCESSION = Study("1.9", "A1", "RBL", (ME,), frozenset())
BY_UID = Study("1.2", "", "RBL", (ME,), frozenset())


@pytest.mark.parametrize("study", [BY_ACCESSION, BY_UID, replace(BY_ACCESSION, whose=(ME, ME))])
def test_a_study_by_uid_or_accession_of_the_same_person_is_tied(study: Study) -> None:
    verdict = which(study, [CANDIDATE])
    assert isinstance(verdict, Tied)
    assert verdict.order_id == 7


@pytest.mark.parametrize(
    "study",
    [replace(BY_ACCESSION, accession="A2"), replace(BY_ACCESSION, accession_issuer="REM"),
     replace(BY_UID, uid="1.3")],
)  # fmt: skip
def test_another_number_or_the_same_of_another_trust_is_unrelated(study: Study) -> None:
    assert which(study, [CANDIDATE]) == Unrelated()


@pytest.mark.parametrize("study", [BY_ACCESSION, BY_UID])
@pytest.mark.parametrize(
    "whose",
    [(replace(ME, identifier="124"),), (replace(ME, issuer="REM"),), (replace(ME, birth_date="19500201"),),
     (replace(ME, birth_date=""),), (ME, replace(ME, birth_date="")), ()],
)  # fmt: skip
def test_where_the_person_may_be_another_a_person_decides(study: Study, whose: tuple[Whose, ...]) -> None:
    assert isinstance(which(replace(study, whose=whose), [CANDIDATE]), Doubt)


@pytest.mark.parametrize(
    "candidates",
    [
        [CANDIDATE, replace(CANDIDATE, id=8)],
        [replace(CANDIDATE, answered_by=frozenset({"1.5"}))],
        [replace(CANDIDATE, status=Status.CANCELLED)],
        [replace(CANDIDATE, order=replace(ORDER, patient=replace(PATIENT, birth_date="")))],
    ],
)
def test_a_reused_or_cancelled_number_is_in_doubt(candidates: list[Candidate]) -> None:
    assert isinstance(which(BY_ACCESSION, candidates), Doubt)


_FEW = st.sampled_from(["", "1", "2"])
_WHOSE = st.builds(Whose, st.sampled_from("12"), st.sampled_from("AB"), _FEW)
_STUDIES = st.builds(
    Study, st.sampled_from("12"), _FEW, st.sampled_from("AB"), st.lists(_WHOSE, max_size=2).map(tuple),
    st.just(frozenset[str]()),
)  # fmt: skip


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    patient = Patient(identifier=draw(st.sampled_from("12")), issuer=draw(st.sampled_from("AB")))
    object.__setattr__(patient, "birth_date", draw(_FEW))
    order = Order(
        trust="T", number="N", study_uid=draw(st.sampled_from("12")), accession=draw(_FEW),
        accession_issuer=draw(st.sampled_from("AB")), patient=patient,
    )  # fmt: skip
    answered = draw(st.frozensets(st.sampled_from("123"), max_size=1))
    return Candidate(draw(st.integers(1, 9)), order, draw(st.sampled_from(Status)), answered)


@given(_STUDIES, st.lists(candidates(), max_size=3, unique_by=lambda each: each.id))
def test_only_one_order_of_the_same_person_ever_ties(study: Study, some: list[Candidate]) -> None:
    verdict = which(study, some)
    if not isinstance(verdict, Tied):
        return
    [found] = [each for each in some if each.id == verdict.order_id]
    order = found.order
    assert order.study_uid == study.uid or (
        study.accession
        and (study.accession, study.accession_issuer) == (order.accession, order.accession_issuer)
    )
    assert set(study.whose) == {
        Whose(order.patient.identifier, order.patient.issuer, order.patient.birth_date)
    }
    assert order.patient.birth_date
    assert found.answered_by <= {study.uid}


def test_a_study_takes_only_what_it_does_not_say() -> None:
    everything = taken(BY_UID, ORDER)
    assert set(everything) == {
        "00080050", "00080051", "00080090", "00081030", "00081032", "00100021", "00400275"
    }  # fmt: skip
    assert everything["00400275"]["Value"][0]["00401001"]["Value"] == ["RP1"]
    assert set(taken(replace(BY_UID, holds=frozenset(everything)), ORDER)) == {"00100021"}
    assert "00080051" not in taken(replace(BY_UID, accession="A9"), ORDER)
    assert "00080090" not in taken(BY_UID, replace(ORDER, referring="Müller^Jo"))
