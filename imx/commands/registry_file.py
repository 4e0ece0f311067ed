"""The registry as a TOML file: read with a line for every error, compared with what is known, written.

[[trust]]
ods_code = "RBS"
name = "Alder Hey Children's"

[[peer]]
ae_title = "AH_CT1"
trust = "RBS"
host = "10.1.2.3"
plain_allowed = true
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import orjson

from dicom_router.rules.lines import Malformed, Where, line_of, lines_of, read_toml
from exchange.entries import peer_from, peer_said, trust_from, trust_said
from exchange.peers import Peer, PeerConflict, conflict
from exchange.trusts import BadEntry, Trust, checked_trust
from imx.errors import CommandFailed

#: Of a peer that says nothing but its title and trust.
_USUAL = peer_said(Peer("", Trust("", "", "")))


class BadRegistryFile(CommandFailed):
    """The file cannot be taken; the message names its line. Nothing was changed."""


class Done(Enum):
    """What an import does with an entry."""

    ADDED = "added"
    CHANGED = "changed"
    LEFT = "left"  # it is so already
    REMOVED = "removed"
    UNNAMED = "not in the file"  # and stays


@dataclass(frozen=True, slots=True)
class Step:
    """One entry, and what becomes of it."""

    done: Done
    entry: Trust | Peer

    @property
    def name(self) -> str:
        """As a person knows it."""
        return self.entry.ods_code if isinstance(self.entry, Trust) else self.entry.ae_title


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file asks for."""

    trusts: tuple[Trust, ...]
    peers: tuple[Peer, ...]


