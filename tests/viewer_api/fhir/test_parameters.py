"""What a search's parameters mean, whatever is sent."""

from dataclasses import replace
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.record.finding import Place
from exchange.record.sorting import SortedPlace
from viewer_api.fhir.dates import holds, when
from viewer_api.fhir.imaging_study import IMAGING_STUDY
from viewer_api.fhir.paging import Cursor, cursor_of
from viewer_api.fhir.parameters import COUNT_LIMIT, SORTS_LIMIT, Token, Value, read, tokens
from viewer_api.fhir.resource import LAST_UPDATED, Parameter, ParameterType
from viewer_api.fhir.routes import RESOURCES
from viewer_api.problems import BadParameters

_NAMES = [
    each + modifier
    for each in (*(one.name for one in IMAGING_STUDY.parameters), "_count", "_include", "_elements",
                 "_summary", "_cursor", "_sort", "_revinclude", "_total", "unknown")
    for modifier in ("", ":identifier", ".identifier", ":exact", ":missing", ":Patient")
]  # fmt: skip
PAIRS = st.lists(
    st.tuples(st.sampled_from(_NAMES) | st.text(), st.text() | st.sampled_from(["1", "a|b,c|d"]))
)
CODE = Parameter("code", ParameterType.TOKEN, "")


@given(PAIRS, st.booleans())
def test_whatever_is_sent_is_understood_or_refused(pairs: list[tuple[str, str]], strict: bool) -> None:
    try:
        asked = read(IMAGING_STUDY, pairs, strict=strict)
    except BadParameters:
        return
    assert 0 < asked.count <= COUNT_LIMIT
    again = read(IMAGING_STUDY, parse_qsl(asked.query(), keep_blank_values=True), strict=True)
    assert again == replace(asked, cursor="")
    assert len({each.name for each in asked.sorts}) == len(asked.sorts) <= SORTS_LIMIT


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_token_with_its_marks_escaped_is_read_back(system: str, value: str) -> None:
    def escaped(text: str) -> str:
        return "".join(f"\\{each}" if each in "\\,|$" else each for each in text)

    (token,) = tokens(Value(CODE, (f"{escaped(system)}|{escaped(value)}",)))
    assert token == Token(system.strip(), value.strip())


def test_a_bare_token_is_of_any_system_and_one_with_a_bar_of_none() -> None:
    assert tokens(Value(CODE, ("CT", "|CT", "sys|"))) == [
        Token(None, "CT"),
        Token("", "CT"),
        Token("sys", ""),
    ]


@given(st.text() | st.from_regex(r"(eq|ge|ap)?[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", fullmatch=True))
def test_a_date_is_a_stretch_of_time_or_refused(text: str) -> None:
    try:
        found = when(Value(LAST_UPDATED, (text,)))
    except BadParameters:
        return
    for each in found:
        assert each.first <= each.last
        assert each.first.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "moment", "does"),
    [
        ("2026-03-01", "2026-03-01T23:59:59+00:00", True),
        ("2026-07-01", "2026-06-30T23:30:00+00:00", True),  # the region's clock is an hour ahead in summer
        ("2026-07-01", "2026-07-01T23:30:00+00:00", False),
        ("eq2026", "2026-03", True),
        ("2026-03-01", "2026-03", False),
        ("ne2026-03-01", "2026-03", True),
        ("gt2026-03-01", "2026-03", True),
        ("lt2026-03-02", "2026-03", True),
        ("sa2026-03-01", "2026-03", False),
        ("eb2026-03-01", "2026-02-28", True),
        ("ge2026-03-01", "2026-03-01", True),
        ("le2026-03-01", "2026-03-01", True),
        ("ap2026-03-01", "2026-03-01T10:00:00Z", True),
        ("ge2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z", True),
        ("gt2026-03-01T10:00Z", "2026-03-01T10:00:30Z", False),
        ("2026-12", "2026-12-31", True),
    ],
)
def test_how_a_prefix_compares(text: str, moment: str, does: bool) -> None:
    assert holds(Value(LAST_UPDATED, (text,)), moment) is does


def test_every_resource_is_searched_by_names_that_differ() -> None:
    for each in RESOURCES:
        names = [parameter.name for parameter in each.parameters]
        assert len(names) == len(set(names))


_SORTS = st.lists(
    st.sampled_from(["started", "-started", "_lastUpdated", "-_lastUpdated", " ", "name", "--started", "-"])
)


@given(_SORTS)
def test_what_is_sorted_by_is_known_and_counts_once(keys: list[str]) -> None:
    asked = read(IMAGING_STUDY, [("_sort", ",".join(keys))])
    known = [each for each in keys if each.removeprefix("-") in IMAGING_STUDY.sorts]
    first = {each.removeprefix("-"): each for each in reversed(known)}
    assert [each.text for each in asked.sorts] == list(
        dict.fromkeys(first[each.removeprefix("-")] for each in known)
    )
    is_strict_about = any(each.strip() and each not in known for each in keys)
    try:
        read(IMAGING_STUDY, [("_sort", ",".join(keys))], strict=True)
    except BadParameters:
        assert is_strict_about
    else:
        assert not is_strict_about


@given(
    st.text(st.characters(exclude_characters="\0"), max_size=100)
    | st.from_regex(r"(DiagnosticReport|ImagingStudy):[a-z-]{1,20}(:[A-Z][a-z]{1,20})?", fullmatch=True)
    | st.sampled_from([*IMAGING_STUDY.includes, *IMAGING_STUDY.reverse_includes, "*"])
)
def test_what_is_included_is_known_or_left_out(text: str) -> None:
    asked = read(IMAGING_STUDY, [("_include", text), ("_revinclude", text)])
    assert set(asked.includes) <= set(IMAGING_STUDY.includes)
    assert set(asked.reverse_includes) <= set(IMAGING_STUDY.reverse_includes)


@given(
    st.lists(st.from_regex(r"[0-9]{0,20}", fullmatch=True), max_size=3),
    st.integers(1, 10**18 - 1),
    st.uuids(),
)
def test_a_place_of_a_sorted_search_is_read_back(keys: list[str], number: int, unit: UUID) -> None:
    for name in ("", str(unit), f"{unit}-kos", f"{unit}-report"):
        place = SortedPlace(tuple(keys), number, name)
        text = Cursor(place).text()
        assert cursor_of(text).sorted_after(len(keys)) == place
        assert read(IMAGING_STUDY, [("_cursor", f"{'x' * 22}.{text}")]).cursor.endswith(text)


def test_a_place_of_one_order_is_none_of_another() -> None:
    with pytest.raises(BadParameters):
        Cursor(SortedPlace(("1",), 1)).plainly_after()
    with pytest.raises(BadParameters):
        Cursor(SortedPlace(("1",), 1)).sorted_after(2)
    with pytest.raises(BadParameters):
        Cursor(Place("20260301", 1)).sorted_after(1)
