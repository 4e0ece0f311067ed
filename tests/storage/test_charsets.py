"""Text in every character set of the standard, and back (PS3.5 §6.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.charsets import decode, encode, encodings_of

SETS = [
    "", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 144", "ISO_IR 127", "ISO_IR 126",
    "ISO_IR 138", "ISO_IR 148", "ISO_IR 166", "ISO_IR 13", "ISO_IR 192", "GB18030", "GBK",
    "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "\\ISO 2022 IR 58",
    "ISO 2022 IR 100\\ISO 2022 IR 144", "ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO 2022 IR 100\\ISO 2022 IR 126\\ISO 2022 IR 87",
]  # fmt: skip
LETTERS = "aZ ^=\\\nüñé山田太郎やまだタロウヤマﾔﾏﾀﾞ김희중洪吉洞王小东Люкceмбypгφιלעדباכอ丂侃鷗Ÿ€"
texts = st.text(st.sampled_from(LETTERS)) | st.text(st.characters(codec="utf-8", exclude_characters="\x1b"))


@given(st.sampled_from(SETS), texts, st.sampled_from(["PN", "LO", "LT"]))
def test_what_can_be_written_reads_back(declared: str, text: str, vr: str) -> None:
    encodings = encodings_of(declared)
    assert encodings is not None
    try:
        raw = encode(text, encodings, vr)
    except UnicodeError:
        assert declared not in ("ISO_IR 192", "GB18030")
        return
    assert decode(raw, encodings, vr) == text


@pytest.mark.parametrize(
    ("declared", "text", "raw"),
    [  # PS3.5 §H.3.1, §H.3.2, §I.2, §J.1
        (
            "\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        ),
        (
            "ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
        ),
        (
            "\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        ),
        ("GB18030", "Wang^XiaoDong=王^小东", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
        ("ISO_IR 100", "Müller", b"M\xfcller"),
    ],
)  # fmt: skip
def test_the_standards_examples(declared: str, text: str, raw: bytes) -> None:
    encodings = encodings_of(declared)
    assert encodings is not None
    assert encode(text, encodings, "PN") == raw
    assert decode(raw, encodings, "PN") == text


@pytest.mark.parametrize(
    ("declared", "text"),
    [("", "Müller"), ("ISO_IR 100", "山"), ("ISO_IR 13", "山"), ("\\ISO 2022 IR 87", "é"), ("GBK", "𠀀")],
)
def test_what_a_character_set_cannot_hold_is_not_written(declared: str, text: str) -> None:
    encodings = encodings_of(declared)
    assert encodings is not None
    with pytest.raises(UnicodeError):
        encode(text, encodings, "LO")


def test_nothing_is_written_in_a_character_set_that_is_not_declared() -> None:
    """Python's ISO 2022 codec of JIS X 0212 would write GB 2312 for this character."""
    encodings = encodings_of("ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159")
    assert encodings is not None
    with pytest.raises(UnicodeError):
        encode("东", encodings, "LO")
