"""Putting a correction in force, and undoing it: the one way in which any is recorded.

A correction is kept beside the objects and applied on the way out (storage.corrections). What searches
match follows it: the columns of the study, its series and its identities are made again, from the
attributes as sent and the corrections in force, by the code that made them when the instances were kept.
So undoing restores exactly what was, whatever the order in which several are undone.

`record` and `undo` work in the caller's transaction, so that whoever decides a correction commits its own
rows together with it:

    with mapped_errors(), pool.connection() as connection:
        record(connection, NewCorrection(study_uid, attributes, Reason.COERCE, "coercion site-7"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from storage.answers import read_members
from storage.changes import Change, ChangeKind
from storage.corrections import (
    IN_FORCE,
    ORIGINAL_ATTRIBUTES,
    Correction,
    Member,
    correct_json,
    in_force,
    those_of,
)
from storage.driver_errors import mapped_errors
from storage.errors import BadInput, NotHeld
from storage.facts import Facts, identity_of, series_of, study_of

#: What no correction can name: it says which study, series or instance this is, how the pixels are to be
#: read, or in which characters the data set is written.
_FIXED = frozenset({"00080016", "00080018", "0020000D", "0020000E", "00200013"})
_FIXED_GROUPS = frozenset({"0028"})
_FIRST, _LAST = 0x00080006, ORIGINAL_ATTRIBUTES - 1


class Reason(Enum):
    """Reason for the Attribute Modification (0400,0565), PS3.3 §C.12.1.1.9."""

    CORRECT = "CORRECT"  # the value was wrong: another patient's, another order's
    COERCE = "COERCE"  # the value was right and is made to fit: its issuer added, its padding taken away


class CannotBeCorrected(BadInput):
    """A correction may not name this attribute."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"{tag} cannot be corrected: it says what the object is or how it is read")


class NoSuchCorrection(NotHeld):
    """No correction by that number is in force."""

    def __init__(self, correction_id: int) -> None:
        super().__init__(f"correction {correction_id}, in force")


@dataclass(frozen=True, slots=True)
class NewCorrection:
    """What somebody decided."""

    study_uid: str
    attributes: Mapping[str, Member]  # DICOM JSON: what each becomes; one without a Value becomes empty
    reason: Reason
    made_by: str  # a person's account, or the rule or follower that decided
    identity_id: int | None = None  # None: the whole study


@dataclass(frozen=True, slots=True)
class Recorded:
    """A correction as it stands, for a person to look at."""

    id: int
    study_uid: str
    attributes: Mapping[str, Member]
    reason: Reason
    made_at: datetime
    made_by: str
    undone_at: datetime | None
    undone_by: str | None


def record(connection: Connection[Any], new: NewCorrection) -> int:
    """Put it in force; its number. Raises CannotBeCorrected, and NotHeld where there is no such study."""
    for tag in new.attributes:
        if tag in _FIXED or tag[:4] in _FIXED_GROUPS or not _FIRST <= int(tag, 16) <= _LAST:
            raise CannotBeCorrected(tag)
    study_id = locked_study(connection, new.study_uid)
    row = connection.execute(
        "insert into correction (study_id, identity_id, attributes, reason, made_by)"
        " values (%s, %s, %s, %s, %s) returning id",
        (study_id, new.identity_id, Jsonb(dict(new.attributes)), new.reason.value, new.made_by),
    ).fetchone()
    assert row is not None
    keep_current_of(connection, study_id)
    tell_corrected(connection, new.study_uid)
    number: int = row[0]
    return number


def undo(connection: Connection[Any], correction_id: int, undone_by: str) -> str:
    """Take it out of force; the study it held for. Raises NoSuchCorrection."""
    row = connection.execute(
        "select s.uid from correction c join study s on s.id = c.study_id where c.id = %s", (correction_id,)
    ).fetchone()
    if row is None:
        raise NoSuchCorrection(correction_id)
    study_uid: str = row[0]
    study_id = locked_study(connection, study_uid)
    undone = connection.execute(
        "update correction set undone_at = now(), undone_by = %s where id = %s and undone_at is null",
        (undone_by, correction_id),
    )
    if not undone.rowcount:
        raise NoSuchCorrection(correction_id)
    keep_current_of(connection, study_id)
    tell_corrected(connection, study_uid)
    return study_uid


