"""The table of states, held to PS3.8 §9.2 Table 9-10."""

import pytest

from dicom_router.errors import AbortReason, ProtocolBroken
from dicom_router.messages import action_for
from dicom_router.pdus import PduType
from dicom_router.states import ACTIONS, Action, State


def test_every_pdu_means_something_in_every_state() -> None:
    assert set(ACTIONS) == set(State)
    for actions in ACTIONS.values():
        assert set(actions) == set(PduType)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (State.AWAITING_REQUEST, {PduType.ASSOCIATE_RQ: Action.NEGOTIATE, PduType.ABORT: Action.TAKE_ABORT}),
        (
            State.ESTABLISHED,
            {
                PduType.P_DATA_TF: Action.TAKE_DATA,
                PduType.RELEASE_RQ: Action.ANSWER_RELEASE,
                PduType.ABORT: Action.TAKE_ABORT,
            },
        ),
    ],
)
def test_what_is_not_allowed_is_an_abort(state: State, allowed: dict[PduType, Action]) -> None:
    for kind in PduType:
        if kind in allowed:
            assert action_for(state, kind) is allowed[kind]
        else:
            with pytest.raises(ProtocolBroken) as caught:
                action_for(state, kind)
            assert caught.value.reason is AbortReason.UNEXPECTED_PDU


@pytest.mark.parametrize("kind", [0x00, 0x08, 0xFF])
def test_an_unknown_pdu_is_unrecognized(kind: int) -> None:
    with pytest.raises(ProtocolBroken) as caught:
        action_for(State.ESTABLISHED, kind)

    assert caught.value.reason is AbortReason.UNRECOGNIZED_PDU
