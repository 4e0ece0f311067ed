"""What can be set for the DIMSE edge."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from exchange.peers import is_ae_title
from exchange.registry import Trust


class MessageLimits(Protocol):
    """How long, and for how much, a message is waited for; the settings of both sides say so."""

    @property
    def max_pdu(self) -> int: ...
    @property
    def idle_s(self) -> float: ...
    @property
    def stall_s(self) -> float: ...
    @property
    def slowest_bytes_per_s(self) -> int: ...
    @property
    def object_limit(self) -> int: ...
    @property
    def discard_s(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class CallingSettings:
    """Timers and limits of the associations that we request."""

    max_pdu: int = 256 * 1024  # bytes of a P-DATA-TF we take
    connect_s: float = 10.0  # to reach the peer, TLS included
    accept_s: float = 30.0  # for its A-ASSOCIATE-AC
    idle_s: float = 300.0  # for a response: a peer may flush a large object before it answers
    stall_s: float = 30.0  # of silence within a message, or in which the peer takes nothing
    release_s: float = 5.0  # for its A-RELEASE-RP
    slowest_bytes_per_s: int = 1024
    object_limit: int = 16 * 1024**3
    discard_s: float = 120.0
    tick_s: float = 0.5  # how often a waiting thread looks round


@dataclass(frozen=True, kw_only=True)
class RouterSettings:
    """Names, limits and timers of the receiving edge. `imx settings` prints them."""

    slots_folder: Path  # shared by the processes of one service: association limits are kept in it
    ae_title: str = "IMX"  # at most 16 characters
    other_titles: tuple[str, ...] = ()  # called AE titles that are answered besides our own
    max_pdu: int = 256 * 1024  # bytes of a P-DATA-TF we take, 0 for any (PS3.8 §D.1)
    association_limit: int = 200  # at one time, in all processes together
    associations_per_peer: int = 40  # at one time; a peer's entry may set its own
    artim_s: float = 30.0  # to ask for an association (TLS handshake included) and to hang up
    idle_s: float = 120.0  # of silence between two messages
    stall_s: float = 30.0  # of silence within a message
    slowest_bytes_per_s: int = 1024  # within a data set, once it has kept us waiting for `stall_s`
    object_limit: int = 16 * 1024**3  # bytes of a data set
    discard_s: float = 120.0  # to read a refused data set to its end, so that its sender hears why
    open_to_all: bool = False  # unknown AE titles may send, in the name of `open_trust`
    open_trust: Trust | None = None

    def __post_init__(self) -> None:
        for title in self.titles:
            if not is_ae_title(title):
                raise ValueError(
                    f"not an AE title: {title!r} (1 to 16 ASCII characters, no backslash; PS3.5 §6.2)"
                )
        if self.max_pdu and self.max_pdu < 4096:
            raise ValueError("max_pdu is 0 (any size) or at least 4,096 bytes")
        if self.open_to_all and self.open_trust is None:
            raise ValueError("open_to_all needs open_trust: every instance belongs to a trust")

    @property
    def titles(self) -> tuple[str, ...]:
        """The called AE titles that are answered."""
        return (self.ae_title, *self.other_titles)

    @property
    def tick_s(self) -> float:
        """How often a waiting association looks at its timers."""
        return min(1.0, self.artim_s / 4, self.idle_s / 4, self.stall_s / 4, self.discard_s / 4)
