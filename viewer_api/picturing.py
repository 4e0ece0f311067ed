"""What a data set says of its pixels, against what its codestream says (PS3.18 §10.5.2).

A sender of a compressed picture may leave out the Image Pixel Description Macro (PS3.3 Table C.7-11b): it is
then taken from the codestream. What is said and is not so is refused, never overwritten. A picture that was
turned upright or transcoded here may be described as it was sent or as it is upright: senders do either.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ologies import codestreams, videos
from ologies.codestreams import Picture
from storage.dicom_json import Member
from storage.errors import BadInput

_FRAMES = "00280008"
_LOSSY, _RATIO, _METHOD = "00282110", "00282112", "00282114"
_BITS_ALLOCATED, _BITS_STORED, _HIGH_BIT = "00280100", "00280101", "00280102"
_PHOTOMETRIC, _PLANAR = "00280004", "00280006"
_SAMPLES, _ROWS, _COLUMNS = "00280002", "00280010", "00280011"
_PROFILE = "00282000"
_FRAME_TIME, _FRAME_TIME_VECTOR, _INCREMENT = "00181063", "00181065", "00280009"
_OF_THE_CODESTREAM = frozenset({_PHOTOMETRIC, _PLANAR, _ROWS, _COLUMNS})
#: What names places in a picture as it was sent, besides overlays: regions, shutter, orientation, spacing.
_PLACES = ("00186011", "00181600", "00200020", "00200037", "00280030")
_METHODS = {**codestreams.METHODS, **videos.METHODS}

#: Syntaxes that a codestream of the first one is in as well (PS3.5 §8.2).
_ALSO: Mapping[str, frozenset[str]] = {
    codestreams.BASELINE: frozenset({codestreams.EXTENDED}),
    codestreams.LOSSLESS_FIRST_ORDER: frozenset({codestreams.LOSSLESS}),
    codestreams.JPEG_LS_LOSSLESS: frozenset({codestreams.JPEG_LS}),
    codestreams.JPEG_2000_LOSSLESS: frozenset({codestreams.JPEG_2000}),
    codestreams.HTJ2K_LOSSLESS: frozenset({codestreams.HTJ2K_RPCL, codestreams.HTJ2K}),
}


class Contradiction(BadInput):
    """The description and the codestream say different things."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A picture as its sender had it, where it is kept as another one."""

    picture: Picture
    is_turned: bool


@dataclass(frozen=True, slots=True)
class Pictured:
    """A description that agrees with its pixels."""

    members: dict[str, Member]
    is_added_to: bool  # with more than the macro


def syntax_of(picture: Picture, named: str) -> str:
    """The transfer syntax: the one that was named, where it can be. Raises Contradiction."""
    if named in ("", picture.transfer_syntax) or named in _ALSO.get(picture.transfer_syntax, ()):
        return named or picture.transfer_syntax
    raise Contradiction(f"the codestream is {picture.transfer_syntax}, not the transfer syntax that is named")


def pictured(
    members: Mapping[str, Member], picture: Picture, frames: int, size: int, sent: Sent | None = None
) -> Pictured:
    """The description with what it left out. `frames` came, in `size` bytes; as `sent`, where that was
    otherwise than as `picture`. Raises Contradiction.
    """
    found = _as_kept(members, sent, picture) if sent is not None else dict(members)
    allocated = 8 if picture.bits <= 8 else 16 if picture.bits <= 16 else 32
    for tag, vr, value in (
        (_ROWS, "US", picture.rows),
        (_COLUMNS, "US", picture.columns),
        (_SAMPLES, "US", picture.samples),
    ):
        if _said(found, tag) not in (None, value):
            raise Contradiction(f"{tag} differs from the codestream's, which is {value}")
        found[tag] = {"vr": vr, "Value": [value]}
    _photometric(found, picture)
    stored = _said(found, _BITS_STORED) or min(picture.bits, _said(found, _BITS_ALLOCATED) or picture.bits)
    # Bits Stored and Pixel Representation differ in sound files of several makers: their word stands.
    if (_said(found, _BITS_ALLOCATED) or allocated) < picture.bits:
        raise Contradiction(f"{_BITS_ALLOCATED} is less than the codestream's {picture.bits} bits")
    for tag, value in (
        (_BITS_ALLOCATED, allocated),
        (_BITS_STORED, stored),
        (_HIGH_BIT, stored - 1),
        ("00280103", int(picture.is_signed)),
        *([(_PLANAR, 0)] if picture.samples > 1 else []),
    ):
        if _said(found, tag) is None:
            found[tag] = {"vr": "US", "Value": [value]}
    added = _frames(found, frames if picture.frames == 1 else picture.frames)
    if picture.is_lossy:
        added |= _lossy(found, picture, frames, size, (sent.picture if sent else picture).transfer_syntax)
    return Pictured(dict(sorted(found.items())), added or sent is not None)


