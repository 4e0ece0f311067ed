from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg_pool import ConnectionPool

from exchange.registry import (
    BadEntry,
    DuplicatePolicy,
    IssuerTaken,
    Peer,
    PostgresRegistry,
    Trust,
    UnknownTrust,
)
from storage.errors import IndexUnavailable

ARROWE = Trust("RBL", "Wirral", "RBL", "Wirral")
AINTREE = Trust("REM", "Liverpool", "REM", "Liverpool")


@pytest.fixture
def registry(database: str) -> Iterator[PostgresRegistry]:
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        known = PostgresRegistry(pool)
        known.add_trust(ARROWE)
        known.add_trust(AINTREE)
        yield known


def test_trusts_come_back_as_they_went_in(registry: PostgresRegistry) -> None:
    assert registry.trusts() == [ARROWE, AINTREE]
    assert registry.trust("REM") == AINTREE
    with pytest.raises(UnknownTrust, match="imx trust add XXX NAME"):
        registry.trust("XXX")


def test_a_trust_added_again_is_changed(registry: PostgresRegistry) -> None:
    renamed = replace(ARROWE, name="Wirral University Teaching Hospital")
    registry.add_trust(renamed)

    assert registry.trusts() == [renamed, AINTREE]


def test_two_trusts_never_share_an_issuer(registry: PostgresRegistry) -> None:
    with pytest.raises(IssuerTaken):
        registry.add_trust(replace(ARROWE, issuer="REM"))
    with pytest.raises(IssuerTaken):
        registry.add_trust(Trust("RBN", "Mersey", "REM"))
    assert registry.trusts() == [ARROWE, AINTREE]


def test_an_empty_issuer_is_refused(registry: PostgresRegistry) -> None:
    with pytest.raises(BadEntry):
        registry.add_trust(Trust("RBN", "Mersey", ""))


PEER = Peer("CT1", ARROWE)


@pytest.mark.parametrize(
    "peer",
    [
        PEER,
        Peer("CT1", AINTREE, host="10.0.0.1", port=104, may_store=False, may_read=True),
        Peer("A" * 16, ARROWE, duplicates=DuplicatePolicy.REPLACE, association_limit=3),
        Peer("US 1", ARROWE, duplicates=DuplicatePolicy.WARN, private_sop_classes=("1.2.3", "1.2.4")),
    ],
)
def test_peers_come_back_as_they_went_in(registry: PostgresRegistry, peer: Peer) -> None:
    registry.add_peer(peer)

    assert registry.peers() == [peer]
    assert registry.named(peer.ae_title, peer.host or "192.168.0.1") == peer


def test_a_peer_added_again_is_changed(registry: PostgresRegistry) -> None:
    for each in (PEER, replace(PEER, trust=AINTREE, may_read=True), replace(PEER, may_store=False)):
        registry.add_peer(each)
        assert registry.peers() == [each]


def test_an_entry_for_its_host_goes_before_one_for_any(registry: PostgresRegistry) -> None:
    here = replace(PEER, host="10.0.0.1", trust=AINTREE)
    registry.add_peer(PEER)
    registry.add_peer(here)

    assert registry.named("CT1", "10.0.0.1") == here
    assert registry.named("CT1", "10.0.0.2") == PEER


@pytest.mark.parametrize(
    ("calling", "address"),
    [("CT1", "10.0.0.2"), ("ct1", "10.0.0.1"), ("CT", "10.0.0.1"), ("", ""), ("CT1\0", "10.0.0.1"),
     ("\ud800", "10.0.0.1"), ("%", "%")],
)  # fmt: skip
def test_whoever_has_no_entry_is_nobody(registry: PostgresRegistry, calling: str, address: str) -> None:
    registry.add_peer(replace(PEER, host="10.0.0.1"))

    assert registry.named(calling, address) is None


def test_a_peer_of_a_trust_that_nobody_knows_is_refused(registry: PostgresRegistry) -> None:
    with pytest.raises(UnknownTrust):
        registry.add_peer(Peer("CT1", Trust("XXX", "?", "XXX")))


@pytest.mark.parametrize("peer", [replace(PEER, ae_title=""), replace(PEER, ae_title="A" * 17),
                                  replace(PEER, association_limit=0)])  # fmt: skip
def test_an_entry_that_cannot_be_is_refused(registry: PostgresRegistry, peer: Peer) -> None:
    with pytest.raises(BadEntry):
        registry.add_peer(peer)
    assert registry.peers() == []


@pytest.mark.parametrize("calling", ["WHO", "", "A\0B", "\ud800", "’"])
def test_a_refused_caller_is_noted_whatever_it_calls_itself(registry: PostgresRegistry, calling: str) -> None:
    registry.note_refusal(calling, "IMX", "10.0.0.9", "nobody knows it")

    with registry.pool.connection() as connection:
        rows = connection.execute("select called, address, because from refusal").fetchall()
    assert rows == [("IMX", "10.0.0.9", "nobody knows it")]


def test_a_database_that_is_away_is_unavailable() -> None:
    nobody = "host=127.0.0.1 port=1 connect_timeout=1"
    with ConnectionPool(nobody, min_size=0, max_size=1, timeout=0.2) as pool, pytest.raises(IndexUnavailable):
        PostgresRegistry(pool).peers()
