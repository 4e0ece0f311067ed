from collections.abc import Iterator
from dataclasses import replace

import pytest
from psycopg_pool import ConnectionPool

from exchange.refusals import Reason, Refusal
from exchange.registry import (
    BadEntry,
    DuplicatePolicy,
    IssuerTaken,
    Peer,
    PeerConflict,
    PostgresRegistry,
    Trust,
    TrustInUse,
    UnknownPeer,
    UnknownRefusal,
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


SYSTEM = "https://fhir.wirral.example/Id/mrn"


def test_the_system_of_a_trusts_numbers_is_its_own_and_can_be_taken_away(registry: PostgresRegistry) -> None:
    registry.add_trust(Trust("RBL", "Wirral", "RBL", number_system=SYSTEM))
    assert registry.trust("RBL").number_system == SYSTEM
    with pytest.raises(BadEntry, match="another trust"):
        registry.add_trust(Trust("REM", "Liverpool", "REM", number_system=SYSTEM))
    registry.add_trust(Trust("RBL", "Wirral", "RBL"))
    registry.add_trust(Trust("REM", "Liverpool", "REM", number_system=SYSTEM))


def test_nobodys_system_is_one_that_we_make_of_anothers_issuer(registry: PostgresRegistry) -> None:
    registry.add_trust(Trust("RBL", "Wirral", "1.2.826.0.1"))
    with pytest.raises(BadEntry, match="another trust"):
        registry.add_trust(Trust("REM", "Liverpool", "REM", number_system="urn:oid:1.2.826.0.1"))


@pytest.mark.parametrize(
    "system",
    [
        "mrn", "/Id/mrn", "//wirral.example/Id", "https:", "https:///Id", "https://w.example/a b",
        "https://w.example/a|b", "https://w.example/#a", "https://fhir.nhs.uk/Id/nhs-number",
        "urn:id:REM:mrn", "urn:dicom:uid", "https://w.example/" + "x" * 250, "https://w.example/é", " https://w.example",
    ],
)  # fmt: skip
def test_what_is_no_system_of_a_trust_is_refused(registry: PostgresRegistry, system: str) -> None:
    with pytest.raises(BadEntry):
        registry.add_trust(Trust("RBL", "Wirral", "RBL", number_system=system))


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
        Peer(
            "XA",
            ARROWE,
            host="xa.example",
            port=11113,
            networks=("10.1.0.0/16", "fd00::/8"),
            called_titles=("IMX", "OLD_PACS"),
            uses_tls=True,
            plain_allowed=True,
            fingerprint="0a" * 32,
            certificate_name="xa.example",
            commitment_host="10.1.0.7",
            commitment_port=11114,
            commitment_on_association=True,
            identifier_issuer="NHS",
            coercions=("pad accession",),
            may_commit=False,
            may_query_worklist=True,
            may_perform=True,
            wants_availability=True,
            associations_out=5,
            association_rate=600,
        ),
        Peer("US 1", ARROWE, duplicates=DuplicatePolicy.WARN, private_sop_classes=("1.2.3", "1.2.4")),
    ],
)
def test_peers_come_back_as_they_went_in(registry: PostgresRegistry, peer: Peer) -> None:
    registry.add_peer(peer)

    assert registry.peers() == [peer]
    address = "10.1.2.3" if peer.networks else peer.host or "192.168.0.1"
    assert registry.named(peer.ae_title, address) == peer
    assert registry.peer(registry.peers()[0].id) == peer


def test_a_peer_added_again_is_changed(registry: PostgresRegistry) -> None:
    for each in (PEER, replace(PEER, trust=AINTREE, may_read=True), replace(PEER, may_store=False)):
        registry.add_peer(each)
        assert registry.peers() == [each]


def test_one_title_at_two_places_is_two_peers(registry: PostgresRegistry) -> None:
    here = registry.add_peer(replace(PEER, host="10.0.0.1"))
    there = registry.add_peer(replace(PEER, networks=("10.0.1.0/24",), trust=AINTREE))

    assert registry.named("CT1", "10.0.0.1") == here
    assert registry.named("CT1", "10.0.1.77") == there
    assert registry.named("CT1", "10.0.0.2") is None


@pytest.mark.parametrize(
    "other",
    [
        replace(PEER, trust=AINTREE),
        replace(PEER, host="10.0.1.1"),
        replace(PEER, host="10.0.1.1", networks=("192.168.0.0/16",)),
        replace(PEER, networks=("10.0.0.0/8",)),
    ],
)
def test_two_entries_by_one_title_never_share_an_address(registry: PostgresRegistry, other: Peer) -> None:
    kept = registry.add_peer(replace(PEER, networks=("10.0.1.0/24",)))

    with pytest.raises(PeerConflict, match=f"imx peer change CT1 --id {kept.id}"):
        registry.add_peer(other)
    assert registry.peers() == [kept]


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


