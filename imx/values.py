"""Settings as people write them, and as values."""

import re
import types
import typing
from enum import Enum
from typing import Any

from imx.settings import Secret, Size

_UNITS = {
    "": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}


def convert(value: object, kind: Any) -> Any:
    """A written value as its type, or a ValueError that says what is wanted."""
    if isinstance(kind, types.UnionType):
        return convert(value, next(each for each in typing.get_args(kind) if each is not types.NoneType))
    if typing.get_origin(kind) is tuple:
        parts = (
            value
            if isinstance(value, list)
            else [part.strip() for part in str(value).split(",") if part.strip()]
        )
        return tuple(convert(part, typing.get_args(kind)[0]) for part in parts)
    if kind is bool:
        return _boolean(value)
    if kind is Size:
        return _size(value)
    if isinstance(value, bool | list | dict):
        raise ValueError(f"it should be {'a number' if kind in (int, float) else 'a text'}")
    if kind in (int, float):
        try:
            return kind(typing.cast(str, value))
        except ValueError:
            raise ValueError("it should be a number") from None
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"it should be one of {', '.join(str(each.value) for each in kind)}") from None
    return kind(str(value))


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("1", "true", "yes", "on"):
        return True
    if str(value).lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("it should be true or false")


def _size(value: object) -> Size:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if found is None or found[2] not in _UNITS:
        raise ValueError('it should be a number of bytes, such as 512 or "5 GB"')
    return Size(int(float(found[1]) * _UNITS[found[2]]))


def written(value: Any) -> str:
    """A value as the environment would have it."""
    match value:
        case bool():
            return "1" if value else "0"
        case tuple():
            return ",".join(map(str, value))
        case Secret():
            return value.text
        case Enum():
            return str(value.value)
    return str(value)
