from dataclasses import replace
from datetime import UTC, datetime

import pytest

from exchange.admitting import admitted, advice
from exchange.peers import Peer
from exchange.refusals import Reason, Refusal, Refused
from exchange.trusts import BadEntry, Trust

AT = datetime(2026, 3, 1, tzinfo=UTC)
WIRRAL = Trust("RBL", "Wirral", "RBL")
AINTREE = Trust("REM", "Liverpool", "REM")
STRANGER = Refusal(Reason.UNKNOWN_PEER, "CT9", "IMX", "10.0.0.9", "nobody knows it")
SHOWN = "0a" * 32


def refused(refusal: Refusal) -> Refused:
    return Refused(7, refusal, AT, AT, 3)


def test_a_stranger_comes_in_as_it_came() -> None:
    assert admitted(refused(STRANGER), [], WIRRAL) == Peer("CT9", WIRRAL, host="10.0.0.9", plain_allowed=True)
    over_tls = replace(STRANGER, is_tls=True, fingerprint=SHOWN)
    assert admitted(refused(over_tls), [], WIRRAL) == Peer("CT9", WIRRAL, host="10.0.0.9", fingerprint=SHOWN)


def test_a_stranger_belongs_to_nobody_until_it_is_said() -> None:
    with pytest.raises(BadEntry, match="imx peer admit 7 --trust"):
        admitted(refused(STRANGER), [], None)
    with pytest.raises(BadEntry, match="imx peer admit 7 --trust"):
        admitted(refused(STRANGER), [Peer("CT9", WIRRAL, host="10.0.0.1")], None)


def test_a_peer_that_moved_keeps_its_entry() -> None:
    known = Peer("CT9", WIRRAL, host="10.0.0.1", plain_allowed=True, identifier_issuer="NHS", id=3)
    there = Peer("CT9", AINTREE, host="10.0.1.1", id=4)

    assert admitted(refused(STRANGER), [known, there], WIRRAL) == replace(known, networks=("10.0.0.9",))
    assert admitted(refused(STRANGER), [there], WIRRAL).id == 0


@pytest.mark.parametrize(
    ("refusal", "change"),
    [
        (replace(STRANGER, reason=Reason.PLAIN), {"plain_allowed": True}),
        (
            replace(STRANGER, reason=Reason.CERTIFICATE, is_tls=True, fingerprint=SHOWN),
            {"fingerprint": SHOWN},
        ),
        (
            replace(STRANGER, reason=Reason.CALLED_TITLE, called="OLD", is_tls=True, fingerprint=SHOWN),
            {"called_titles": ("OLD",)},
        ),
    ],
)
def test_a_known_peer_gets_what_it_lacked(refusal: Refusal, change: dict[str, object]) -> None:
    known = Peer("CT9", WIRRAL, host="10.0.0.9", id=3)

    assert admitted(refused(refusal), [known], None) == replace(known, **change)  # type: ignore[arg-type]
    assert "--trust" not in advice(refused(refusal))


@pytest.mark.parametrize(
    "refusal",
    [replace(STRANGER, reason=Reason.TLS, calling=""), replace(STRANGER, reason=Reason.FLOOD)],
)
def test_where_no_entry_would_help_no_command_is_shown(refusal: Refusal) -> None:
    assert advice(refused(refusal)) == ""
    with pytest.raises(BadEntry, match="nobody knows it"):
        admitted(refused(refusal), [], WIRRAL)
