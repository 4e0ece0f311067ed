import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.names import name_key, plain_words
from tests.storage.shelf import Shelf


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


#: Characters that Python's Unicode knows: PostgreSQL's may be newer.
_KNOWN = st.characters(codec="utf-8", exclude_categories=("Cn", "Co", "Cs"), exclude_characters="\0*?")


@given(text=st.text(_KNOWN, max_size=40))
def test_the_schema_makes_names_as_plain_as_this_does(shelf_of_module: Shelf, text: str) -> None:
    plain = shelf_of_module.one("select plain_name(%s)", name_key(text))

    assert plain.split(" ")[1:] == plain_words(text)


def test_names_without_accents() -> None:
    assert plain_words("Müller^ZOË") == ["muller", "zoe"]
    assert plain_words("O’Brien-Øster, Łucja^Æsa=Strauß") == ["obrien", "oster", "lucja", "aesa", "strauss"]
    assert plain_words("Smi*^J?") == ["smi*", "j?"]
    assert plain_words("^^*") == []
