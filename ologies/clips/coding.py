"""How a video is coded, by its sequence parameter set.

H.264: ISO 14496-10 §7.3.2.1; H.265: ISO 23008-2 §7.3.2.2.
"""

from dataclasses import dataclass

from ologies.errors import Damaged

#: aspect_ratio_idc that is followed by the ratio itself, and those of the others (ISO 14496-10 Table E-1).
_EXTENDED_RATIO = 255
_RATIOS = (
    (0, 0), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11),
    (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip

#: Profiles of H.264 whose parameter sets say more (ISO 14496-10 §7.3.2.1.1).
_RICH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True, slots=True)
class Coding:
    """What the parameter set says, as PS3.5 §8.2.7 to §8.2.11 ask."""

    profile: int
    constraints: int  # H.264: constraint_set flags, as one byte; H.265: compatibility flags
    level: int
    is_high_tier: bool
    chroma: int  # chroma_format_idc: 1 is 4:2:0
    bits: int
    columns_px: int
    rows_px: int
    is_interlaced: bool
    aspect: tuple[int, int] | None  # of a pixel; None where nothing is said

    @property
    def is_square(self) -> bool:
        """Of a pixel; what is not said counts as square, here as in DICOM."""
        return self.aspect is None or self.aspect[0] == self.aspect[1]


class _Bits:
    """A raw byte sequence payload, bit by bit (ISO 14496-10 §7.2, §9.1)."""

    def __init__(self, unit: bytes) -> None:
        payload = unit.replace(b"\0\0\3", b"\0\0")  # emulation prevention
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def take(self, count: int) -> int:
        if count > self._left:
            raise Damaged("the parameter set of the video is cut off")
        self._left -= count
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return bool(self.take(1))

    def number(self) -> int:
        """ue(v): Exp-Golomb."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise Damaged("the parameter set of the video holds no number where one is wanted")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)."""
        number = self.number()
        return (number + 1) // 2 if number % 2 else -number // 2


def read_h264(unit: bytes) -> Coding:
    """A sequence parameter set, with its one byte of header. Raises Damaged."""
    bits = _Bits(unit[1:])
    profile, constraints, level = bits.take(8), bits.take(8), bits.take(8)
    bits.number()
    chroma, depth = 1, 8
    if profile in _RICH:
        chroma = bits.number()
        if chroma == 3:
            bits.flag()
        depth = 8 + max(bits.number(), bits.number())
        bits.flag()
        if bits.flag():
            for place in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _pass_scaling_list(bits, 16 if place < 6 else 64)
    bits.number()
    match bits.number():
        case 0:
            bits.number()
        case 1:
            bits.flag()
            bits.signed()
            bits.signed()
            for _ in range(_bounded(bits.number(), 255)):
                bits.signed()
    bits.number()
    bits.flag()
    wide, high = bits.number() + 1, bits.number() + 1
    is_interlaced = not bits.flag()
    if is_interlaced:
        bits.flag()
    bits.flag()
    across, down = 2 if chroma in (1, 2) else 1, (2 if chroma == 1 else 1) * (2 if is_interlaced else 1)
    left, right, top, bottom = (bits.number() for _ in range(4)) if bits.flag() else (0, 0, 0, 0)
    return Coding(
        profile, constraints, level, False, chroma, depth,
        16 * wide - across * (left + right), 16 * high * (2 if is_interlaced else 1) - down * (top + bottom),
        is_interlaced, _aspect(bits) if bits.flag() else None,
    )  # fmt: skip


