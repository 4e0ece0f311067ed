"""The DICOM application entities we know: what an entry says, and which one a caller is."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from exchange.trusts import BadEntry, Trust, is_issuer

Network = IPv4Network | IPv6Network

#: The addresses that a host name has now.
Resolve = Callable[[str], frozenset[str]]

_HOST_NAME = re.compile(r"(?!-)[0-9A-Za-z_-]{1,63}(?<!-)(\.(?!-)[0-9A-Za-z_-]{1,63}(?<!-))*\.?")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_UID = re.compile(r"[0-9.]{1,64}")


class DuplicatePolicy(Enum):
    """What a peer's entry says of the same SOP Instance UID with other content."""

    REFUSE = "refuse"  # kept aside, failure 0xC001, a person chooses
    WARN = "warn"  # kept aside, the sender hears a warning (0xB000)
    REPLACE = "replace"  # the newer becomes current, the older a kept version


@dataclass(frozen=True, slots=True)
class Peer:
    """A DICOM application entity: where it is, how it proves itself, and what it may do here."""

    ae_title: str
    trust: Trust
    host: str | None = None  # where we call it, and an address it may come from
    port: int | None = None  # where it listens, when it does
    may_store: bool = True
    may_read: bool = False
    duplicates: DuplicatePolicy = DuplicatePolicy.REFUSE
    association_limit: int | None = None  # at one time; None: the service's own limit
    private_sop_classes: tuple[str, ...] = ()  # private storage classes taken beyond the standard's
    networks: tuple[str, ...] = ()  # CIDR it may come from, besides host; neither: from anywhere
    called_titles: tuple[str, ...] = ()  # AE titles it may call us by; none: all of ours
    uses_tls: bool = False  # we call it over TLS
    plain_allowed: bool = False  # it may call us without TLS
    fingerprint: str | None = None  # SHA-256 of the certificate it must show, in hex
    certificate_name: str | None = None  # a name that its certificate bears; None: its host or AE title
    commitment_host: str | None = None  # where storage commitment reports go; None: host and port
    commitment_port: int | None = None
    commitment_on_association: bool = False  # reports go on the association that asked
    identifier_issuer: str | None = None  # of the bare Patient IDs it sends; None: its trust's
    coercions: tuple[str, ...] = ()  # names of the coercion rules of what it sends
    may_commit: bool = True
    may_query_worklist: bool = False
    may_perform: bool = False  # MPPS
    wants_availability: bool = False  # Instance Availability Notification
    associations_out: int = 2  # how many we open to it at once
    association_rate: int | None = None  # new ones in a minute; None: any number
    id: int = field(default=0, compare=False)  # of its entry; 0 before it has one

    @property
    def issuer(self) -> str:
        """The namespace in which a bare Patient ID or accession number of this peer counts."""
        return self.identifier_issuer or self.trust.issuer

    @property
    def is_callable(self) -> bool:
        """Whether we know where it listens."""
        return self.host is not None and self.port is not None

    @property
    def places(self) -> tuple[str, ...]:
        """The addresses, names and networks that it may come from; none for anywhere."""
        return (*((self.host,) if self.host else ()), *self.networks)


class UnknownPeer(BadEntry):
    """No entry by that AE title, or more than one."""


class PeerConflict(BadEntry):
    """Two entries by one AE title would share addresses: nobody could say which of them calls."""

    def __init__(self, peer: Peer, other: Peer) -> None:
        place = ", ".join(other.places) or "any address"
        super().__init__(
            f"{peer.ae_title} is known already, of {other.trust.ods_code} at {place} (entry {other.id}), and"
            f" the two overlap: change that one (imx peer change {other.ae_title} --id {other.id}),"
            " or give each its own addresses"
        )


def peer_at(address: str, entries: Iterable[Peer], resolve: Resolve) -> Peer | None:
    """Which of the entries by one AE title comes from this address: the one that says it most closely."""
    near = [(closeness, each) for each in entries if (closeness := _closeness(each, address, resolve))]
    return max(near, key=lambda pair: pair[0])[1] if near else None


