"""Who asks the rules: a follower of the change feed and of the directory, a batch of studies a transaction.

What is decided, what the record is to hear of and what studies are found by are one transaction. It takes one
lock, then the rows of its studies in the order of their UIDs, and reads after that: of two workers the later
decides by all that the earlier wrote. Decided twice, a study comes to the same end.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import structlog
from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking import failing
from exchange.linking.asking import Asked
from exchange.linking.identities import Naming, namings
from exchange.linking.link import LINKER, Decided, Link, LinkState
from exchange.linking.links import keep_link, object_to, said_by, standing_links
from exchange.linking.metrics import DECIDED, FAILED, FAILING, LAG, WAITING
from exchange.linking.worklist import counted
from exchange.people.directory import people
from exchange.telling.outbox import Because, note
from storage.changes import Change, ChangeKind
from storage.driver_errors import mapped_errors
from storage.errors import is_outage

log = structlog.get_logger(__name__)

#: Studies decided in one transaction: their rows are locked as long.
BATCH = 50

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('the linker', 0))"

#: Of what happened to a study, what the record hears of it where its link stays as it is.
_HEARD = {
    ChangeKind.KEPT: Because.CONTENT,
    ChangeKind.MOVED: Because.CONTENT,
    ChangeKind.WITHDRAWN: Because.CONTENT,
    ChangeKind.CORRECTED: Because.CORRECTED,
}

_NUMBERS_GONE = """
    delete from study_identifier n where n.study_id = any(%s) and not exists (
        select from unnest(%s::bigint[], %s::text[], %s::text[]) k (study_id, issuer, value)
        where (k.study_id, k.issuer, k.value) = (n.study_id, n.issuer, n.value))
"""
_NUMBERS = """
    insert into study_identifier (study_id, issuer, value)
    select * from unnest(%s::bigint[], %s::text[], %s::text[]) on conflict do nothing
"""


def link_studies(pool: ConnectionPool, changes: Sequence[Change]) -> None:
    """A follower: whose the studies are that were kept, corrected, moved or withdrawn."""
    heard: dict[str, set[Because]] = defaultdict(set)
    for each in changes:
        heard[each.study_uid].add(_HEARD[each.kind])
    for batch in batches(sorted(heard), BATCH):
        try:
            _consider_together(pool, {uid: heard[uid] for uid in batch})
        except Exception as error:
            if is_outage(error):
                raise
            for uid in batch:  # one study's trouble is no other's
                consider_alone(pool, uid, heard[uid])
    now = datetime.now(UTC)
    for each in changes:
        if each.kind is ChangeKind.KEPT:
            LAG.observe(max(0.0, (now - each.at).total_seconds()))


def _consider_together(pool: ConnectionPool, heard: Mapping[str, Collection[Because]]) -> None:
    with mapped_errors(), pool.connection() as connection:
        consider(connection, heard)


def consider_alone(
    pool: ConnectionPool, study_uid: str, heard: Collection[Because], because: str = ""
) -> None:
    """A study that cannot be looked at is logged and tried again later; its link stays as it is meanwhile."""
    try:
        with mapped_errors(), pool.connection() as connection:
            consider(connection, {study_uid: heard}, because)
    except Exception as error:
        if is_outage(error):
            raise
        FAILED.inc()
        log.error("linking.failed", study=study_uid, error=type(error).__name__)
        failing.put_off(pool, study_uid, heard, error)


def count_waiting(pool: ConnectionPool) -> None:
    """How many studies wait for a person, or for us, for /metrics."""
    with mapped_errors(), pool.connection() as connection:
        found = counted(connection)
        FAILING.set(failing.count_failing(connection))
    for state in LinkState:
        WAITING.labels(state.value).set(found.get(state, 0))


def look_again(connection: Connection[Any], study_uids: Collection[str], because: str = "") -> None:
    """Decide anew, in the caller's transaction, which took its turn before it locked any study."""
    consider(connection, {uid: set() for uid in study_uids}, because)