REFUSAL = Refusal(Reason.UNKNOWN_PEER, "CT9", "IMX", "10.0.0.9", "nobody knows it")


@pytest.mark.parametrize("calling", ["WHO", "", "A\0B", "\ud800", "’"])
def test_a_refused_caller_is_noted_whatever_it_calls_itself(registry: PostgresRegistry, calling: str) -> None:
    registry.note_refusal(replace(REFUSAL, calling=calling))

    (refused,) = registry.refusals()
    assert replace(refused.last, calling=calling) == replace(REFUSAL, calling=calling)


def test_refusals_of_one_kind_are_one_row_that_counts(registry: PostgresRegistry) -> None:
    for because in ("nobody knows it", "nobody knows it", "still"):
        registry.note_refusal(replace(REFUSAL, because=because))
    registry.note_refusal(replace(REFUSAL, reason=Reason.CALLED_TITLE))

    last, first = registry.refusals()
    assert (last.times, last.last.reason) == (1, Reason.CALLED_TITLE)
    assert (first.times, first.last.because) == (3, "still")
    assert first.first_at <= first.last_at
    assert registry.refusal(first.id) == first

    assert registry.settle_refusals("CT9", "10.0.0.9") == 2
    assert registry.refusals() == []
    with pytest.raises(UnknownRefusal):
        registry.refusal(first.id)


def test_a_stranger_with_ever_new_names_cannot_fill_the_list(registry: PostgresRegistry) -> None:
    for number in range(60):
        registry.note_refusal(replace(REFUSAL, calling=f"CT{number}"))

    found = registry.refusals()
    assert len(found) == 51
    assert sum(each.times for each in found) == 60


def test_a_peer_that_can_be_called(registry: PostgresRegistry) -> None:
    ws = replace(PEER, ae_title="WS1", host="10.0.0.1", port=104)
    registry.add_peer(ws)
    registry.add_peer(replace(ws, port=None, host="10.0.0.2"))
    assert registry.destination("WS1") == ws
    assert registry.destination("CT1") is None

    theirs = replace(ws, host="10.0.0.3", trust=AINTREE)
    registry.add_peer(theirs)
    assert registry.destination("WS1") is None  # one of two
    assert registry.destination("WS1", "REM") == theirs
    assert registry.destination("WS1", "RBL") == ws


def test_an_entry_is_changed_and_removed_by_its_number(registry: PostgresRegistry) -> None:
    kept = registry.add_peer(PEER)
    moved = replace(kept, ae_title="CT2", host="10.0.0.1")
    assert registry.add_peer(moved) == moved
    assert registry.peers() == [moved]

    registry.remove_peer(kept.id)
    assert registry.peers() == []
    with pytest.raises(UnknownPeer):
        registry.remove_peer(kept.id)
    with pytest.raises(UnknownPeer):
        registry.add_peer(kept)
    with pytest.raises(UnknownPeer):
        registry.peer(kept.id)


def test_a_trust_is_merged_into_another_and_never_in_a_circle(registry: PostgresRegistry) -> None:
    registry.add_trust(replace(ARROWE, successor="REM"))

    assert registry.trust("RBL").successor == "REM"
    for impossible in (replace(AINTREE, successor="RBL"), replace(AINTREE, successor="REM")):
        with pytest.raises(BadEntry, match="cannot be merged"):
            registry.add_trust(impossible)
    with pytest.raises(UnknownTrust):
        registry.add_trust(replace(AINTREE, successor="XXX"))


def test_a_trust_goes_only_when_nothing_is_its_own(registry: PostgresRegistry) -> None:
    registry.add_peer(PEER)
    with pytest.raises(TrustInUse, match="has peers"):
        registry.remove_trust("RBL")
    registry.remove_trust("REM")
    assert registry.trusts() == [ARROWE]
    with pytest.raises(UnknownTrust):
        registry.remove_trust("REM")


def test_a_database_that_is_away_is_unavailable() -> None:
    nobody = "host=127.0.0.1 port=1 connect_timeout=1"
    with ConnectionPool(nobody, min_size=0, max_size=1, timeout=0.2) as pool, pytest.raises(IndexUnavailable):
        PostgresRegistry(pool).peers()