def reinstate(connection: Connection[Any], correction_id: int) -> None:
    """Put one that was undone in force again, as it was: what is read is to the byte what was read then.

    Raises NoSuchCorrection where it is in force.
    """
    row = connection.execute(
        "update correction c set undone_at = null, undone_by = null from study s"
        " where c.id = %s and c.undone_at is not null and s.id = c.study_id returning s.uid",
        (correction_id,),
    ).fetchone()
    if row is None:
        raise NoSuchCorrection(correction_id)
    keep_current_of(connection, locked_study(connection, row[0]))
    tell_corrected(connection, row[0])


def recorded(connection: Connection[Any], study_uid: str) -> list[Recorded]:
    """Every correction there ever was of a study, oldest first."""
    rows = connection.execute(
        "select c.id, s.uid, c.attributes, c.reason, c.made_at, c.made_by, c.undone_at, c.undone_by"
        " from correction c join study s on s.id = c.study_id where s.uid = %s order by c.made_at, c.id",
        (study_uid,),
    ).fetchall()
    return [
        Recorded(id, uid, attributes, Reason(reason), *rest) for id, uid, attributes, reason, *rest in rows
    ]


def keep_current(pool: ConnectionPool, changes: Sequence[Change]) -> None:
    """A follower: what comes to a study with corrections in force is found as corrected, too.

    An instance that brings a new series or identity brings columns as sent.
    """
    kept = sorted({each.study_uid for each in changes if each.kind is ChangeKind.KEPT})
    with mapped_errors(), pool.connection() as connection:
        corrected = connection.execute(
            "select distinct s.uid from study s join correction c on c.study_id = s.id"
            " where s.uid = any(%s) and c.undone_at is null order by s.uid",
            (kept,),
        ).fetchall()
    for (study_uid,) in corrected:
        with mapped_errors(), pool.connection() as connection:
            keep_current_of(connection, locked_study(connection, study_uid))


def locked_study(connection: Connection[Any], study_uid: str) -> int:
    """Its number. The study's row is the lock, as for whoever keeps a new identity or series of it.

    Raises NotHeld.
    """
    row = connection.execute("select id from study where uid = %s for no key update", (study_uid,)).fetchone()
    if row is None:
        raise NotHeld(f"study {study_uid}")
    number: int = row[0]
    return number


def tell_corrected(connection: Connection[Any], study_uid: str) -> None:
    """The change that says so, in the caller's transaction."""
    connection.execute(
        "insert into change (epoch, kind, study_uid) select epoch, %s, %s from feed",
        (ChangeKind.CORRECTED.value, study_uid),
    )


def keep_current_of(connection: Connection[Any], study_id: int) -> None:
    """Every column that a search matches, from what was sent and what is in force."""
    first = _show_first(connection, study_id)
    rows = connection.execute(IN_FORCE, (list({first.study, *first.series, *first.identities}), [study_id]))
    corrections = [in_force(row[1:]) for row in rows.fetchall()]
    _study_current(connection, study_id, those_of(corrections, None, first.study))
    _series_current(connection, study_id, corrections)
    _identities_current(connection, study_id, corrections)


@dataclass(frozen=True, slots=True)
class _First:
    """The instances whose single corrections hold for what is said of the whole."""

    study: int | None
    series: frozenset[int]
    identities: frozenset[int]


