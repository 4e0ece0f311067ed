"""A file of people, taken into the directory: a batch at a time, each in one transaction and few statements.

It comes to the same end as telling every line by itself (exchange.people.telling), so a load that broke off
is begun again, from the start or from where it stopped. While one batch is kept, the next is read.
"""

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

from psycopg_pool import ConnectionPool

from exchange.people.bulk import BadFile, BadLine, Line, Source, columns_of, line_of
from exchange.people.clusters import take_turn
from exchange.people.records import keep
from exchange.people.rows import row_of
from exchange.people.telling import tell
from storage.driver_errors import mapped_errors

#: Lines of one transaction: as long as it takes, other feeds wait for their turn.
BATCH_LINES = 5_000
#: Of one line: what is longer is no line of a file of people, and none of it is read.
LINE_LIMIT = 64 * 1024
#: Of the lines that are left out, so many are named.
NAMED_LIMIT = 1_000


@dataclass(slots=True)
class Loaded:
    """What became of a file so far."""

    lines: int = 0  # without the header, from its beginning
    news: int = 0  # said something that the directory had not heard
    left_out: Counter[str] = field(default_factory=Counter)  # by what was wrong
    named: list[tuple[int, str]] = field(default_factory=list)  # line numbers of some of them, and why


@dataclass(frozen=True, slots=True)
class _Batch:
    last: int  # the number of its last line
    lines: Sequence[Line]
    left_out: Sequence[tuple[int, str]]


def load(
    pool: ConnectionPool, text: TextIO, source: Source, on_progress: Callable[[Loaded], None], first: int = 1
) -> Loaded:
    """Take every line from the `first` on; one that is wrong is left out and named. Raises BadFile."""
    loaded = Loaded()
    keeping: Future[int] | None = None
    counted = 0
    with ThreadPoolExecutor(1) as keeper:
        for batch in _batches(text, source, first):
            if keeping is not None:
                loaded.news += keeping.result()
                on_progress(loaded)
                if loaded.news > 2 * counted:
                    counted = loaded.news
                    _count_rows(pool)
            _count(loaded, batch)
            keeping = keeper.submit(_keep, pool, batch.lines)
        if keeping is not None:
            loaded.news += keeping.result()
            on_progress(loaded)
    return loaded


def _count(loaded: Loaded, batch: _Batch) -> None:
    loaded.lines = batch.last
    loaded.left_out.update(why for _, why in batch.left_out)
    loaded.named += batch.left_out[: NAMED_LIMIT - len(loaded.named)]


def _count_rows(pool: ConnectionPool) -> None:
    """A table that has doubled is searched otherwise; PostgreSQL's own look at it would come too late."""
    with mapped_errors(), pool.connection() as connection:
        connection.execute("analyze person_record")


def _keep(pool: ConnectionPool, lines: Sequence[Line]) -> int:
    with mapped_errors(), pool.connection() as connection:
        take_turn(connection)
        news = keep(connection, [row_of(line.record, line.said) for line in lines]) if lines else 0
        for line in lines:
            if line.merged is not None:
                tell(connection, line.merged, line.said)
        return news


def _batches(text: TextIO, source: Source, first: int) -> Iterator[_Batch]:
    """Lines are numbered as a person counts them who leaves out the header."""
    rows = _rows(text)
    header = next(rows, None)
    if header is None or isinstance(header, str):
        raise BadFile("a file without a header")
    columns = columns_of(header, source)
    numbered = islice(enumerate(rows, 1), first - 1, None)
    while part := list(islice(numbered, BATCH_LINES)):
        lines, left_out = [], []
        for number, row in part:
            try:
                lines.append(_line(row, columns, source))
            except BadLine as error:
                left_out.append((number, str(error)))
        yield _Batch(part[-1][0], lines, left_out)


def _line(row: Sequence[str] | str, columns: Sequence[str], source: Source) -> Line:
    if isinstance(row, str):
        raise BadLine(row)
    if len(row) != len(columns):
        raise BadLine("more or fewer fields than the header")
    return line_of(dict(zip(columns, row, strict=True)), source)


def _rows(text: TextIO) -> Iterator[list[str] | str]:
    """Each row, or what is wrong with it.

    A quote that nobody closed costs its own line: those that seemed to be within it are read again.
    """
    again: deque[str] = deque()
    taken: list[str] = []  # of the row that is being read

    def lines() -> Iterator[str]:
        while line := again.popleft() if again else _line_of(text):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), strict=True)
    while True:
        taken.clear()
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield "no CSV"
            again.extendleft(reversed(taken[1:]))
            reader = csv.reader(lines(), strict=True)
        except (UnicodeDecodeError, EOFError, OSError) as error:
            raise BadFile("the file cannot be read to its end, or is not UTF-8") from error


def _line_of(text: TextIO) -> str:
    """The next; of one without end its beginning, which is no row."""
    line = text.readline(LINE_LIMIT)
    if len(line) == LINE_LIMIT and not line.endswith(("\n", "\r")):
        while (more := text.readline(LINE_LIMIT)) and not more.endswith(("\n", "\r")):
            pass
        return "\0\n"
    return line
