"""What makes a password good enough, and how it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.passwords import (
    LONGEST,
    SHORTEST,
    WeakPassword,
    checked,
    first_password,
    hashed,
    is_outdated,
    matches,
)


@pytest.mark.parametrize(
    "password",
    [
        "short", "elevenchars", "password1234", "P@ssw0rd12345", "Password2026!!", "123456789012",
        "987654321098", "aaaaaaaaaaaaaa", "abcabcabcabc", "qwertyuiop123", "letmeinletmein", "jane.doe1234",
        "liverpoolfc2026", "JaneDoe!!!!!!!", "abcdefghijklm", "changeme-please", "x" * (LONGEST + 1),
        " " * SHORTEST,
    ],
)  # fmt: skip
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        checked(password, "jane.doe")


@pytest.mark.parametrize(
    "password",
    [
        "seven green bicycles",
        "correct horse battery",
        "Gwasanaeth Iechyd Ŵyr",
        "tgHj2!kfqpwz",
        "密码密码很长的一个密码好吗",
    ],
)
def test_length_counts_and_composition_does_not(password: str) -> None:
    assert matches(hashed(checked(password, "jane")), password)


def test_every_keyboard_writes_the_same_password() -> None:
    assert matches(hashed("caf\u00e9 caf\u00e9 caf\u00e9"), "cafe\u0301 cafe\u0301 cafe\u0301")


@given(st.text(min_size=SHORTEST, max_size=LONGEST), st.text(max_size=LONGEST))
def test_one_password_opens_and_no_other(kept: str, tried: str) -> None:
    digest = hashed(kept)
    assert matches(digest, kept)
    assert matches(digest, tried) == (hashed_alike(kept) == hashed_alike(tried))
    assert kept not in digest


def hashed_alike(text: str) -> str:
    from exchange.passwords import normalised

    return normalised(text)


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$broken"])
def test_what_was_never_set_opens_nothing(kept: str | None) -> None:
    assert not matches(kept, "")
    assert not matches(kept, "nobody's")


def test_what_is_kept_is_argon2id_and_made_anew_when_its_cost_is_old() -> None:
    digest = hashed("seven green bicycles")
    assert digest.startswith("$argon2id$")
    assert not is_outdated(digest)
    assert is_outdated(digest.replace("t=1", "t=2"))


def test_first_passwords_are_good_ones() -> None:
    made = {first_password() for _ in range(100)}
    assert len(made) == 100
    assert all(checked(each, "jane") for each in made)
