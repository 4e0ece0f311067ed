"""A key's text and its meaning (PS3.4 §C.2.2.2)."""

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadQuery
from storage.query import (
    AnyOf,
    Anything,
    Between,
    Empty,
    Exactly,
    Match,
    Wildcard,
    parse_attribute,
    parse_match,
    text_of,
    vr_of,
)

uids = st.from_regex(r"[0-9.]{1,64}", fullmatch=True)
dates = st.dates(min_value=date(1, 1, 1)).map(lambda day: day.strftime("%Y%m%d").zfill(8))
times = st.times().map(lambda at: at.strftime("%H%M%S.%f"))
texts = st.text(st.characters(exclude_characters='\0\\*? "', codec="utf-8"), min_size=1, max_size=64)
patterns = st.tuples(texts, st.sampled_from("*?"), texts).map("".join)


def ranges(ends: st.SearchStrategy[str]) -> st.SearchStrategy[Between]:
    return st.builds(Between, st.none() | ends, st.none() | ends).filter(
        lambda each: each != Between(None, None)
    )


matches: st.SearchStrategy[tuple[str, Match]] = st.one_of(
    st.tuples(st.just("UI"), st.lists(uids, min_size=1).map(lambda found: AnyOf(tuple(found)))),
    st.tuples(st.just("DA"), dates.map(Exactly) | ranges(dates)),
    st.tuples(st.just("TM"), ranges(times)),
    st.tuples(st.just("IS"), st.integers(-(2**31), 2**31).map(lambda number: Exactly(str(number)))),
    st.tuples(st.sampled_from(["LO", "SH", "PN", "CS"]), texts.map(Exactly) | patterns.map(Wildcard)),
    st.tuples(st.sampled_from(["LO", "DA", "UI", "TM", "SQ"]), st.sampled_from([Anything(), Empty()])),
)


@given(matches)
def test_a_match_survives_being_written_as_a_key(each: tuple[str, Match]) -> None:
    vr, match = each

    assert parse_match(vr, text_of(match)) == match


@given(
    st.sampled_from(["AE", "CS", "DA", "DT", "IS", "LO", "PN", "SH", "SQ", "TM", "UI", "UN", "UT"]), st.text()
)
def test_every_text_means_something_or_is_refused(vr: str, text: str) -> None:
    try:
        match = parse_match(vr, text)
    except BadQuery:
        return
    assert parse_match(vr, text_of(match)) == match


@given(st.text(min_size=1))
def test_a_refusal_never_repeats_what_was_asked_for(text: str) -> None:
    for vr in ("DA", "TM", "UI", "IS", "DT"):
        with pytest.raises(BadQuery) as refused:
            parse_match(vr, f"§{text}")
        assert f"§{text}" not in str(refused.value)


@given(st.times())
def test_a_time_lies_within_itself_at_every_precision(at: time) -> None:
    whole = at.strftime("%H%M%S.%f")
    for digits in (2, 4, 6, 8, 13):
        found = parse_match("TM", whole[:digits])
        assert isinstance(found, Between)
        assert found.first is not None
        assert found.last is not None
        assert found.first <= whole <= found.last


@pytest.mark.parametrize(
    ("vr", "text", "meaning"),
    [
        ("UI", "1.2,1.3\\1.4", AnyOf(("1.2", "1.3", "1.4"))),
        ("DA", "20240101-", Between("20240101", None)),
        ("DA", "-20240101", Between(None, "20240101")),
        ("DA", "2024.01.01", Exactly("20240101")),
        ("TM", "10", Between("100000.000000", "105959.999999")),
        ("TM", "10-1130", Between("100000.000000", "113059.999999")),
        ("TM", "10:11:12", Between("101112.000000", "101112.999999")),
        ("DT", "20240101-0500", Exactly("20240101-0500")),
        ("DT", "20240101-2025", Exactly("20240101-2025")),
        ("DT", "20240101-20250101", Between("20240101", "20250101")),
        ("CS", "CT\\MR", AnyOf(("CT", "MR"))),
        ("PN", "Smi*^J?n", Wildcard("Smi*^J?n")),
        ("IS", "007", Exactly("7")),
        ("LO", " padded ", Exactly("padded")),
        ("UT", "a\\b", Exactly("a\\b")),
        ("LO", "*", Anything()),
        ("LO", '""', Empty()),
    ],
)
def test_examples(vr: str, text: str, meaning: Match) -> None:
    assert parse_match(vr, text) == meaning


@pytest.mark.parametrize(
    ("vr", "text"),
    [
        ("DA", "yesterday"), ("DA", "20240230"), ("DA", "-"), ("DA", "2024*"), ("TM", "2500"), ("TM", "-"),
        ("TM", "1"), ("UI", "1.2.x"), ("UI", "1.2,"), ("UI", "1.2*"), ("IS", "one"), ("IS", "9" * 30),
        ("DT", "-"), ("SQ", "x"), ("LO", "a\0b"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(vr: str, text: str) -> None:
    with pytest.raises(BadQuery):
        parse_match(vr, text)


def test_attributes_are_named_by_keyword_or_tag_and_through_sequences() -> None:
    assert parse_attribute("PatientID") == parse_attribute("00100020") == (0x00100020,)
    assert parse_attribute("RequestAttributesSequence.ScheduledProcedureStepID") == (0x00400275, 0x00400009)
    assert vr_of((0x00400275, 0x00400009)) == "SH"
    assert vr_of((0x00091001,)) == "UN"
    for text in ("", "NoSuchKeyword", "0010002", "PatientID.", "PatientID;drop"):
        with pytest.raises(BadQuery):
            parse_attribute(text)
