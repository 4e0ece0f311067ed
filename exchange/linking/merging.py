"""Studies that bear a number which gave way to another answer with that one (IHE RAD, PIR).

A merge is its trust's word: it needs no person here, is recorded as a correction (COERCE: reconciled with
whoever keeps the numbers), and is taken back with the merge. Where the birth date or the sex of whom the
surviving number names contradicts the study, nothing is renamed: the linker finds such a study conflicting,
and a person decides.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from exchange.linking.copies import naming_of, note_renaming
from exchange.linking.renaming import rename, take_back
from exchange.outgoing import ISSUER_OF_PATIENT_ID, PATIENT_ID
from exchange.people.directory import person_known_as
from exchange.people.merges import given_way, merged_since
from exchange.people.person import Identifier
from exchange.telling.outbox import Because, note
from storage.changes import Change, ChangeKind
from storage.correcting import NewCorrection, Reason, corrected_facts, locked_study
from storage.corrections import in_force, those_of
from storage.driver_errors import mapped_errors
from storage.facts import identity_of

#: Who made the corrections.
FOLLOWER = "imx merges"

# Of studies that came or were corrected, those that bear a number of which a merge was ever said, or did.
_BEARING = """
    select distinct s.uid from study s join identity d on d.study_id = s.id
    join patient p on p.id = d.patient_id
    join person_record r on r.issuer = p.issuer and r.value = p.identifier
    join person_statement t on t.from_id = r.id and t.kind = 'merged'
    where s.uid = any(%s)
    union select s.uid from study s join correction c on c.study_id = s.id and c.undone_at is null
        join merge_correction m on m.correction_id = c.id where s.uid = any(%s)
    order by 1
"""
_NAMED = """
    with number as (select * from unnest(%s::text[], %s::text[]) k (issuer, value))
    select s.uid from number k join patient p on p.issuer = k.issuer and p.identifier = k.value
        join identity d on d.patient_id = p.id join study s on s.id = d.study_id
    union
    select s.uid from number k join merge_correction m on m.issuer = k.issuer and m.gone = k.value
        join correction c on c.id = m.correction_id and c.undone_at is null join study s on s.id = c.study_id
    order by 1
"""
# Whose records were told anew since their studies were held.
_HELD = """
    delete from merge_held h using person_record r
    where r.issuer = h.issuer and r.value = h.value and r.said_at is distinct from h.said_at
    returning h.study_uid
"""


def keep_merges(pool: ConnectionPool, changes: Sequence[Change]) -> None:
    """A follower: what comes, or is corrected, may bear a number that gave way before."""
    changed = {each.study_uid for each in changes if each.kind in (ChangeKind.KEPT, ChangeKind.CORRECTED)}
    with mapped_errors(), pool.connection() as connection:
        uids = sorted(changed)
        bearing = connection.execute(_BEARING, (uids, uids)).fetchall()
    for (study_uid,) in bearing:
        with mapped_errors(), pool.connection() as connection:
            apply_merges(connection, study_uid)


def follow_merges(pool: ConnectionPool) -> int:
    """Studies that bear numbers of which something new was said; how many were looked at."""
    count = 0
    while True:
        with mapped_errors(), pool.connection() as connection:
            row = connection.execute("select statement from merge_place for update").fetchone()
            assert row is not None
            place, numbers = merged_since(connection, row[0])
            named = studies_named(connection, numbers)
            held = [uid for (uid,) in connection.execute(_HELD)]
            for study_uid in sorted({*named, *held}):
                apply_merges(connection, study_uid)
                count += 1
            connection.execute("update merge_place set statement = %s", (place,))
        if place == row[0]:
            return count


def studies_named(connection: Connection[Any], numbers: Collection[Identifier]) -> Sequence[str]:
    """The UIDs of studies that bear one of these numbers, or did until it gave way."""
    columns = ([each.issuer for each in numbers], [each.value for each in numbers])
    return [uid for (uid,) in connection.execute(_NAMED, columns).fetchall()]


def apply_merges(connection: Connection[Any], study_uid: str) -> bool:
    """Have every identity of a study answer with the number that is its patient's now; whether any changed.

    Whatever was done before, it comes to the same end.
    """
    study_id = locked_study(connection, study_uid)
    was = naming_of(connection, study_uid)
    identities = list(_identities(connection, study_id))
    now = given_way(connection, {each.without for each in identities})
    changed = False
    for each in identities:
        into = now.get(each.without)
        if into is not None and _contradicts(connection, each, into):
            _hold(connection, study_uid, into)
            into = None
        if each.stands_as(into):
            continue
        for number in each.merges:
            take_back(connection, number, FOLLOWER)
        if into is not None:
            _rename(connection, study_uid, each, into)
        changed = True
    if changed:
        note_renaming(connection, study_uid, was)
        note(connection, [study_uid], Because.CORRECTED)
    return changed


@dataclass(frozen=True, slots=True)
class _Identity:
    """One way in which a study names its patient."""

    id: int
    without: Identifier  # the number, but for merges
    current: Identifier
    merges: tuple[int, ...]  # corrections in force that merges made of it
    gone: tuple[Identifier, ...]  # which number each of those is about
    birth_date: str
    sex: str

    def stands_as(self, into: Identifier | None) -> bool:
        """Whether it answers with that number by one correction, or with its own by none."""
        if into is None:
            return not self.merges
        return self.gone == (self.without,) and self.current == into


# As IN_FORCE, but for what merges made.
_OTHERS = """
    select c.attributes, c.reason, c.made_at, c.identity_id, case when c.of_instances then
        array(select l.instance_id from correction_instance l
            where l.correction_id = c.id and l.instance_id = any(%s)) end, c.read_as
    from correction c where c.undone_at is null and c.study_id = %s
        and not exists (select from merge_correction m where m.correction_id = c.id)
    order by c.of_instances desc, c.made_at, c.id
