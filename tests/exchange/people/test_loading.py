"""A file of people comes to the same directory as its lines told one by one."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from io import StringIO
from random import Random

import pytest
from psycopg_pool import ConnectionPool

from exchange.people import loading
from exchange.people.bulk import COLUMNS, BadFile, BadLine, Source, line_of
from exchange.people.directory import person_known_as
from exchange.people.loading import Loaded, load
from exchange.people.person import NHS, Identifier, NumberStatus, PersonName, Said, Sensitivity, Sex
from exchange.people.statements import Apart, Merged
from exchange.people.telling import tell
from tests.exchange.people.test_telling import everything

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = Source(
    {"RBL": NumberStatus.NOT_TRACED, "REM": NumberStatus.VERIFIED, NHS: NumberStatus.NOT_TRACED},
    "RBL",
    Said(NOON, "people.csv"),
    NOON,
)
RUTH = {
    "number": "123456", "nhs_number": "999 000 0018", "nhs_number_status": "1", "sensitivity": "r",
    "family": "O'Neil", "given": "Ruth  Ann", "prefix": "Dr", "former_family": "Byrne",
    "birth_date": "1971-03-04", "sex": "f", "address": "1 High St, Birkenhead", "postcode": "CH41 1AA",
    "practice": "N85001", "died": "20260102", "birth_order": "0", "merged_into": "77",
    "said_at": "2026-02-01T10:00:00Z",
}  # fmt: skip


def file_of(lines: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS) -> StringIO:
    """A file with these lines."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(lines)
    text.seek(0)
    return text


def load_all(pool: ConnectionPool, text: StringIO, first: int = 1) -> Loaded:
    """The whole of it."""
    return load(pool, text, SOURCE, lambda _: None, first)


def test_a_line_says_all_that_a_message_may() -> None:
    line = line_of(RUTH, SOURCE)
    record, said = line.record, line.record.demographics
    assert (record.identifier, record.nhs_number) == (Identifier("123456", "RBL"), "9990000018")
    assert (record.status, record.sensitivity) == (NumberStatus.VERIFIED, Sensitivity.RESTRICTED)
    assert said.names == (
        PersonName("O'Neil", ("Ruth", "Ann"), "Dr"),
        PersonName("Byrne", ("Ruth", "Ann"), use="maiden"),
    )
    assert (said.birth_date, said.sex, said.postcode) == ("19710304", Sex.FEMALE, "CH41 1AA")
    assert said.address == ("1 High St", "Birkenhead")
    assert (said.died, said.is_dead, said.birth_order) == ("20260102", True, 0)
    assert line.said == Said(datetime(2026, 2, 1, 10, tzinfo=UTC), "people.csv")
    assert line.merged == Merged(Identifier("123456", "RBL"), Identifier("77", "RBL"))


def test_what_a_line_does_not_say_is_as_its_trust_has_it() -> None:
    record = line_of({"issuer": "REM", "number": "1", "nhs_number": "9990000018", "died": "Y"}, SOURCE).record
    assert (record.status, record.sensitivity) == (NumberStatus.VERIFIED, None)
    assert (record.demographics.died, record.demographics.is_dead) == ("", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": ""}, {"number": "9" * 65}, {"issuer": "REX"}, {"nhs_number_status": "09"},
        {"sensitivity": "S"}, {"birth_date": "19711304"}, {"birth_date": "4 March"}, {"sex": "X"},
        {"died": "19710230"}, {"birth_order": "twin"}, {"merged_into": "123456"}, {"said_at": "now"},
        {"said_at": "2026-03-02T00:00:00Z"},
        {"family": "x" * 251}, {"given": "\x00"},
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_told_without_its_values(wrong: dict[str, str]) -> None:
    with pytest.raises(BadLine) as caught:
        line_of(RUTH | wrong, SOURCE)
    assert all(value not in str(caught.value) for value in wrong.values() if value and len(value) > 1)


def test_a_file_is_the_same_as_its_lines_told_one_by_one(
    pool: ConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH_LINES", 7)
    chance = Random(1)
    lines = [
        {
            "issuer": chance.choice(("RBL", "REM", NHS)),
            "number": chance.choice(("9990000018", "9990000026", "1", "2", "3")),
            "nhs_number": chance.choice(("", "9990000018", "9990000026", "9990000019")),
            "nhs_number_status": chance.choice(("", "01", "01", "02")),
            "sensitivity": chance.choice(("", "", "N", "R")),
            "family": chance.choice(("Neil", "Walsh")),
            "merged_into": chance.choice(("", "", "", "9990000034")),
            "said_at": f"2026-03-01T00:00:0{chance.randrange(6)}Z",
        }
        for _ in range(100)
    ]
    with pool.connection() as connection:
        for relation in (Merged(Identifier.nhs("9990000018"), Identifier.nhs("9990000042")),):
            tell(connection, relation, Said(NOON, "before"))
        tell(connection, Apart(Identifier("1", "RBL")), Said(NOON, "before"))
    with pool.connection() as connection, connection.transaction(force_rollback=True):
        for line in (line_of(each, SOURCE) for each in lines):
            tell(connection, line.record, line.said)
            if line.merged:
                tell(connection, line.merged, line.said)
        one_by_one = everything(connection)

    chance.shuffle(lines)
    loaded = load_all(pool, file_of(lines))
    assert (loaded.lines, loaded.left_out.total()) == (100, 0)
    with pool.connection() as connection:
        assert everything(connection) == one_by_one
    assert load_all(pool, file_of(lines)).news == 0


def test_bad_lines_are_left_out_and_named_and_a_load_goes_on_where_it_broke_off(pool: ConnectionPool) -> None:
    text = "number,family,birth_date\n1,Neil,1950\n2,Walsh,never\n3,Jones,1960,x\n4,Hall,1970\n"
    loaded = load_all(pool, StringIO(text))
    assert loaded.named == [
        (2, "a birth date that is none (YYYYMMDD)"),
        (3, "more or fewer fields than the header"),
    ]
    assert (loaded.lines, loaded.news, sum(loaded.left_out.values())) == (4, 2, 2)
    assert load_all(pool, StringIO(text.replace("never", "1955")), 2).named[0][0] == 3
    with pool.connection() as connection:
        assert person_known_as(connection, Identifier("2", "RBL")) is not None


@pytest.mark.parametrize(
    "broken", ['2,"Smith', '"2,Smith', "2," + "x" * 1_000_000, '"' + "x" * 1_000_000, '2,"a"b', "2,a\0", '"']
)
def test_a_broken_line_costs_no_other(pool: ConnectionPool, broken: str) -> None:
    text = "\n".join(["number,family", "1,Adams", broken, *(f"{number},Baker" for number in range(3, 30))])
    loaded = load_all(pool, StringIO(text + "\n", newline=""))

    assert (loaded.lines, loaded.news, [number for number, _ in loaded.named]) == (29, 28, [2])


@pytest.mark.parametrize("text", ["", "number,shoe_size\n", "number,number\n", "family,given\n"])
def test_a_file_that_is_none_of_people_is_refused_whole(pool: ConnectionPool, text: str) -> None:
    with pytest.raises(BadFile):
        load_all(pool, StringIO(text))