def _closeness(peer: Peer, address: str, resolve: Resolve) -> int:
    """0 where it does not come from there; else higher, the fewer addresses the entry means."""
    if not peer.places:
        return 1
    try:
        where = ip_address(address)
    except ValueError:
        return 0  # a local socket: only an entry for anywhere
    found = [2 + network.prefixlen for network in _networks(peer) if where in network]
    if not found and peer.host and not _is_address(peer.host) and address in resolve(peer.host):
        found = [2 + where.max_prefixlen]
    return max(found, default=0)


def conflict(peer: Peer, entries: Iterable[Peer]) -> Peer | None:
    """An entry by the same AE title that a caller from some address could be as well."""
    return next(
        (
            each
            for each in entries
            if each.ae_title == peer.ae_title and each.id != peer.id and _overlap(peer, each)
        ),
        None,
    )


def _overlap(one: Peer, other: Peer) -> bool:
    if not (one.places and other.places):
        return True
    if one.host and other.host and one.host.casefold() == other.host.casefold():
        return True
    return any(
        mine.version == theirs.version and mine.overlaps(theirs)
        for mine in _networks(one)
        for theirs in _networks(other)
    )


def _networks(peer: Peer) -> Iterator[Network]:
    """Those it may come from; a host that is an address is a network of one."""
    for place in peer.places:
        if place in peer.networks or _is_address(place):
            yield ip_network(place)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def checked_peer(peer: Peer) -> Peer:
    """The entry, when the registry can hold it. Raises BadEntry, with what to change."""
    for key, what in _faults(peer):
        raise BadEntry(f"peer {peer.ae_title or 'without a title'}: {what}", key)
    return peer


def _faults(peer: Peer) -> Iterator[tuple[str, str]]:
    """Which value cannot be, and why."""
    titles = [("ae_title", peer.ae_title), *(("called_titles", title) for title in peer.called_titles)]
    for key, title in titles:
        if not is_ae_title(title):
            yield key, f"{title!r} is no AE title: 1 to 16 ASCII characters, no backslash (PS3.5 §6.2)"
    for key, host in (("host", peer.host), ("commitment_host", peer.commitment_host)):
        if host is not None and not (_is_address(host) or _HOST_NAME.fullmatch(host)):
            yield key, f"{host!r} is neither an address nor a host name"
    for network in peer.networks:
        try:
            ip_network(network)
        except ValueError as error:
            yield "networks", f"{network!r} is no network such as 10.1.2.0/24: {error}"
    for key, port in (("port", peer.port), ("commitment_port", peer.commitment_port)):
        if port is not None and not 0 < port < 65536:
            yield key, f"{port} is no port: 1 to 65535"
    if peer.port is not None and peer.host is None:
        yield "port", "a port needs a host"
    if peer.fingerprint is not None and not _FINGERPRINT.fullmatch(peer.fingerprint):
        yield "fingerprint", "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits"
    names = {"identifier_issuer": peer.identifier_issuer, "certificate_name": peer.certificate_name}
    for key, name in names.items():
        if name is not None and not is_issuer(name):
            yield key, "1 to 64 characters, no backslash"
    for key in ("association_limit", "associations_out", "association_rate"):
        limit = getattr(peer, key)
        if limit is not None and not 0 < limit < 2**31:
            yield key, "a limit of associations is above none"
    for uid in peer.private_sop_classes:
        if not _UID.fullmatch(uid):
            yield "private_sop_classes", f"{uid!r} is no UID (PS3.5 §9)"


def is_ae_title(text: str) -> bool:
    """1 to 16 ASCII characters, no backslash, not only spaces (PS3.5 §6.2)."""
    return (
        bool(text.strip()) and len(text) <= 16 and text.isascii() and text.isprintable() and "\\" not in text
    )


def fingerprint_of(text: str) -> str:
    """As kept, from what people paste: openssl's colons, capitals, `sha256 Fingerprint=`."""
    return text.rpartition("=")[2].replace(":", "").replace(" ", "").lower()