"""


def _identities(connection: Connection[Any], study_id: int) -> Iterator[_Identity]:
    rows = connection.execute(
        "select d.id, d.json, d.shown_as, t.issuer, p.identifier, p.issuer, coalesce(d.birth_date, ''),"
        " coalesce(d.sex, '') from identity d join patient p on p.id = d.patient_id"
        " join patient t on t.id = d.sent_patient_id where d.study_id = %s order by d.id",
        (study_id,),
    ).fetchall()
    shown = [row[2] for row in rows if row[2] is not None]
    others = [in_force(row) for row in connection.execute(_OTHERS, (shown, study_id))]
    merges = connection.execute(
        "select c.identity_id, c.id, m.gone, m.issuer from merge_correction m join correction c"
        " on c.id = m.correction_id where c.study_id = %s and c.undone_at is null order by c.id desc",
        (study_id,),
    ).fetchall()
    for id, json, shown_as, sent_issuer, number, issuer, birth_date, sex in rows:
        held = those_of(others, id, shown_as)
        said = identity_of(corrected_facts(json, held))
        mine = [
            (correction, Identifier(gone, of))
            for of_identity, correction, gone, of in merges
            if of_identity == id
        ]
        yield _Identity(
            id, Identifier(said.identifier, said.issuer or sent_issuer), Identifier(number, issuer),
            tuple(correction for correction, _ in mine), tuple(gone for _, gone in mine), birth_date, sex,
        )  # fmt: skip


def _rename(connection: Connection[Any], study_uid: str, identity: _Identity, into: Identifier) -> None:
    attributes: dict[str, Any] = {PATIENT_ID: {"vr": "LO", "Value": [into.value]}}
    if into.issuer != identity.without.issuer:
        attributes[ISSUER_OF_PATIENT_ID] = {"vr": "LO", "Value": [into.issuer]}
    new = NewCorrection(study_uid, attributes, Reason.COERCE, FOLLOWER, identity_id=identity.id)
    connection.execute(
        "insert into merge_correction (correction_id, issuer, gone, survivor_issuer, survivor)"
        " values (%s, %s, %s, %s, %s)",
        (
            rename(connection, new, None), identity.without.issuer, identity.without.value, into.issuer,
            into.value,
        ),
    )  # fmt: skip


def _contradicts(connection: Connection[Any], identity: _Identity, into: Identifier) -> bool:
    """Whether whom the surviving number names cannot be the patient of the study."""
    found = person_known_as(connection, into)
    if found is None:
        return False
    said = found.demographics
    is_whole = len(said.birth_date) == len(identity.birth_date) == 8
    if is_whole and said.birth_date != identity.birth_date:
        return True
    return {said.sex.value, identity.sex} == {"F", "M"}


def _hold(connection: Connection[Any], study_uid: str, into: Identifier) -> None:
    """To be looked at again when its person's record is told anew."""
    connection.execute(
        "insert into merge_held (study_uid, issuer, value, said_at)"
        " select %s, issuer, value, said_at from person_record where issuer = %s and value = %s"
        " on conflict (study_uid, issuer, value) do update set said_at = excluded.said_at",
        (study_uid, into.issuer, into.value),
    )
