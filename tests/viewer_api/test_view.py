import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import BadQuery
from viewer_api.view import Shape, View, Viewport, Window, parse_view


def test_what_is_asked_for_is_read() -> None:
    named = {"window": "40,400,sigmoid", "viewport": "512,256,10,20,100,50", "quality": "75"}

    assert parse_view(named) == View(
        Window(40, 400, Shape.SIGMOID), Viewport(512, 256, (10, 20, 100, 50)), 75
    )
    assert parse_view({"window": "-10.5,1"}).window == Window(-10.5, 1, Shape.LINEAR)
    assert parse_view({"viewport": "64,64,,,,"}).viewport == Viewport(64, 64, (0, 0, 0, 0))
    assert parse_view({}) == View()


@pytest.mark.parametrize(
    "named",
    [
        {"window": "40"}, {"window": "40,0"}, {"window": "40,0.5"}, {"window": "nan,4"},
        {"window": "1,2,cube"},
        {"viewport": "0,10"}, {"viewport": "10"}, {"viewport": "99999,10"}, {"viewport": "10,10,0,0,-5,5"},
        {"quality": "0"}, {"quality": "101"}, {"quality": "high"},
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(named: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        parse_view(named)


NAMES = ("window", "viewport", "quality")


@given(st.fixed_dictionaries({}, optional={name: st.text(max_size=30) for name in NAMES}))
def test_any_text_is_read_or_refused(named: dict[str, str]) -> None:
    with contextlib.suppress(BadQuery):
        assert isinstance(parse_view(named), View)