def consider(
    connection: Connection[Any], heard: Mapping[str, Collection[Because]], because: str = ""
) -> None:
    """Decide whose some studies are, and keep what is new. `heard` is what the record hears in any case."""
    take_turn(connection)
    rows = connection.execute(
        "select id, uid from study where uid = any(%s) order by uid for no key update", (sorted(heard),)
    ).fetchall()
    uids = dict(rows)
    if not uids:
        return
    named = namings(connection, uids)
    _keep_numbers(connection, uids, named)
    asked = Asked.of(connection, [each.identity for names in named.values() for each in names])
    links = standing_links(connection, uids)
    owed = failing.owed(connection, uids)
    notes: dict[Because, list[str]] = defaultdict(list)
    for id, uid in rows:
        decided = asked.decide(tuple(each.identity for each in named.get(id, ())))
        told = {*heard[uid], *owed.get(id, ())}
        for each in _keep(connection, id, links.get(id), decided, told, because):
            notes[each].append(uid)
    for each, studies in notes.items():
        note(connection, studies, each)


def take_turn(connection: Connection[Any]) -> None:
    """No other linker looks or writes until this transaction ends."""
    connection.execute(_ONE_AT_A_TIME)


def _keep(
    connection: Connection[Any],
    study_id: int,
    link: Link | None,
    decided: Decided,
    heard: Collection[Because],
    because: str,
) -> Iterable[Because]:
    """What a study's link becomes, and what the record is to hear of it."""
    was_linked = link is not None and link.decided.state is LinkState.LINKED
    if link is not None and link.is_by_hand:
        object_to(connection, study_id, _objection(connection, study_id, link, decided))
        return heard if was_linked else ()
    if link is not None and link.decided == decided:
        return heard if was_linked else ()
    why = because or (_why(heard) if link is not None else "")
    keep_link(connection, study_id, decided, LINKER, why, by_hand=False)
    DECIDED.labels(decided.state.value).inc()
    is_linked = decided.state is LinkState.LINKED
    if link is not None and link.decided.person_id == decided.person_id:
        return heard if is_linked else ()
    if is_linked:
        return (Because.LINKED,)
    return (Because.UNLINKED,) if was_linked else ()


def _why(heard: Collection[Because]) -> str:
    """Of a link that is decided anew."""
    if Because.CORRECTED in heard:
        return "the study was corrected"
    return "instances came, went or moved" if Because.CONTENT in heard else ""


def _objection(connection: Connection[Any], study_id: int, link: Link, decided: Decided) -> Decided | None:
    """What a person decided stays. They hear of it where the rules say what they had not said before."""
    if decided.person_id is not None and link.decided.person_id is not None:
        both = people(connection, [decided.person_id, link.decided.person_id])
        if len({each.id for each in both.values()}) == 1:
            return None
    before = said_by(connection, study_id, LINKER)
    if before is None:
        return decided if decided.state is LinkState.LINKED else None
    return None if _gist(before) == _gist(decided) else decided


def _gist(decided: Decided) -> object:
    return decided.state, decided.person_id, frozenset((each.fact, each.verdict) for each in decided.evidence)


def _keep_numbers(
    connection: Connection[Any], study_ids: Collection[int], named: Mapping[int, Sequence[Naming]]
) -> None:
    """The numbers in studies that the index does not find them by."""
    numbers = sorted(
        {
            (study_id, number.issuer, number.value)
            for study_id, names in named.items()
            for each in names
            for number in each.identity.identifiers
            if number != each.patient_id
        }
    )
    columns = tuple(list(column) for column in zip(*numbers, strict=True)) if numbers else ([], [], [])
    connection.execute(_NUMBERS_GONE, (list(study_ids), *columns))
    if numbers:
        connection.execute(_NUMBERS, columns)


def batches(items: Iterable[str], size: int) -> Iterator[list[str]]:
    """As many at a time."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
