import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.names import name_key


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("SMITH^JOHN", "Smith^John"),
        ("Smith^John^^^", "smith^john"),
        (" Smith ^ John ", "Smith^John"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "yamada^tarou=山田^太郎=やまだ^たろう"),
        ("ＳＭＩＴＨ", "smith"),
        ("STRASSE", "Straße"),
        ("Smith=", "Smith"),
        ("Zoe\u0308", "Zoë"),
    ],
)
def test_names_that_are_one(sent: str, asked: str) -> None:
    assert name_key(sent) == name_key(asked)


@pytest.mark.parametrize(("one", "other"), [("Zoe", "Zoë"), ("A^B", "A=B"), ("A^B", "B^A"), ("^A", "A")])
def test_names_that_are_two(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    assert name_key(name_key(text)) == name_key(text)
