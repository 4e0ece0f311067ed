"""What transfer syntaxes do to pixels (PS3.5 §10, §A)."""

from storage.elements import (
    DEFLATED,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)

#: Pixel data are not encapsulated (PS3.5 §A.1 to §A.3, §A.5).
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})

#: Encapsulated, and decoding gives back exactly the pixels that went in. JPEG 2000 and JPEG-LS in their
#: general syntaxes may be lossless, but need not.
LOSSLESS = frozenset({
    ENCAPSULATED_UNCOMPRESSED,
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless (process 14)
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 (lossless only)
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2 multi-component (lossless only)
    "1.2.840.10008.1.2.4.110",  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 (lossless only)
    "1.2.840.10008.1.2.4.202",  # High-Throughput JPEG 2000 with RPCL options (lossless only)
    "1.2.840.10008.1.2.5",  # RLE Lossless
})  # fmt: skip

#: Encapsulated, and something was lost. In the others that are not lossless, perhaps.
ALWAYS_LOSSY = frozenset({
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline (process 1)
    "1.2.840.10008.1.2.4.51",  # JPEG Extended (processes 2 and 4)
})  # fmt: skip
