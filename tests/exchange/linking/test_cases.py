"""Generated cases whose truth is known, through the rules and through the directory of PostgreSQL."""

from datetime import UTC, datetime

from psycopg_pool import ConnectionPool

from benchmarks.linking_cases.directory import Directory
from benchmarks.linking_cases.outcome import Outcome, report
from benchmarks.linking_cases.region import Region
from benchmarks.linking_cases.studies import Studies
from exchange.linking.asking import Asked
from exchange.linking.link import LinkState
from exchange.people.directory import people
from exchange.people.person import Said
from exchange.people.telling import tell


def test_no_generated_study_is_linked_to_somebody_else() -> None:
    region, outcome = Region(3000, seed=7), Outcome()
    directory, studies = Directory(region), Studies(region)
    for case in studies.made(2000):
        decided = directory.decide(case.identities)
        outcome.note(case, decided, lambda id: directory.people[id].nhs_number)

    assert outcome.wrong == []
    assert outcome.states[LinkState.LINKED] > 1000
    assert "linked to somebody else: 0" in report(outcome, studies.left_out)


def test_the_directory_in_the_database_decides_the_same(pool: ConnectionPool) -> None:
    region, outcome = Region(250, seed=11), Outcome()
    memory = Directory(region)
    with pool.connection() as connection:
        for number, each in enumerate(region.said()):
            tell(connection, each, Said(datetime(2026, 3, 1, tzinfo=UTC), str(number)))
        cases = list(Studies(region).made(400))
        asked = Asked.of(connection, [identity for case in cases for identity in case.identities])

        def number_of(id: int) -> str:
            return people(connection, [id])[id].nhs_number

        for case in cases:
            decided, expected = asked.decide(case.identities), memory.decide(case.identities)
            outcome.note(case, decided, number_of)
            assert decided.state is expected.state, case
            if expected.person_id is not None:
                assert decided.person_id is not None
                assert number_of(decided.person_id) == memory.people[expected.person_id].nhs_number

    assert outcome.wrong == []
