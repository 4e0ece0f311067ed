"""Studies that name the same patient by the same number: what one decision may correct together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection

from exchange.custody import OF_TRUST
from exchange.linking.identities import namings
from storage.errors import BadInput

#: Studies of one decision, and those that are shown to choose from.
LIMIT = 50

# Of a study `s`: all numbers that its instances name their patient by.
_PATIENTS: LiteralString = """(select array_agg(distinct i.patient_id order by i.patient_id) from identity i
    where i.study_id = s.id and (not s.has_versions or is_borne(s.id, i.id)))"""
_OTHERS = f"""
    select s.uid, coalesce(s.study_date, ''), coalesce(s.description, ''), s.modalities,
        coalesce(s.accession, ''), s.accession is not distinct from o.accession
            and s.accession_issuer is not distinct from o.accession_issuer and s.accession <> '',
        s.id
    from study o join identity d on d.study_id = o.id join identity e on e.patient_id = d.patient_id
    join study s on s.id = e.study_id and s.id <> o.id
    where o.uid = %s and {OF_TRUST} and {_PATIENTS} = (select {_PATIENTS} from study s where s.id = o.id)
        and exists (select from series r join instance n on n.series_id = r.id
            where r.study_id = s.id and not n.hidden)
    group by s.id, o.id order by 6 desc, s.study_date desc nulls last, s.uid limit {LIMIT}
"""


@dataclass(frozen=True, slots=True)
class Other:
    """A study that names the same patient as the one that somebody looks at."""

    study_uid: str
    date: str  # YYYYMMDD or ""
    description: str
    modalities: tuple[str, ...]
    accession: str
    is_same_visit: bool  # it bears the same accession number
    names: tuple[str, ...]  # of the patient, as it says them: under one number they may differ


class AnotherPatient(BadInput):
    """Studies that name their patient by different numbers: each is a decision of its own."""

    def __init__(self, study_uid: str) -> None:
        super().__init__(f"study {study_uid} names its patient by another number: correct it by itself")


class TooMany(BadInput):
    """More studies than one person can look at."""

    def __init__(self) -> None:
        super().__init__(f"no more than {LIMIT} studies in one decision")


def others_of(connection: Connection[Any], study_uid: str, trust: str | None = None) -> Sequence[Other]:
    """Those of one trust, or of all: of the same visit first, then the latest."""
    rows = connection.execute(_OTHERS, (study_uid, trust, trust)).fetchall()
    named = namings(connection, [id for *_, id in rows])
    return [
        Other(
            uid, date, said, tuple(kinds), accession, is_same_visit,
            tuple(dict.fromkeys(each.identity.name for each in named.get(id, ()) if each.identity.name)),
        )
        for uid, date, said, kinds, accession, is_same_visit, id in rows
    ]  # fmt: skip


def in_order(study_uid: str, also: Sequence[str]) -> Sequence[str]:
    """All of a decision, each once, the one that somebody looked at first. Raises TooMany."""
    found = [study_uid, *sorted(set(also) - {study_uid})]
    if len(found) > LIMIT:
        raise TooMany
    return found


def require_same_patient(connection: Connection[Any], study_uids: Sequence[str]) -> None:
    """Raises AnotherPatient."""
    found = dict(
        connection.execute(
            f"select s.uid, {_PATIENTS} from study s where s.uid = any(%s)", (list(study_uids),)
        ).fetchall()
    )
    for uid in study_uids:
        if found.get(uid) != found.get(study_uids[0]):
            raise AnotherPatient(uid)
