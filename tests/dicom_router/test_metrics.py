"""What /metrics says of the DIMSE edge."""

from prometheus_client import REGISTRY

from dicom_router.errors import Ending
from dicom_router.metrics import STRANGER
from exchange.registry import Peer, Trust
from storage.receipt import Outcome
from tests.dicom_router.conftest import TRUST, Serve
from tests.dicom_router.raw_peer import association_request


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_instances_and_associations_are_counted_by_peer(serve: Serve) -> None:
    running = serve(peers=(Peer("METERED", TRUST),))
    with running.call() as peer:
        peer.associate(calling="METERED")
        for data in (b"one", b"one", b"other"):
            peer.store(data)
        assert value("imx_router_associations_active") == 1
        peer.release()
    running.until_quiet()

    for outcome in (Outcome.KEPT, Outcome.ALREADY_KEPT, Outcome.DIFFERENT):
        assert value("imx_router_instances_total", peer="METERED", outcome=outcome.value) == 1
    assert value("imx_router_data_set_bytes_total", peer="METERED") == 11
    assert value("imx_router_associations_total", peer="METERED", ending=Ending.RELEASED.value) == 1
    assert value("imx_router_associations_active") == 0


def test_what_a_stranger_calls_itself_is_no_label(serve: Serve) -> None:
    before = value("imx_router_associations_total", peer=STRANGER, ending=Ending.REJECTED.value)
    running = serve()
    with running.call() as peer:
        peer.send(association_request(calling="STRANGE"))
        peer.read()
    running.until_quiet()

    assert value("imx_router_associations_total", peer=STRANGER, ending=Ending.REJECTED.value) == before + 1
    assert value("imx_router_associations_total", peer="STRANGE", ending=Ending.REJECTED.value) == 0


def test_an_open_service_has_one_label_for_all(serve: Serve) -> None:
    running = serve(open_to_all=True, open_trust=Trust("DEMO", "Demo", "DEMO"))
    before = value("imx_router_instances_total", peer=STRANGER, outcome=Outcome.KEPT.value)
    with running.call() as peer:
        peer.associate(calling="ANYBODY")
        peer.store(b"data")
        peer.release()

    assert value("imx_router_instances_total", peer=STRANGER, outcome=Outcome.KEPT.value) == before + 1