def _show_first(connection: Connection[Any], study_id: int) -> _First:
    """The first instance of each series and identity, whose attributes theirs are."""
    rows = connection.execute(
        "select n.series_id, n.identity_id, min(n.id) from instance n join series r on r.id = n.series_id"
        " where r.study_id = %s and exists"
        " (select from correction c where c.study_id = r.study_id and c.of_instances)"
        " group by n.series_id, n.identity_id",
        (study_id,),
    ).fetchall()
    series: dict[int, int] = {}
    identities: dict[int, int] = {}
    for series_id, identity_id, instance_id in rows:
        series[series_id] = min(series.get(series_id, instance_id), instance_id)
        identities[identity_id] = min(identities.get(identity_id, instance_id), instance_id)
    for table, shown in (("series", series), ("identity", identities)):
        connection.execute(
            f"update {table} t set shown_as = k.shown from unnest(%s::bigint[], %s::bigint[]) k (id, shown)"
            " where t.id = k.id and t.shown_as is distinct from k.shown",
            (list(shown), list(shown.values())),
        )
    study = min(series.values(), default=None)
    return _First(study, frozenset(series.values()), frozenset(identities.values()))


def _study_current(connection: Connection[Any], study_id: int, corrections: Sequence[Correction]) -> None:
    row = connection.execute(
        "update study set sent_accession_issuer = coalesce(sent_accession_issuer, accession_issuer)"
        " where id = %s returning json, sent_accession_issuer",
        (study_id,),
    ).fetchone()
    assert row is not None
    study = study_of(corrected_facts(row[0], corrections))
    connection.execute(
        "update study set study_date = %s, study_time = %s, accession = %s, accession_issuer = %s,"
        " study_id = %s, description = %s, referring = %s where id = %s",
        (
            study.date, study.time, study.accession, study.accession_issuer or row[1], study.study_id,
            study.description, study.referring, study_id,
        ),
    )  # fmt: skip


def _series_current(connection: Connection[Any], study_id: int, corrections: Sequence[Correction]) -> None:
    rows = connection.execute(
        "select id, json, modality, shown_as from series where study_id = %s", (study_id,)
    )
    modalities = False
    for series_id, json, modality, shown_as in rows.fetchall():
        series = series_of(corrected_facts(json, those_of(corrections, None, shown_as)))
        modalities = modalities or series.modality != modality
        connection.execute(
            "update series set modality = %s, series_number = %s, description = %s, body_part = %s,"
            " series_date = %s, performed_date = %s, performed_time = %s, requests = requests_in(%s)"
            " where id = %s",
            (
                series.modality, series.number, series.description, series.body_part, series.date,
                series.performed_date, series.performed_time, series.json, series_id,
            ),
        )  # fmt: skip
    if modalities:
        connection.execute(
            "update study set modalities = (select coalesce(array_agg(modality order by first), '{}') from"
            " (select modality, min(id) as first from series where study_id = %s and modality is not null"
            " group by modality) of_series) where id = %s",
            (study_id, study_id),
        )


def _identities_current(
    connection: Connection[Any], study_id: int, corrections: Sequence[Correction]
) -> None:
    """An identity whose corrected attributes name no issuer keeps the one that it came with."""
    rows = connection.execute(
        "select i.id, i.json, p.issuer, s.uid, i.shown_as from identity i"
        " join patient p on p.id = i.sent_patient_id join study s on s.id = i.study_id where i.study_id = %s",
        (study_id,),
    ).fetchall()
    for identity_id, json, sent_issuer, study_uid, shown_as in rows:
        identity = identity_of(corrected_facts(json, those_of(corrections, identity_id, shown_as)))
        only_study = study_uid if identity.identifier == "" else None
        connection.execute(
            "update identity set patient_id = patient_named(%s, %s, %s), patient_name = %s, birth_date = %s,"
            " sex = %s where id = %s",
            (
                identity.identifier, identity.issuer or sent_issuer, only_study, identity.name,
                identity.birth_date, identity.sex, identity_id,
            ),
        )  # fmt: skip
    # Corrected to one person of one trust, a study is consistent again.
    connection.execute(
        "update study set inconsistent = (select count(distinct (patient_id, trust, birth_date)) > 1"
        " from identity d where d.study_id = study.id and (not has_versions or is_borne(study.id, d.id)))"
        " where id = %s",
        (study_id,),
    )


def corrected_facts(json: bytes, corrections: Sequence[Correction]) -> Facts:
    """What attributes say, with corrections in force, to whoever makes an index of them."""
    members = correct_json(read_members(json), corrections, with_originals=False)
    return Facts({tag: dict(member) for tag, member in members.items()}, [])
