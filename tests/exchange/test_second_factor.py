"""Codes of an app, by RFC 6238's own examples and once each."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.second_factor import address_for_app, new_recovery_codes, new_secret, recovery_digest, step_of

#: RFC 6238 Appendix B, of SHA-1: its codes of eight figures end in these six.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RFC_CODES = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.mark.parametrize(("at", "code"), RFC_CODES)
def test_the_examples_of_the_rfc(at: int, code: str) -> None:
    now = datetime.fromtimestamp(at, UTC)
    assert step_of(RFC_SECRET, code, now, None) == at // 30
    assert step_of(RFC_SECRET, f" {code[:3]} {code[3:]} ", now, None) == at // 30
    assert step_of(RFC_SECRET, code, now, at // 30) is None
    assert step_of(RFC_SECRET, code, now + timedelta(seconds=30), None) == at // 30
    assert step_of(RFC_SECRET, code, now + timedelta(seconds=90), None) is None


@given(st.text(max_size=40))
def test_what_is_no_code_opens_nothing(text: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    codes = {pyotp.TOTP(RFC_SECRET).at(now + timedelta(seconds=30 * step)) for step in (-1, 0, 1)}
    assert (step_of(RFC_SECRET, text, now, None) is not None) == ("".join(text.split()) in codes)


def test_secrets_and_recovery_codes_are_not_guessed() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
    codes = new_recovery_codes()
    assert len({recovery_digest(code) for code in codes}) == 10
    assert recovery_digest(codes[0]) == recovery_digest(codes[0].upper().replace("-", " "))


def test_an_app_reads_whose_code_it_is() -> None:
    said = address_for_app(RFC_SECRET, "jane.doe")
    assert said.startswith("otpauth://totp/Imaging%20Exchange:jane.doe?")
    assert f"secret={RFC_SECRET}" in said
