import pytest

from exchange.people.numbers import is_nhs_number


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("9990000018", True), ("999 000 0018", True), ("9434765919", True), ("9990000019", False),
        ("9990000140", False), ("999000001", False), ("99900000181", False), ("", False),
        ("9999999999", False), ("0000000000", False), ("4444444444", False), ("٩٩٩٠٠٠٠٠١٨", False),
    ],
)  # fmt: skip
def test_an_nhs_number_is_known_by_its_check_digit(text: str, is_one: bool) -> None:
    assert is_nhs_number(text) is is_one