def _pass_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def read_h265(unit: bytes) -> Coding:
    """A sequence parameter set, with its two bytes of header. Raises Damaged."""
    bits = _Bits(unit[2:])
    bits.take(4)
    layers = bits.take(3)
    bits.flag()
    profile, constraints, is_high_tier, level = _tier_and_level(bits, layers)
    bits.number()
    chroma = bits.number()
    if chroma == 3:
        bits.flag()
    columns, rows = bits.number(), bits.number()
    if bits.flag():
        left, right, top, bottom = (bits.number() for _ in range(4))
        columns -= (2 if chroma in (1, 2) else 1) * (left + right)
        rows -= (2 if chroma == 1 else 1) * (top + bottom)
    depth = 8 + max(bits.number(), bits.number())
    order_bits = bits.number() + 4
    for _ in range(1 if not bits.flag() else layers + 1):
        bits.number(), bits.number(), bits.number()
    for _ in range(6):
        bits.number()
    if bits.flag() and bits.flag():
        _pass_scaling_lists(bits)
    bits.take(2)
    if bits.flag():
        bits.take(8)
        bits.number(), bits.number()
        bits.flag()
    _pass_reference_sets(bits)
    if bits.flag():
        for _ in range(_bounded(bits.number(), 32)):
            bits.take(order_bits)
            bits.flag()
    bits.take(2)
    aspect, is_interlaced = None, False
    if bits.flag():
        aspect = _aspect(bits)
        if bits.flag():  # overscan
            bits.flag()
        if bits.flag():  # video signal
            bits.take(4)
            if bits.flag():
                bits.take(24)
        if bits.flag():  # where chroma lies
            bits.number(), bits.number()
        bits.flag()
        is_interlaced = bits.flag()  # a field a picture
    return Coding(
        profile, constraints, level, is_high_tier, chroma, depth, columns, rows, is_interlaced, aspect
    )


def _tier_and_level(bits: _Bits, layers: int) -> tuple[int, int, bool, int]:
    """ISO 23008-2 §7.3.3."""
    bits.take(2)
    is_high_tier, profile, compatible = bits.flag(), bits.take(5), bits.take(32)
    bits.take(48)
    level = bits.take(8)
    present = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.take(88 * has_profile)
        bits.take(8 * has_level)
    return profile, compatible, is_high_tier, level


def _pass_scaling_lists(bits: _Bits) -> None:
    """ISO 23008-2 §7.3.4."""
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.number()
                continue
            if size > 1:
                bits.signed()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.signed()


def _pass_reference_sets(bits: _Bits) -> None:
    """ISO 23008-2 §7.3.7: a set is often said as what differs from the one before it."""
    before = 0  # pictures in the set before
    for place in range(_bounded(bits.number(), 64)):
        if place and bits.flag():
            bits.flag()
            bits.number()
            kept = 0
            for _ in range(before + 1):
                if bits.flag() or bits.flag():
                    kept += 1
            before = kept
            continue
        negative, positive = _bounded(bits.number(), 16), _bounded(bits.number(), 16)
        for _ in range(negative + positive):
            bits.number()
            bits.flag()
        before = negative + positive


def _aspect(bits: _Bits) -> tuple[int, int] | None:
    """What begins the usability information of both (annexes E)."""
    if not bits.flag():
        return None
    kind = bits.take(8)
    ratio = (
        (bits.take(16), bits.take(16))
        if kind == _EXTENDED_RATIO
        else (_RATIOS[kind] if kind < len(_RATIOS) else (0, 0))
    )
    return ratio if all(ratio) else None


def _bounded(number: int, limit: int) -> int:
    if number > limit:
        raise Damaged("the parameter set of the video says more than it may")
    return number


def parameter_set(configuration: bytes, entry: bytes) -> bytes:
    """The first sequence parameter set of avcC or hvcC (ISO 14496-15 §5.3.3, §8.3.3). Raises Damaged."""
    try:
        if entry.startswith(b"avc"):
            if not configuration[5] & 0x1F:
                raise Damaged("the video's parameter sets are not in its description")
            length = int.from_bytes(configuration[6:8], "big")
            return configuration[8 : 8 + length]
        at = 23
        for _ in range(configuration[22]):
            kind, count = configuration[at] & 0x3F, int.from_bytes(configuration[at + 1 : at + 3], "big")
            at += 3
            for _ in range(count):
                length = int.from_bytes(configuration[at : at + 2], "big")
                if kind == 33:
                    return configuration[at + 2 : at + 2 + length]
                at += 2 + length
    except IndexError as error:
        raise Damaged("the description of the video is cut off") from error
    raise Damaged("the video's parameter sets are not in its description")