def read_file(path: Path, known: Collection[Trust]) -> Wanted:
    """The entries of a file, each sound by itself and beside the others. Raises BadRegistryFile."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadRegistryFile(f"cannot read {path}") from error
    try:
        said, lines = read_toml(text), lines_of(text)
    except Malformed as error:
        raise BadRegistryFile(f"{path}, line {error.line}: {error.because}") from error
    return _Reading(path, lines).wanted(said, {each.ods_code: each for each in known})


@dataclass(frozen=True, slots=True)
class _Reading:
    path: Path
    lines: Mapping[Where, int]

    def wanted(self, said: Mapping[str, Any], known: Mapping[str, Trust]) -> Wanted:
        for key in said:
            if key not in ("trust", "peer"):
                raise self.wrong((key,), f"{key} is no table here: [[trust]] and [[peer]] are")
        trusts = self.trusts(said, known)
        return Wanted(trusts, self.peers(said, {**known, **{each.ods_code: each for each in trusts}}))

    def trusts(self, said: Mapping[str, Any], known: Mapping[str, Trust]) -> tuple[Trust, ...]:
        found: dict[str, Trust] = {}
        for where, table in self.tables(said, "trust"):
            with self.at(where):
                trust = trust_from(table)
                if trust.ods_code in found:
                    raise BadEntry(f"trust {trust.ods_code} stands here twice", "ods_code")
            found[trust.ods_code] = trust
        for (where, _), trust in zip(self.tables(said, "trust"), found.values(), strict=True):
            with self.at(where):
                checked_trust(trust, {**known, **found})
        return tuple(found.values())

    def peers(self, said: Mapping[str, Any], trusts: Mapping[str, Trust]) -> tuple[Peer, ...]:
        found: list[Peer] = []
        for where, table in self.tables(said, "peer"):
            with self.at(where):
                peer = replace(peer_from(table, trusts.values()), id=-1 - len(found))
                if other := conflict(peer, found):
                    place = ", ".join(other.places) or "any address"
                    raise BadEntry(
                        f"peer {peer.ae_title} stands here twice: the other, of {other.trust.ods_code} at"
                        f" {place}, shares addresses with it",
                        "ae_title",
                    )
            found.append(peer)
        return tuple(replace(each, id=0) for each in found)

    def tables(self, said: Mapping[str, Any], name: str) -> Iterator[tuple[Where, Mapping[str, Any]]]:
        found = said.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong((name,), f"{name} is written [[{name}]]")
        for number, table in enumerate(found):
            yield (name, number), table

    def at(self, where: Where) -> "_At":
        return _At(self, where)

    def wrong(self, where: Where, because: str) -> BadRegistryFile:
        return BadRegistryFile(f"{self.path}, line {line_of(self.lines, where)}: {because}")


@dataclass(frozen=True, slots=True)
class _At:
    """Whatever is wrong with an entry gets its line."""

    reading: _Reading
    where: Where

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, BadEntry):
            where = (*self.where, error.key) if error.key else self.where
            raise self.reading.wrong(where, str(error)) from error


def plan(
    wanted: Wanted, trusts: Sequence[Trust], peers: Sequence[Peer], *, remove_unnamed: bool = False
) -> list[Step]:
    """What an import would do, in an order that works. Raises PeerConflict.

    An entry of the same title and trust is the same peer, though its addresses change; where several are,
    the one with the same addresses.
    """
    steps: list[Step] = []
    before = {each.ods_code: each for each in trusts}
    for trust in _successors_first(wanted.trusts):
        steps.append(Step(_done(before.pop(trust.ods_code, None), trust), trust))
    left = list(peers)
    for peer in wanted.peers:
        same = _same(peer, left, wanted.peers)
        if same is not None:
            left.remove(same)
            peer = replace(peer, id=same.id)
        steps.append(Step(_done(same, peer), peer))
    unnamed = Done.REMOVED if remove_unnamed else Done.UNNAMED
    gone = [Step(unnamed, each) for each in left]
    if not remove_unnamed:
        for step in steps:
            if isinstance(step.entry, Peer) and (other := conflict(step.entry, left)):
                raise PeerConflict(step.entry, other)
        return [*steps, *gone, *(Step(unnamed, each) for each in before.values())]
    return [*gone, *steps, *(Step(unnamed, each) for each in before.values())]


def _done(before: Trust | Peer | None, after: Trust | Peer) -> Done:
    if before is None:
        return Done.ADDED
    return Done.LEFT if before == after else Done.CHANGED


def _same(peer: Peer, known: Sequence[Peer], wanted: Sequence[Peer]) -> Peer | None:
    mine = [each for each in known if each.ae_title == peer.ae_title]
    at_home = [each for each in mine if set(each.places) == set(peer.places)]
    if at_home:
        return at_home[0]
    mine = [each for each in mine if each.trust.ods_code == peer.trust.ods_code]
    asked = [each for each in wanted if (each.ae_title, each.trust) == (peer.ae_title, peer.trust)]
    return mine[0] if len(mine) == len(asked) == 1 else None


def _successors_first(trusts: Sequence[Trust]) -> list[Trust]:
    """A trust can be merged only into one that is there."""
    by_code = {each.ods_code: each for each in trusts}
    found: dict[str, Trust] = {}

    def take(trust: Trust) -> None:
        if trust.successor in by_code and trust.successor not in found:
            take(by_code[trust.successor])
        found[trust.ods_code] = trust

    for trust in trusts:
        take(trust)
    return list(found.values())


def written(trusts: Sequence[Trust], peers: Sequence[Peer]) -> str:
    """The registry as such a file; what is as usual is left out."""
    blocks = []
    for trust in trusts:
        usual = {
            "issuer": trust.ods_code,
            "place": "",
            "successor": None,
            "nhs_number_status": "02",
            "number_system": "",
        }
        blocks.append(_block("trust", trust_said(trust), usual))
    for peer in peers:
        blocks.append(_block("peer", peer_said(peer), _USUAL))
    return "\n".join(blocks)


def _block(name: str, said: Mapping[str, Any], usual: Mapping[str, Any]) -> str:
    telling = {key: value for key, value in said.items() if key not in usual or value != usual[key]}
    lines = [f"{key} = {_toml(value)}" for key, value in telling.items()]
    return "\n".join([f"[[{name}]]", *lines, ""])


def _toml(value: Any) -> str:
    """JSON of texts, numbers, truths and lists of texts is TOML, but for DEL, which TOML wants escaped."""
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
