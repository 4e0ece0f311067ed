"""What transfer syntaxes do to pixels (PS3.5 §10, §A)."""

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"

#: Pixel data are not encapsulated (PS3.5 §A.1 to §A.3, §A.5).
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED})

_JPEG_FAMILY = "1.2.840.10008.1.2.4."
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"  # Deflated Image Frame Compression (PS3.5 §A.4.13)
J2K_LOSSLESS = _JPEG_FAMILY + "90"
JPEG_LS_LOSSLESS = _JPEG_FAMILY + "80"
HTJ2K_LOSSLESS = _JPEG_FAMILY + "201"
HTJ2K_LOSSLESS_RPCL = _JPEG_FAMILY + "202"

#: By what decodes them.
JPEG = tuple(_JPEG_FAMILY + last for last in ("50", "51", "57", "70"))
JPEG_LS = (JPEG_LS_LOSSLESS, _JPEG_FAMILY + "81")
JPEG_2000 = tuple(_JPEG_FAMILY + last for last in ("90", "91", "92", "93"))
HTJ2K = (HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, _JPEG_FAMILY + "203")
JPEG_XL = tuple(_JPEG_FAMILY + last for last in ("110", "111", "112"))

#: Encapsulated, and decoding gives back exactly the pixels that went in. JPEG 2000 and JPEG-LS in their
#: general syntaxes may be lossless, but need not.
LOSSLESS = frozenset({
    ENCAPSULATED_UNCOMPRESSED,
    DEFLATED_FRAMES,
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

#: Names of colours that differ by the codec, and are alike once it is undone (PS3.3 §C.7.6.3.1.2).
COLOURS = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"})
