"""The table counts what came of each instance, and a wrong one cannot hide in it."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from imx.demo.play import Played, left_out_lines, table_of, wrong_ones
from imx.demo.region import MODALITIES
from imx.demo.restamp import LeftOut
from imx.demo.service import free_port
from imx.part10 import Part10
from imx.scu import Sent
from tests import ports

HEAD = Part10("1.2.840.10008.5.1.4.1.1.2", "2.25.1", "1.2.840.10008.1.2.1", 330)


def played(status: int | None, *, is_found: bool = True, is_identical: bool = True) -> Played:
    sent = Sent(Path("outbox/REM_CT1/0000.dcm"), HEAD, status, digest="ab")
    return Played(MODALITIES[0], sent, is_found, is_identical, "" if is_identical else "different")


@st.composite
def many_played(draw: st.DrawFn) -> list[Played]:
    return [
        Played(
            draw(st.sampled_from(MODALITIES)),
            Sent(Path("a/b"), HEAD, draw(st.sampled_from([None, 0, 0xA700, 0xB000]))),
            is_found := draw(st.booleans()),
            is_found and draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 20)))
    ]


def text_of_table(table: Table) -> str:
    console = Console(width=220)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@given(many_played())
def test_the_last_row_counts_them_all(those: list[Played]) -> None:
    table = table_of(those)
    totals = [list(column.cells)[-1] for column in table.columns[-4:]]
    assert totals == [
        str(len(those)),
        str(sum(one.sent.is_kept for one in those)),
        str(sum(one.is_found for one in those)),
        str(sum(one.is_identical for one in those)),
    ]
    assert wrong_ones(those).row_count == sum(not one.is_right for one in those)


@pytest.mark.parametrize(
    "wrong",
    [
        played(0xC000),
        played(None),
        played(0, is_found=False, is_identical=False),
        played(0, is_identical=False),
    ],
)
def test_a_wrong_one_is_wrong_and_its_row_is_red(wrong: Played) -> None:
    assert not wrong.is_right
    table = table_of([played(0), wrong])
    assert table.rows[0].style == "red"
    assert "REM_CT1/0000.dcm" in text_of_table(wrong_ones([wrong]))


def test_all_right_is_not_red() -> None:
    table = table_of([played(0), played(0xB000)])
    assert [row.style for row in table.rows] == ["", "bold"]
    shown = text_of_table(table)
    assert "REM" in shown
    assert "CT Image" in shown
    assert "ExplicitVRLittleEndian" in shown


def test_left_out_files_are_named_by_reason() -> None:
    assert left_out_lines([LeftOut("b", "no UID"), LeftOut("c", "a directory"), LeftOut("a", "no UID")]) == [
        "a directory: c",
        "no UID: a, b",
    ]


def test_a_busy_port_is_not_chosen() -> None:
    with socket.socket() as taken:
        busy = ports.free_port()
        taken.bind(("", busy))
        taken.listen()
        assert free_port(busy) != busy
    assert free_port(busy) == busy
