"""ICC profiles of pictures: what the pixels are in, and what they are asked for in (PS3.18 §8.3.5.1)."""

import struct
from functools import cache, lru_cache
from io import BytesIO

from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from viewer_api.view import ColourSpace

#: A scanner's profile of a slide may have megabytes; more than this is none.
_PROFILE_LIMIT_BYTES = 32 * 1024 * 1024

#: Red, green and blue as XYZ under D50, and the gamma (Adobe RGB (1998), ISO 22028-2, Display P3).
_MATRICES = {
    ColourSpace.ADOBE_RGB: (
        "Adobe RGB (1998)",
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
        563 / 256,
    ),
    ColourSpace.ROMM_RGB: (
        "ROMM RGB",
        ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00008, 0.82491)),
        1.8,
    ),
    ColourSpace.DISPLAY_P3: (
        "Display P3",
        ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
        None,
    ),
}
_D50 = (0.9642, 1.0, 0.8249)


def profile_of(found: Dataset) -> bytes | None:
    """The data set's own, of an optical path where it has any (PS3.3 §C.11.15)."""
    paths = found.get("OpticalPathSequence") or []
    for each in (found, *paths[:1]):
        profile = each.get("ICCProfile")
        if isinstance(profile, bytes) and 128 <= len(profile) <= _PROFILE_LIMIT_BYTES:
            return profile
    return None


def in_space(picture: Image.Image, own: bytes | None, space: ColourSpace | None) -> Image.Image:
    """The picture in the colour space asked for; its `info` says which.

    Without a wish, pixels that have a profile become sRGB, which every screen takes them for, and
    others stay as they are. A profile that cannot be read counts as none.
    """
    if space is ColourSpace.NO or picture.mode not in ("RGB", "L"):
        return picture
    if space is ColourSpace.YES:
        picture.info["icc_profile"] = own or _bytes_of(ColourSpace.SRGB)
        return picture
    if space is None and own is None:
        return picture
    target = space or ColourSpace.SRGB
    if picture.mode == "RGB" and (own is not None or target is not ColourSpace.SRGB):
        transform = _transform(own, target)
        if transform is not None:
            ImageCms.applyTransform(picture, transform, inPlace=True)
    if picture.mode == "RGB":
        picture.info["icc_profile"] = _bytes_of(target)
    return picture


@lru_cache(maxsize=16)
def _transform(own: bytes | None, target: ColourSpace) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(
            _opened(own or _bytes_of(ColourSpace.SRGB)), _opened(_bytes_of(target)), "RGB", "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(profile))


@cache
def _bytes_of(space: ColourSpace) -> bytes:
    if space not in _MATRICES:
        made: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        return made
    name, colours, gamma = _MATRICES[space]
    return _written(name, colours, gamma)


def _written(name: str, colours: tuple[tuple[float, ...], ...], gamma: float | None) -> bytes:
    """A display profile of three colours and one curve (ICC.1:2001-04 §6.3), sRGB's without a gamma."""
    curve = _gamma_curve(gamma) if gamma is not None else _srgb_curve()
    description = name.encode() + b"\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(description)) + description + bytes(78),
        b"cprt": b"text" + bytes(4) + b"No copyright, use freely\0",
        b"wtpt": _xyz(_D50),
        **{
            tag: _xyz(colour) for tag, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True)
        },
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4sI4s4s4s6H4s4sI4s4sQI", start + len(body), b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ",
        2026, 1, 1, 0, 0, 0, b"acsp", b"\0" * 4, 0, b"none", b"none", 0, 0,
    )  # fmt: skip
    header = head + b"".join(_fixed(each) for each in _D50)
    return header + bytes(128 - len(header)) + table + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


def _xyz(value: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(each) for each in value)


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _srgb_curve() -> bytes:
    steps = 1024
    inputs = (each / (steps - 1) for each in range(steps))
    outputs = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in inputs)
    return b"curv" + bytes(4) + struct.pack(f">I{steps}H", steps, *(round(each * 65_535) for each in outputs))
