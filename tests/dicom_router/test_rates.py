from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_router.errors import Rejection
from dicom_router.rates import MINUTE_S, after_one_more, is_within_rate
from dicom_router.slots import SlotsUnavailable
from exchange.refusals import Reason
from exchange.registry import Peer
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.raw_peer import association_request, rejected


@given(
    st.integers(1, 1000),
    st.lists(st.floats(0, 30, allow_subnormal=False), max_size=200),
    st.floats(0, 1e9, allow_subnormal=False),
)
def test_no_minute_sees_more_than_twice_the_rate(a_minute: int, pauses: list[float], start: float) -> None:
    now, empty_at = start, 0.0
    let_in: list[float] = []
    for pause in pauses:
        now += pause
        later = after_one_more(empty_at, now, a_minute)
        if later is not None:
            empty_at = later
            let_in.append(now)

    for at in let_in:
        assert sum(at <= each < at + MINUTE_S for each in let_in) <= 2 * a_minute + 1


@given(st.integers(1, 1000), st.floats(0, 1e9, allow_subnormal=False))
def test_a_minutes_worth_may_come_at_once_and_no_more(a_minute: int, now: float) -> None:
    empty_at: float | None = 0.0
    for _ in range(a_minute):
        empty_at = after_one_more(empty_at or 0.0, now, a_minute)
        assert empty_at is not None
    assert after_one_more(empty_at or 0.0, now, a_minute) is None
    assert after_one_more(empty_at or 0.0, now + MINUTE_S / a_minute, a_minute) is not None


@given(st.floats(), st.floats(0, 1e9))
def test_whatever_stands_in_the_file_is_no_reason_to_keep_a_peer_out(said: float, now: float) -> None:
    later = after_one_more(said, now, 60)

    assert later is None or now < later <= now + MINUTE_S + 1


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "rate").mkdir()
    with pytest.raises(SlotsUnavailable):
        is_within_rate(tmp_path, 1)


def test_a_peer_that_floods_is_refused_counted_and_told_to_come_later(serve: Serve) -> None:
    running = serve(peers=(Peer("MODALITY", TRUST, association_rate=3), Peer("OTHER", TRUST)))
    for _ in range(3):
        with running.call() as peer:
            peer.associate()
            peer.release()
    with running.call() as peer:
        peer.send(association_request())
        assert peer.read() == rejected(Rejection.LOCAL_LIMIT_EXCEEDED)
    with running.call() as peer:
        peer.associate(calling="OTHER")

    (refusal,) = running.peers.refusals
    assert (refusal.reason, refusal.calling) == (Reason.FLOOD, "MODALITY")
    assert refusal.because == "MODALITY opens more than 3 associations a minute"
