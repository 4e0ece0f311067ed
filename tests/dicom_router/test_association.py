"""Association establishment, C-ECHO, release, and requests that we do not serve."""

from typing import Any

import pytest
from pynetdicom import AE, build_role

from dicom_router.errors import AbortReason, Ending, Rejection
from dicom_router.negotiation import APPLICATION_CONTEXT
from dicom_router.pdus import PduType
from exchange.refusals import Reason
from exchange.registry import Peer
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.raw_peer import (
    CT,
    EXPLICIT,
    IMPLICIT,
    RELEASE,
    VERIFICATION,
    association_request,
    command,
    element,
    last_command,
    last_data,
    p_data,
    pdu,
    rejected,
    store_command,
)


def aborted(reason: AbortReason) -> tuple[int, bytes]:
    return PduType.ABORT, bytes([0, 0, 2, reason])


def test_a_real_scu_echoes(serve: Serve) -> None:
    running = serve()
    scu = AE("MODALITY")
    scu.add_requested_context(VERIFICATION)
    association = scu.associate("127.0.0.1", running.port, ae_title="IMX")
    assert association.is_established

    assert association.send_c_echo().Status == 0x0000
    association.release()

    assert association.is_released
    assert running.endings() == [Ending.RELEASED.value]


def test_contexts_are_answered_one_by_one(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        results = peer.associate(
            contexts=(
                (CT, (IMPLICIT, EXPLICIT)),
                (VERIFICATION, (IMPLICIT,)),
                ("1.2.840.10008.5.1.4.38.1", (EXPLICIT,)),
                (CT, ("1.2.840.10008.1.2.4.94",)),
                (CT, ("1.2.840.10008.1.2.4.50",)),
            )
        )
        peer.release()

    assert {number: result for number, (result, _syntax) in results.items()} == {1: 0, 3: 0, 5: 3, 7: 4, 9: 0}
    assert results[1][1] == EXPLICIT


def test_the_answer_repeats_the_titles_and_says_what_we_take(serve: Serve) -> None:
    running = serve(max_pdu=65536)
    scu = AE("MODALITY")
    scu.add_requested_context(VERIFICATION)
    association = scu.associate("127.0.0.1", running.port, ae_title="IMX")
    accept = association.acceptor.primitive
    association.release()

    assert accept is not None
    assert (accept.calling_ae_title, accept.called_ae_title) == ("MODALITY", "IMX")
    assert accept.application_context_name == APPLICATION_CONTEXT
    assert association.acceptor.maximum_length == 65536
    assert association.acceptor.implementation_version_name == "IMX_0_1"


def test_a_role_that_is_not_ours_to_take_falls_back_to_the_default(serve: Serve) -> None:
    running = serve()
    scu = AE("MODALITY")
    scu.add_requested_context(CT)
    role = build_role(CT, scu_role=True, scp_role=True)
    association = scu.associate("127.0.0.1", running.port, ae_title="IMX", ext_neg=[role])

    assert association.is_established
    assert [(cx.as_scu, cx.as_scp) for cx in association.accepted_contexts] == [(True, False)]
    association.release()


@pytest.mark.parametrize(
    ("options", "rejection", "reason", "note"),
    [
        (
            {"calling": "NOBODY"},
            Rejection.CALLING_AE_NOT_RECOGNIZED,
            Reason.UNKNOWN_PEER,
            "no peer NOBODY at 127.0.0.1",
        ),
        (
            {"called": "OTHER"},
            Rejection.CALLED_AE_NOT_RECOGNIZED,
            Reason.CALLED_TITLE,
            "called OTHER, we are IMX",
        ),
    ],
)
def test_strangers_and_wrong_numbers_are_rejected_and_noted(
    serve: Serve, options: dict[str, Any], rejection: Rejection, reason: Reason, note: str
) -> None:
    running = serve()
    with running.call() as peer:
        peer.send(association_request(**options))
        assert peer.read() == rejected(rejection)
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.REJECTED.value]
    (refusal,) = running.peers.refusals
    assert (refusal.calling, refusal.called) == (
        options.get("calling", "MODALITY"),
        options.get("called", "IMX"),
    )
    assert refusal.reason is reason
    assert (refusal.address, refusal.is_tls, refusal.fingerprint) == ("127.0.0.1", False, "")
    assert refusal.because.startswith(note)


def test_other_titles_are_answered_where_set(serve: Serve) -> None:
    running = serve(other_titles=("OLD_PACS",))
    with running.call() as peer:
        peer.associate(called="OLD_PACS")
        peer.store(b"data")

    assert running.door.arrivals[0][1].called == "OLD_PACS"


