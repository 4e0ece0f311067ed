"""Nobody in the demo is anybody: test NHS numbers, valid, and one hospital number for two people."""

from hypothesis import given
from hypothesis import strategies as st

from imx.demo.people import check_digit, crowd, is_nhs_number, nhs_number
from imx.demo.region import LIVERPOOL, MODALITIES, SHARED_NUMBER, TRUSTS, WIRRAL
from imx.demo.stamp import can_be_written, uid_of

NINE_DIGITS = st.integers(0, 999_999_999).map(lambda number: f"{number:09d}")


@given(NINE_DIGITS)
def test_a_check_digit_makes_the_weighted_sum_divisible_by_eleven(first_nine: str) -> None:
    digit = check_digit(first_nine)
    sums = [
        sum(int(d) * weight for d, weight in zip(f"{first_nine}{last}", range(10, 0, -1), strict=True))
        for last in range(10)
    ]
    assert [last for last in range(10) if sums[last] % 11 == 0] == ([] if digit is None else [digit])


@given(NINE_DIGITS, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(first_nine: str, place: int, by: int) -> None:
    digit = check_digit(first_nine)
    if digit is None:
        return
    good = f"{first_nine}{digit}"
    bad = good[:place] + str((int(good[place]) + by) % 10) + good[place + 1 :]
    assert is_nhs_number(good)
    assert not is_nhs_number(bad)


def test_the_first_test_numbers_are_the_published_ones() -> None:
    assert [nhs_number(index) for index in range(12)] == [
        "9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069",
        "9990000077", "9990000085", "9990000093", "9990000107", "9990000115", "9990000123",
    ]  # fmt: skip
    assert nhs_number(13) == "9990000158"  # 999000014 has no check digit


def test_everybody_has_a_test_number_of_their_own() -> None:
    people = crowd(40, TRUSTS)
    numbers = [person.nhs_number for person in people]
    assert len(set(numbers)) == len(people)
    assert all(is_nhs_number(number) and number.startswith("999") for number in numbers)
    assert people == crowd(40, TRUSTS)


def test_two_people_hold_the_same_number_at_two_trusts() -> None:
    holders = [
        (person.nhs_number, trust)
        for person in crowd(24, TRUSTS)
        for trust in TRUSTS
        if person.local_number(trust) == SHARED_NUMBER
    ]
    assert [trust for _, trust in holders] == [LIVERPOOL, WIRRAL]
    assert len({number for number, _ in holders}) == 2


def test_the_region_can_be_registered() -> None:
    assert len({trust.ods_code for trust in TRUSTS}) == len(TRUSTS)
    titles = [modality.ae_title for modality in MODALITIES]
    assert len(set(titles)) == len(titles)
    assert all(0 < len(title) <= 16 for title in titles)
    assert {modality.trust for modality in MODALITIES} <= set(TRUSTS)


def test_a_name_is_written_only_where_its_letters_exist() -> None:
    assert can_be_written("O'Neill^Thomas", None)
    assert can_be_written("Müller^Siân", "ISO_IR 100")
    assert not can_be_written("Müller^Siân", None)
    assert not can_be_written("Müller^Siân", ["", "ISO 2022 IR 87"])
    assert not can_be_written("Łukasik^Aoife", "ISO_IR 100")
    assert can_be_written("Wang^Xiaodong=王^小東", "ISO_IR 192")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_a_uid_made_of_facts_is_valid_and_the_same_each_time(facts: list[str]) -> None:
    uid = uid_of(*facts)
    assert uid == uid_of(*facts)
    assert len(uid) <= 64
    assert uid.startswith("2.25.")
    assert not uid[5:].startswith("0")
