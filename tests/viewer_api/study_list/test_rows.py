"""A row says of a study what a reader must know, as the NHS writes it."""

from storage.answers import Found
from storage.corrections import Member
from viewer_api.study_list.rows import Order, in_order, row_of


def found(
    name: str = "Ashworth^Zoë", day: str = "20260312", contested: bool = False, inconsistent: bool = False
) -> Found:
    members: dict[str, Member] = {
        "00080020": {"vr": "DA", "Value": [day]},
        "00080030": {"vr": "TM", "Value": ["101500"]},
        "00080061": {"vr": "CS", "Value": ["CT", "SR"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name, "Ideographic": "王^小東"}]},
        "00100020": {"vr": "LO", "Value": ["123456"]},
        "00100021": {"vr": "LO", "Value": ["REM"]},
        "00100030": {"vr": "DA", "Value": ["19520516"]},
        "00100040": {"vr": "CS", "Value": ["F"]},
        "00201208": {"vr": "IS", "Value": [24]},
    }
    return Found(members, "1.2.3", is_contested=contested, is_inconsistent=inconsistent)


def test_a_name_and_a_day_are_written_so_that_nobody_misreads_them() -> None:
    row = row_of(found("ASHWORTH^Zoë^Ann^Dr"))

    assert (row.name, row.other_names) == ("ASHWORTH, Zoë Ann (Dr)", "王, 小東")
    assert (row.born, row.sex, row.day, row.time) == ("16 May 1952", "Female", "12 March 2026", "10:15")
    assert (row.number, row.issuer, row.images, row.kinds) == ("123456", "REM", 24, "CT, Report")
    assert row.url == "/viewer/viewer?StudyInstanceUIDs=1.2.3"


def test_a_study_that_says_nothing_is_still_a_row() -> None:
    row = row_of(Found({}, "1.2.3"))

    assert (row.name, row.born, row.day, row.images) == ("No name", "", "", 0)


def test_contested_and_inconsistent_studies_say_so_in_words() -> None:
    row = row_of(found(contested=True, inconsistent=True))

    assert [word for word, _ in row.warnings] == ["Contested", "Inconsistent"]
    assert "waits for a person to decide" in row.warnings[0][1]
    assert "two patient numbers, birth dates or trusts" in row.warnings[1][1]


def test_rows_are_sorted_as_asked() -> None:
    newest_first = [
        row_of(found("Baker", "20260303")),
        row_of(found("Archer", "20260202")),
        row_of(found("Cook")),
    ]

    assert [row.name for row in in_order(newest_first, Order.NAME)] == ["ARCHER", "BAKER", "COOK"]
    assert in_order(newest_first, Order.OLDEST) == newest_first[::-1]
    assert in_order(newest_first, Order.NEWEST) == newest_first
