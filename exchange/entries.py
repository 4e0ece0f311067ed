"""Entries of the registry as plain data, for the API, the TOML file and exports: one reading, one writing."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from exchange.peers import Peer, checked_peer, fingerprint_of
from exchange.people.person import NumberStatus
from exchange.trusts import BadEntry, Trust, UnknownTrust

Said = Mapping[str, Any]

_PEER_KINDS = {name: kind for name, kind in get_type_hints(Peer).items() if name not in ("trust", "id")}
_TRUST_KINDS = get_type_hints(Trust)

#: What can be said of a peer.
PEER_KEYS = ("ae_title", "trust", *(name for name in _PEER_KINDS if name != "ae_title"))


def trust_said(trust: Trust) -> dict[str, Any]:
    """All of it, as JSON and TOML say it."""
    return {each.name: getattr(trust, each.name) for each in fields(trust)}


def trust_from(said: Said) -> Trust:
    """Raises BadEntry, naming the key."""
    values = {key: _converted(key, value, _TRUST_KINDS) for key, value in said.items()}
    for key in ("ods_code", "name"):
        if not values.get(key):
            raise BadEntry(f"a trust needs {key}", key)
    code = values["ods_code"].strip().upper()
    successor = values.get("successor")
    return Trust(
        ods_code=code,
        name=values["name"],
        issuer=values.get("issuer") or code,
        place=values.get("place") or "",
        successor=successor.strip().upper() if successor else None,
        nhs_number_status=values.get("nhs_number_status") or NumberStatus.NOT_TRACED.value,
        number_system=values.get("number_system") or "",
    )


def peer_said(peer: Peer) -> dict[str, Any]:
    """All of it, as JSON and TOML say it."""
    return {key: _plain(getattr(peer, key)) for key in PEER_KEYS}


def peer_from(said: Said, trusts: Collection[Trust], before: Peer | None = None) -> Peer:
    """A checked entry; what is not said is as `before`, else as usual. Raises BadEntry, naming the key."""
    kinds = {**_PEER_KINDS, "trust": str}
    values = {key: _converted(key, value, kinds) for key, value in said.items()}
    if values.get("fingerprint"):
        values["fingerprint"] = fingerprint_of(values["fingerprint"])
    if "trust" in values:
        values["trust"] = _trust_of(values["trust"].strip().upper(), trusts)
    if before is not None:
        return checked_peer(replace(before, **values))
    for key in ("ae_title", "trust"):
        if not values.get(key):
            raise BadEntry(f"a peer needs {key}", key)
    return checked_peer(Peer(**values))


def _trust_of(ods_code: str, trusts: Collection[Trust]) -> Trust:
    for trust in trusts:
        if trust.ods_code == ods_code:
            return trust
    raise UnknownTrust(ods_code)


def _converted(key: str, value: Any, kinds: Mapping[str, Any]) -> Any:
    if key not in kinds:
        near = difflib.get_close_matches(key, list(kinds), n=1, cutoff=0.5)
        raise BadEntry(f"{key} is no key here" + (f" (did you mean {near[0]}?)" if near else ""), key)
    kind = kinds[key]
    if value is None:
        if NoneType in get_args(kind):
            return None
        raise BadEntry(f"{key} needs a value", key)
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise BadEntry(f"{key} is a list of texts", key)
    wanted = next(each for each in (*get_args(kind), kind) if each is not NoneType)
    if issubclass(wanted, Enum):
        return _member(key, value, wanted)
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    raise BadEntry(f"{key} is {_NAMES[wanted]}, not {value!r}", key)


_NAMES = {bool: "true or false", int: "a whole number", str: "a text"}


def _member(key: str, value: Any, kind: type[Enum]) -> Enum:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(str(each.value) for each in kind)
        raise BadEntry(f"{key} is one of {choices}, not {value!r}", key) from None


def _plain(value: Any) -> Any:
    match value:
        case Trust():
            return value.ods_code
        case Enum():
            return value.value
        case tuple():
            return list(value)
        case _:
            return value