def coloured(members: Mapping[str, Member], profile: bytes | None) -> Pictured:
    """With the ICC profile that the picture itself carried, where nobody says another (PS3.3 §C.11.15)."""
    if profile is None or _PROFILE in members or _said(members, _SAMPLES) == 1:
        return Pictured(dict(members), False)
    even = profile + b"\0" * (len(profile) % 2)
    member = {"vr": "OB", "InlineBinary": base64.b64encode(even).decode()}
    return Pictured(dict(sorted({**members, _PROFILE: member}.items())), True)


def moving(members: Mapping[str, Member], timing: Mapping[str, Member] | None) -> Pictured:
    """With when a video's frames are, where its sender does not say it (PS3.3 §C.7.6.5, §C.7.6.6)."""
    if timing is None or any(tag in members for tag in (_FRAME_TIME, _FRAME_TIME_VECTOR, _INCREMENT)):
        return Pictured(dict(members), False)
    added = {tag: member for tag, member in timing.items() if tag not in members}
    return Pictured(dict(sorted({**members, **added}.items())), bool(added))


def _as_kept(members: Mapping[str, Member], sent: Sent, picture: Picture) -> dict[str, Member]:
    """Without what was said of the codestream that came, where that was so. Raises Contradiction."""
    for tag in (each for each in members if each in _PLACES or each.startswith("60")):
        if sent.is_turned and members[tag].keys() & {"Value", "InlineBinary", "BulkDataURI"}:
            raise Contradiction(
                f"its camera says that the picture is to be turned, and {tag} says where things are in it:"
                " turn it first"
            )
    came = sent.picture
    said = _said(members, _ROWS), _said(members, _COLUMNS)
    seen = ((came.rows, came.columns), (picture.rows, picture.columns))
    if not any(all(one in (None, other) for one, other in zip(said, each, strict=True)) for each in seen):
        raise Contradiction(
            f"{_ROWS} and {_COLUMNS} are neither those of the picture as it was sent, {came.rows} and"
            f" {came.columns}, nor upright, {picture.rows} and {picture.columns}"
        )
    _photometric(dict(members), came)
    return {tag: member for tag, member in members.items() if tag not in _OF_THE_CODESTREAM}


def _photometric(found: dict[str, Member], picture: Picture) -> None:
    said = _said(found, _PHOTOMETRIC)
    is_grey = picture.samples == 1
    if said is not None and (str(said) in _OF_ONE_SAMPLE) != is_grey:
        raise Contradiction(f"{_PHOTOMETRIC} is not of {picture.samples} samples, which the codestream has")
    if said is None:
        found[_PHOTOMETRIC] = {"vr": "CS", "Value": [picture.photometric]}


_OF_ONE_SAMPLE = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})


def _frames(found: dict[str, Member], frames: int) -> bool:
    """Whether Number of Frames was added, which is not of the macro. A stream may not tell it (0)."""
    said = _said(found, _FRAMES)
    if not frames and said is None:
        raise Contradiction(f"{_FRAMES} is wanted: this stream does not tell it")
    if frames and said is not None and int(said) != frames:
        raise Contradiction(f"{_FRAMES} differs from the {frames} frames that came")
    if said is None and frames > 1:
        found[_FRAMES] = {"vr": "IS", "Value": [frames]}
        return True
    return False


def _lossy(found: dict[str, Member], picture: Picture, frames: int, size: int, came_in: str) -> bool:
    """Whether it was marked as lossy, which is for ever (PS3.3 §C.7.6.1.1.5). Raises Contradiction."""
    said = _said(found, _LOSSY)
    if said == "00":
        raise Contradiction(f"{_LOSSY} says that nothing was lost, and the codestream is lossy")
    if said is not None:
        return False
    pixels = picture.rows * picture.columns * picture.samples * max(picture.frames, frames, 1)
    ratio = max(pixels * (1 if picture.bits <= 8 else 2) / size, 0.01)
    found[_LOSSY] = {"vr": "CS", "Value": ["01"]}
    found.setdefault(_RATIO, {"vr": "DS", "Value": [f"{ratio:.2f}"]})
    found.setdefault(_METHOD, {"vr": "CS", "Value": [_METHODS[came_in]]})
    return True


def _said(members: Mapping[str, Member], tag: str) -> Any:
    """The first value; numbers of integer strings as numbers."""
    values = members.get(tag, {}).get("Value") or [None]
    value = values[0]
    if isinstance(value, str) and members[tag]["vr"] == "IS":
        return int(value) if value.strip().isdigit() else -1
    return value
