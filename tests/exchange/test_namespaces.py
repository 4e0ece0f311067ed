"""Whose a bare identifier is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from exchange.namespaces import ISSUER_OF_PATIENT_ID, ISSUERS_OF_ACCESSION, within_issuer
from storage.columns import ACCESSION, INSTANCE_UID, PATIENT_ID, SERIES_UID, STUDY_UID
from storage.query import AnyOf, Anything, Empty, Exactly, Level, Match, Path, Query, Wildcard

UIDS = (STUDY_UID, SERIES_UID, INSTANCE_UID)
NAME: Path = (0x00100010,)
texts = st.sampled_from(["123", "A1", "x"])
named: st.SearchStrategy[Match] = st.one_of(
    texts.map(Exactly),
    texts.map(lambda text: AnyOf((text, "9"))),
    texts.map(lambda text: Wildcard(f"{text}*")),
)
matches: st.SearchStrategy[Match] = named | st.sampled_from([Anything(), Empty()])
issuers = st.sampled_from(["RBL", "REM", "RBT"])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    paths = [PATIENT_ID, ACCESSION, NAME, ISSUER_OF_PATIENT_ID, *ISSUERS_OF_ACCESSION, *UIDS]
    keys = draw(st.dictionaries(st.sampled_from(paths), matches))
    return Query(draw(st.sampled_from(list(Level))), keys, limit=draw(st.none() | st.integers(0, 9)))


def is_named(query: Query, *paths: Path) -> bool:
    return any(not isinstance(query.matches.get(path, Anything()), Anything | Empty) for path in paths)


@given(queries(), issuers)
def test_an_identifier_never_counts_without_an_issuer_or_a_uid(query: Query, issuer: str) -> None:
    meant = within_issuer(query, issuer)

    if not is_named(meant, *UIDS):
        assert is_named(meant, ISSUER_OF_PATIENT_ID) or not is_named(meant, PATIENT_ID)
        assert is_named(meant, *ISSUERS_OF_ACCESSION) or not is_named(meant, ACCESSION)


@given(queries(), issuers)
def test_nothing_else_that_was_asked_changes(query: Query, issuer: str) -> None:
    meant = within_issuer(query, issuer)

    added = dict(meant.matches.items() - query.matches.items())
    assert set(added) <= {ISSUER_OF_PATIENT_ID, ISSUERS_OF_ACCESSION[0]}
    assert set(added.values()) <= {Exactly(issuer)}
    assert all(not is_named(query, path) for path in added)
    assert replace(meant, matches=query.matches) == query
    assert query.matches.keys() <= meant.matches.keys()


@given(queries(), issuers, issuers)
def test_a_query_that_is_somebodys_own_stays_so(query: Query, issuer: str, other: str) -> None:
    assert within_issuer(within_issuer(query, issuer), other) == within_issuer(query, issuer)


@given(queries())
def test_who_has_no_namespace_asks_as_they_wrote(query: Query) -> None:
    assert within_issuer(query, "") == query


def test_a_patient_id_of_any_kind_of_matching_is_the_askers_own() -> None:
    for match in (Exactly("123"), AnyOf(("123", "124")), Wildcard("12?")):
        meant = within_issuer(Query(Level.STUDY, {PATIENT_ID: match}), "RBL")
        assert meant.matches == {PATIENT_ID: match, ISSUER_OF_PATIENT_ID: Exactly("RBL")}


def test_an_accession_number_is_the_askers_own() -> None:
    asked = Query(Level.STUDY, {ACCESSION: Exactly("A1"), ISSUERS_OF_ACCESSION[0]: Anything()})
    meant = within_issuer(asked, "RBL")
    assert meant.matches == {ACCESSION: Exactly("A1"), ISSUERS_OF_ACCESSION[0]: Exactly("RBL")}

    universal = Query(Level.STUDY, {ACCESSION: Exactly("A1"), ISSUERS_OF_ACCESSION[1]: Exactly("REM")})
    assert within_issuer(universal, "RBL") == universal


def test_an_issuer_or_a_uid_crosses_trusts() -> None:
    for path, match in (
        (ISSUER_OF_PATIENT_ID, Exactly("REM")), (STUDY_UID, AnyOf(("1.2",))), (INSTANCE_UID, AnyOf(("1.2",))),
    ):  # fmt: skip
        asked = Query(Level.SERIES, {PATIENT_ID: Exactly("123"), path: match})
        assert within_issuer(asked, "RBL") == asked


def test_who_names_patients_by_nhs_number_numbers_orders_as_its_trust_does() -> None:
    query = Query(Level.STUDY, {PATIENT_ID: Exactly("9434765919"), ACCESSION: Exactly("A1")})
    meant = within_issuer(query, "NHS", "RBL")

    assert meant.matches[ISSUER_OF_PATIENT_ID] == Exactly("NHS")
    assert meant.matches[ISSUERS_OF_ACCESSION[0]] == Exactly("RBL")