def test_a_registry_that_is_away_is_a_transient_rejection(serve: Serve) -> None:
    running = serve()
    running.peers.is_away = True
    with running.call() as peer:
        peer.send(association_request())
        assert peer.read() == rejected(Rejection.TEMPORARY_CONGESTION)


def test_another_application_context_is_rejected(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        request = association_request()
        peer.send(request.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"))
        assert peer.read() == rejected(Rejection.APPLICATION_CONTEXT_NOT_SUPPORTED)


def test_another_protocol_version_is_rejected(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        request = bytearray(association_request())
        request[6:8] = b"\0\2"
        peer.send(bytes(request))
        assert peer.read() == rejected(Rejection.PROTOCOL_VERSION_NOT_SUPPORTED)


def test_titles_padded_with_nul_and_unknown_items_are_overlooked(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        request = association_request().replace(b"MODALITY        ", b"MODALITY".ljust(16, b"\0"))
        unknown = b"\x77\0\0\x04abcd"
        peer.send(pdu(PduType.ASSOCIATE_RQ, request[6:] + unknown))
        assert peer.read()[0] == PduType.ASSOCIATE_AC


@pytest.mark.parametrize("max_pdu", [0, 7, 30, 128])
def test_answers_fit_what_the_peer_takes(serve: Serve, max_pdu: int) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate(max_pdu=max_pdu)
        assert peer.store(b"data") == 0x0000
        peer.send(p_data(last_command(command(0x0030, 9, sop=VERIFICATION), 3)))
        assert peer.status() == 0x0000
        peer.release()


def test_a_c_find_in_a_storage_context_is_not_recognized(serve: Serve) -> None:
    running = serve()
    find = command(0x0020, 5, data=True, sop="1.2.840.10008.5.1.4.1.2.2.1")
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(find), last_data(b"identifier")))
        answer = peer.answer()
        assert int.from_bytes(answer[0x0100], "little") == 0x8020
        assert int.from_bytes(answer[0x0120], "little") == 5
        assert int.from_bytes(answer[0x0900], "little") == 0x0211
        assert peer.store(b"data") == 0x0000


@pytest.mark.parametrize("field", [0x0010, 0x0021, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150, 0x4242])
def test_no_other_operation_is_recognized(serve: Serve, field: int) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(command(field, 6, sop=CT))))
        assert peer.status() == 0x0211
        peer.release()


def test_a_store_in_a_verification_context_is_not_recognized(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command(), 3), last_data(b"data", 3)))
        assert peer.status() == 0x0211

    assert running.door.kept == {}


def test_a_cancel_of_nothing_has_no_answer(serve: Serve) -> None:
    running = serve()
    cancel = element(0x0100, b"\xff\x0f") + element(0x0120, b"\1\0") + element(0x0800, b"\1\1")
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(cancel)))
        assert peer.store(b"data") == 0x0000
        peer.release()


def test_a_response_to_nothing_is_an_abort(serve: Serve) -> None:
    running = serve()
    response = element(0x0100, b"\x01\x80") + element(0x0120, b"\1\0") + element(0x0800, b"\1\1")
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(response)))
        assert peer.read() == aborted(AbortReason.UNEXPECTED_PARAMETER)


def test_an_abort_ends_it_without_a_word(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(pdu(PduType.ABORT, bytes(4)))
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.PEER_ABORTED.value]


def test_an_abort_within_a_data_set_keeps_nothing(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())), p_data(b"\0\0\x00\x06\x01\0head"))
        peer.send(pdu(PduType.ABORT, bytes(4)))
        assert peer.read() == (0, b"")

    assert running.endings() == [Ending.PEER_ABORTED.value]
    assert running.door.kept == {}


def test_a_release_comes_after_every_answer(serve: Serve) -> None:
    running = serve()
    with running.call() as peer:
        peer.associate()
        peer.send(p_data(last_command(store_command())), p_data(last_data(b"data")), RELEASE)
        assert peer.status() == 0x0000
        assert peer.read()[0] == PduType.RELEASE_RP


def test_a_peer_of_its_own_trust_is_its_origin(serve: Serve) -> None:
    running = serve(peers=(Peer("A", TRUST), Peer("B", TRUST)))
    for title in ("A", "B"):
        with running.call() as peer:
            peer.associate(calling=title)
            peer.store(b"data", f"1.2.{title == 'A':d}")

    assert [origin.peer for _incoming, origin, *_rest in running.door.arrivals] == ["A", "B"]
