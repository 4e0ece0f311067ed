from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.peers import Peer, checked_peer, conflict, fingerprint_of, peer_at
from exchange.trusts import BadEntry, Trust, successors

TRUST = Trust("RBL", "Wirral", "RBL")
PEER = Peer("CT1", TRUST)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
networks = st.one_of(
    st.builds(lambda a, n: str(ip_network((a, n), strict=False)), st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds(lambda a, n: str(ip_network((a, n), strict=False)), st.ip_addresses(v=6), st.integers(0, 128)),
)
peers = st.builds(
    lambda host, networks: replace(PEER, host=host, networks=tuple(networks)),
    st.none() | addresses,
    st.lists(networks, max_size=3),
)


def nowhere(name: str) -> frozenset[str]:
    return frozenset()


@given(peers, addresses)
def test_a_peer_comes_from_its_host_and_its_networks(peer: Peer, address: str) -> None:
    where = ip_address(address)
    expected = (
        not peer.places
        or address == peer.host
        or any(where in ip_network(network) for network in peer.networks)
    )
    assert (peer_at(address, [peer], nowhere) is peer) is expected


@given(peers, peers, addresses)
def test_two_that_do_not_conflict_never_come_from_one_address(one: Peer, other: Peer, address: str) -> None:
    one, other = replace(one, id=1), replace(other, id=2)
    both = peer_at(address, [one], nowhere) and peer_at(address, [other], nowhere)

    assert conflict(one, [one]) is None
    assert (conflict(one, [other]) is None) is (conflict(other, [one]) is None)
    if both:
        assert conflict(one, [other]) is other
        assert conflict(replace(one, ae_title="CT2"), [other]) is None


def test_of_those_that_were_there_before_the_closest_is_meant() -> None:
    anywhere, near, here = (
        PEER,
        replace(PEER, networks=("10.0.0.0/8",)),
        replace(PEER, host="10.0.0.1"),
    )
    entries = [near, anywhere, here]
    assert peer_at("10.0.0.1", entries, nowhere) is here
    assert peer_at("10.0.0.2", entries, nowhere) is near
    assert peer_at("11.0.0.2", entries, nowhere) is anywhere
    assert peer_at("local", entries, nowhere) is anywhere
    assert peer_at("local", [near, here], nowhere) is None


def test_a_host_name_is_an_address_as_long_as_it_has_it() -> None:
    named = replace(PEER, host="ct1.example", networks=("10.9.0.0/16",))

    def now(name: str) -> frozenset[str]:
        return frozenset({"10.0.0.7"}) if name == "ct1.example" else frozenset()

    assert peer_at("10.0.0.7", [named], now) is named
    assert peer_at("10.9.0.7", [named], nowhere) is named
    assert peer_at("10.0.0.7", [named], nowhere) is None
    assert conflict(replace(PEER, host="CT1.example"), [replace(named, id=1)])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (replace(PEER, ae_title=" "), "no AE title"),
        (replace(PEER, called_titles=("SEVENTEEN-LETTERS",)), "no AE title"),
        (replace(PEER, host="-x"), "neither an address nor a host name"),
        (replace(PEER, commitment_host="a b"), "neither an address nor a host name"),
        (replace(PEER, networks=("10.1.2.3/24",)), "no network"),
        (replace(PEER, host="a", port=0), "no port"),
        (replace(PEER, port=104), "needs a host"),
        (replace(PEER, fingerprint="AB"), "64 hexadecimal digits"),
        (replace(PEER, identifier_issuer=""), "1 to 64 characters"),
        (replace(PEER, associations_out=0), "above none"),
        (replace(PEER, private_sop_classes=("x",)), "no UID"),
    ],
)
def test_an_entry_that_cannot_be_says_what_to_change(entry: Peer, words: str) -> None:
    with pytest.raises(BadEntry, match=words):
        checked_peer(entry)


def test_a_fingerprint_is_taken_as_openssl_prints_it() -> None:
    printed = "sha256 Fingerprint=" + ":".join(["0A"] * 32)
    assert fingerprint_of(printed) == "0a" * 32
    assert checked_peer(replace(PEER, fingerprint=fingerprint_of(printed))).fingerprint == "0a" * 32


def test_bare_identifiers_count_within_the_entrys_issuer_or_the_trusts() -> None:
    assert PEER.issuer == "RBL"
    assert replace(PEER, identifier_issuer="NHS").issuer == "NHS"


def test_who_took_over_whom() -> None:
    trusts = [
        replace(TRUST, ods_code=code, successor=into)
        for code, into in (("A", "B"), ("B", "C"), ("C", None), ("D", "E"), ("E", "D"))
    ]
    assert successors("A", trusts) == ("A", "B", "C")
    assert successors("C", trusts) == ("C",)
    assert successors("D", trusts) == ("D", "E")  # never asked for, never for ever
    assert successors("X", trusts) == ("X",)
