"""To which study a report belongs: the rules."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from exchange.people.person import Identifier
from exchange.reports.matching import Candidate, Directory, Doubt, Matched, Named, Unmatched, Whose, where

LOCAL, OTHER = Identifier("1", "RBL"), Identifier("1", "REM")
NUMBER, NEXT = Identifier.nhs("9990000018"), Identifier.nhs("9990000026")

NAMED = Named("1.2", ("A1",), "RBL", frozenset({LOCAL}), "19500102")
STUDY = Candidate("1.2", "A1", "RBL", (Whose(frozenset({LOCAL}), "19500102"),))


def known(stands_for: dict[Identifier, int]) -> Directory:
    return Directory(stands_for, frozenset(stands_for.values()))


def test_by_uid_or_by_accession_number_with_its_issuer() -> None:
    by_uid = where(NAMED, [STUDY], Directory())
    assert by_uid == Matched("1.2", "Study Instance UID and patient agree")
    without = replace(NAMED, study_uid="1.9")
    assert where(without, [STUDY], Directory()) == Matched(
        "1.2", "accession number and issuer and patient agree"
    )
    assert isinstance(where(replace(without, accession_issuer="REM"), [STUDY], Directory()), Unmatched)
    assert isinstance(
        where(replace(without, accessions=()), [replace(STUDY, accession="")], Directory()), Unmatched
    )


def test_the_same_number_of_another_trust_is_somebody_else() -> None:
    found = where(replace(NAMED, patients=frozenset({OTHER})), [STUDY], Directory())
    assert found == Doubt(("1.2",), "by Study Instance UID, but the patient is another")
    assert where(
        replace(NAMED, patients=frozenset({OTHER})), [STUDY], known({OTHER: 7, LOCAL: 7})
    ) == Matched("1.2", "Study Instance UID and patient agree")


def test_what_speaks_against_it_is_for_a_person() -> None:
    both = replace(STUDY, whose=(*STUDY.whose, Whose(frozenset({NEXT}), "")))
    numbered = replace(NAMED, patients=frozenset({LOCAL, NUMBER}))
    of_next = replace(STUDY, whose=(Whose(frozenset({LOCAL, NEXT}), ""),))
    for named, study, because in [
        (replace(NAMED, patients=frozenset()), STUDY, "the report names no patient, or several"),
        (NAMED, replace(STUDY, whose=()), "the study names no patient"),
        (replace(NAMED, birth_date="19500103"), STUDY, "the birth date is another"),
        (NAMED, both, "the patient is another"),
        (numbered, of_next, "the NHS number is another"),
    ]:
        assert where(named, [study], Directory()) == Doubt(("1.2",), f"by Study Instance UID, but {because}")


def test_whom_a_study_is_linked_to_goes_before_what_it_says() -> None:
    linked = replace(STUDY, person=7)
    assert isinstance(where(NAMED, [linked], known({LOCAL: 7})), Matched)
    assert where(NAMED, [linked], known({LOCAL: 8})) == Doubt(
        ("1.2",), "by Study Instance UID, but the study is linked to somebody else"
    )
    assert isinstance(where(NAMED, [linked], Directory({LOCAL: 8})), Matched)  # nobody has traced 8
    by_number = replace(NAMED, patients=frozenset({NUMBER}))
    assert isinstance(where(by_number, [linked], known({NUMBER: 7})), Matched)


def test_a_superseded_number_is_the_one_that_it_became() -> None:
    study = replace(STUDY, whose=(Whose(frozenset({LOCAL, NEXT}), ""),))
    named = replace(NAMED, patients=frozenset({LOCAL, NUMBER}))
    assert isinstance(where(named, [study], known({NUMBER: 3, NEXT: 3})), Matched)


def test_of_several_studies_the_one_of_the_patient() -> None:
    named = replace(NAMED, study_uid="")
    others = replace(STUDY, uid="1.3", whose=(Whose(frozenset({OTHER}), ""),))
    assert where(named, [STUDY, others], Directory()) == Matched(
        "1.2", "accession number and issuer and patient agree"
    )
    found = where(named, [STUDY, replace(STUDY, uid="1.3")], Directory())
    assert found == Doubt(
        ("1.2", "1.3"), "several studies of the patient bear its accession number and issuer"
    )


def test_a_document_is_of_whom_its_study_is() -> None:
    named = replace(NAMED, patients=frozenset(), is_within=True)
    assert isinstance(where(named, [STUDY], Directory()), Matched)
    both = replace(STUDY, whose=(*STUDY.whose, Whose(frozenset({NEXT}), "")))
    assert isinstance(where(replace(named, patients=frozenset({LOCAL})), [both], Directory()), Doubt)


_IDENTIFIERS = st.sampled_from([LOCAL, OTHER, NUMBER, NEXT])


@given(
    st.frozensets(_IDENTIFIERS, max_size=3),
    st.lists(st.frozensets(_IDENTIFIERS, max_size=2), max_size=2),
    st.one_of(st.none(), st.integers(1, 3)),
    st.dictionaries(_IDENTIFIERS, st.integers(1, 3)),
    st.frozensets(st.integers(1, 3)),
    st.sampled_from(["", "1.2"]),
)
def test_it_never_belongs_to_a_study_of_somebody_else(
    patients: frozenset[Identifier],
    whose: list[frozenset[Identifier]],
    person: int | None,
    stands_for: dict[Identifier, int],
    verified: frozenset[int],
    uid: str,
) -> None:
    named = Named(uid, ("A1",), "RBL", patients, "")
    study = Candidate("1.2", "A1", "RBL", tuple(Whose(each, "") for each in whose), person)
    found = where(named, [study], Directory(stands_for, verified))
    if isinstance(found, Matched):
        people = {stands_for[each] for each in patients if each in stands_for}
        for each in whose:
            theirs = {stands_for[one] for one in each if one in stands_for} | {person}
            assert patients & each or people & theirs
        assert person is None or not people & verified or person in people
