"""What waits to be sent, and for what: until its study is complete, or until a person decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from dicom_router.rules.arrived import arrived, visible_count
from dicom_router.rules.holding import Gathered, Performed, Standing, from_json, may_be_over, standing
from dicom_router.rules.rule import Prefetch, Same
from dicom_router.rules.wishes import Priors, Wish
from exchange.deliveries import Priority
from storage.matching import texts_at
from storage.query import Path

_GATHERING = """
    select r.study_id, s.uid, r.destination, r.rules, r.priority, r.transfer_syntax, r.hold, r.opened_at,
           r.latest_at, r.released_at is not null, r.because, s.contested, s.inconsistent, now()
    from routing r join study s on s.id = r.study_id
    where r.state = 'gathering'
    order by array_position('{high,medium,low}', r.priority), r.opened_at, r.study_id, r.destination
"""
_PRIORS_WANTED = """
    select p.study_id, p.destination, p.rule, p.priority, p.wanted
    from prefetch p join study s on s.id = p.study_id
    where p.ordered_at is null and not s.contested and not s.inconsistent order by p.asked_at, p.study_id
"""
_LATEST = """
    select max(o.received_at) from series r join instance n on n.series_id = r.id
    join object o on o.id = n.object_id where r.study_id = %s
"""
#: Steps by the Study Instance UID of their Scheduled Step Attributes Sequence (0040,0270), and what their
#: Performed Series Sequence (0040,0340) lists: images (0008,1140) and others (0040,0220).
_PERFORMED = """
    with step as (
        select state, attributes from performed_step where attributes -> '00400270' @> %s
    ), listed as (
        select jsonb_path_query(attributes, '$."00400340".Value[*].*.Value[*]."00081155".Value[*]')
            #>> '{}' as uid
        from step where state <> 'IN PROGRESS'
    )
    select (select count(*) from step where state <> 'IN PROGRESS'),
           (select count(*) from step where state = 'IN PROGRESS'),
           (select count(distinct uid) from listed l
            where not exists (select from instance n where n.uid = l.uid))
"""

CONTESTED = "a person decides: other content by the same UIDs waits in quarantine"
INCONSISTENT = "a person decides: it came under two identifiers, birth dates or trusts"
NOTHING_SEEN = "nothing of it may be seen"


@dataclass(frozen=True, slots=True)
class Held:
    """One study at one destination."""

    study_id: int
    study_uid: str
    destination: str  # "" where the rules could not be asked
    wish: Wish
    opened_at: datetime
    latest_at: datetime
    is_released: bool  # a person sent it on
    trouble: str
    is_contested: bool
    is_inconsistent: bool
    now: datetime

    @property
    def said(self) -> str:
        """The rules that want it."""
        return f"rule {', '.join(self.wish.rules)}"

    @property
    def needs_person(self) -> bool:
        """Nothing but a person moves it on."""
        return not self.is_released and (self.destination == "" or self.is_contested or self.is_inconsistent)

    @property
    def may_go(self) -> bool:
        """Whether it is worth asking: nothing that is known already keeps it."""
        if self.is_released:
            return True
        if self.needs_person:
            return False
        return all(may_be_over(hold, self.opened_at, self.latest_at, self.now) for hold in self.wish.holds)


@dataclass(frozen=True, slots=True)
class WantedPriors:
    """Earlier studies that are to be looked for."""

    study_id: int
    priors: Priors


def gathering(connection: Connection[Any]) -> list[Held]:
    """All that waits: the most urgent first, then what came first."""
    return [_held(row) for row in connection.execute(_GATHERING).fetchall()]


def _held(row: tuple[Any, ...]) -> Held:
    study_id, uid, destination, rules, priority, syntax, hold, *rest = row
    wish = Wish(tuple(rules), Priority(priority), syntax, tuple(map(from_json, hold or ())))
    return Held(study_id, uid, destination, wish, *rest)


def priors_wanted(connection: Connection[Any]) -> list[WantedPriors]:
    """Those that were not looked for yet, of studies that are beyond doubt."""
    return [
        WantedPriors(study_id, Priors(rule, Priority(priority), _prefetch(destination, wanted)))
        for study_id, destination, rule, priority, wanted in connection.execute(_PRIORS_WANTED).fetchall()
    ]


def _prefetch(destination: str, wanted: Mapping[str, Any]) -> Prefetch:
    same = frozenset(Same(each) for each in wanted["same"])
    return Prefetch(destination, same, wanted["at_most"], wanted["within_days"])


def standing_of(connection: Connection[Any], held: Held) -> Standing:
    """Whether it may go."""
    if held.destination == "":
        return Standing(False, f"a person decides: {held.trouble}")
    instances = visible_count(connection, held.study_uid)
    if not instances:
        return Standing(False, NOTHING_SEEN)
    if held.is_released:
        return Standing(True, "a person sent it on")
    if held.is_contested:
        return Standing(False, CONTESTED)
    if held.is_inconsistent:
        return Standing(False, INCONSISTENT)
    if not held.wish.holds:
        return Standing(True, "as it came")
    return standing(held.wish.holds, _gathered(connection, held, instances), held.now)


def _gathered(connection: Connection[Any], held: Held, instances: int) -> Gathered:
    """The index itself says what came last: the change feed may be a moment behind."""
    row = connection.execute(_LATEST, (held.study_id,)).fetchone()
    latest = max(held.latest_at, row[0]) if row and row[0] else held.latest_at
    sources = [hold.count_from for hold in held.wish.holds if hold.count_from]
    expected = _expected(connection, held.study_uid, sources[0]) if sources else None
    performed = Performed()
    if any(hold.is_mpps for hold in held.wish.holds):
        performed = performed_of(connection, held.study_uid)
    return Gathered(held.opened_at, latest, instances, expected, performed)


def _expected(connection: Connection[Any], study_uid: str, path: Path) -> int | None:
    """The most that one of its instances says."""
    said = [
        int(text)
        for each in arrived(connection, study_uid)
        for text in texts_at(each.members, path)
        if text.isdigit()
    ]
    return max(said, default=None)


def performed_of(connection: Connection[Any], study_uid: str) -> Performed:
    """What modalities said of the steps that made a study."""
    scheduled = Jsonb({"Value": [{"0020000D": {"Value": [study_uid]}}]})
    row = connection.execute(_PERFORMED, (scheduled,)).fetchone()
    return Performed(*row) if row else Performed()
