"""Whether searching stays fast as an archive grows: QIDO-RS at 1,000,000 studies against 5,000.

`python -m benchmarks.many_studies` takes about ten minutes. The studies are made, not received: rows that
SQL generates go straight into the index, with no object behind them, so only searches can be timed on them.
What a search reads is what it reads in use: studies of two series, skewed names, several studies a patient.
"""

import argparse
import http.client
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from benchmarks.figures import Bar, Spread, table
from benchmarks.receivers import Imx
from benchmarks.senders import Tuning
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in

SMALL, LARGE = 5_000, 1_000_000
QUICK = 20_000
PER_DAY = 100
PER_PATIENT = 3
#: Of every UID that is made; studies have .1. behind it, series .2., instances .3.
ROOT = "1.2.826.0.1.3680043.9."
_FIRST_DAY = date(1999, 1, 1)
_LIMIT = 100
_ISSUER_OF_ACCESSION = "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID"

BAR = 3  # times its time at 5,000
#: What the bar is about; the others are told, and must not be absurd.
JUDGED = frozenset({"patient", "accession", "day and modality"})

_FAMILIES = (
    "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans"
    " Walker White Roberts Green Hall Thomas Clarke Jackson Wood Harris Edwards Turner Martin Cooper"
    " Hill Ward Hughes Moore Clark King Harrison Lewis Baker Lee Allen Morris Khan Scott Watson Davis"
    " Parker James Bennett Young Phillips Richardson Mitchell Bailey Carter Cook Singh Shaw Bell Collins"
    " Morgan Kelly Begum Miller Cox Hussain Marshall Simpson Price Anderson Adams Ali Wilkinson Foster"
    " Ellis Murphy Chapman Mason Gray Richards Webb Rogers Hunt Mills Holmes Palmer Matthews Müller"
    " Nowak Kowalski O'Brien Szymański Grzelak Llewellyn Featherstonehaugh Zieliński Čapek Ångström"
).split()
_GIVEN = (
    "Oliver Amelia George Isla Noah Ava Arthur Mia Harry Ivy Leo Lily Muhammad Isabella Jack Rosie Charlie"
    " Sophia Oscar Grace Jacob Freya Henry Willow Thomas Florence Freddie Emily Alfie Ella Theo Poppy William"
    " Evie Theodore Elsie Archie Charlotte Joshua Evelyn Siân Zoë Aaliyah Björn Chloë Piotr Agnieszka Mei"
).split()

#: Used by the statements below, for the time of one connection.
_FUNCTIONS = (
    """
    create or replace function pg_temp.chance(n bigint, what text) returns double precision
    language sql immutable as $$ select (hashtextextended(what || n, 0) & 1048575) / 1048576.0 $$
    """,
    """
    create or replace function pg_temp.one(vr text, value text) returns json
    language sql immutable as $$ select json_build_object('vr', vr, 'Value', json_build_array(value)) $$
    """,
    """
    create or replace function pg_temp.members(made json) returns bytea
    language sql immutable as $$ select convert_to(substr(made::text, 2, length(made::text) - 2), 'UTF8') $$
    """,
)

#: Rows of studies %(first)s to %(last)s. Every id follows from the study's number; a few names are of many.
_ROWS = (
    """
    create temporary table made on commit drop as
    select n, person, 2 * n as series,
        to_char(%(first_day)s::date + (n / %(per_day)s)::integer, 'YYYYMMDD') as day,
        'P' || lpad(person::text, 8, '0') as patient, 'T' || person %% 20 as issuer,
        (%(families)s::text[])[
            1 + floor(%(of_families)s * power(pg_temp.chance(person, 'family'), 1.3))] || '^'
        || (%(given)s::text[])[1 + floor(%(of_given)s * power(pg_temp.chance(person, 'given'), 1.3))] as name,
        to_char(date '1930-01-01' + (person %% 30000)::integer, 'YYYYMMDD') as birth_date,
        (array['CT','DX','MR','US','CR','MG','XA','NM','PT','ECG'])[
            1 + floor(10 * power(pg_temp.chance(n, 'modality'), 2.5))] as modality,
        lpad((80000 + n %% 60)::text, 6, '0') as at, 'A' || lpad(n::text, 10, '0') as accession
    from (select n, n / %(per_patient)s as person
        from generate_series(%(first)s::bigint, %(last)s::bigint) n) each
    """,
    """
    insert into patient (id, identifier, issuer) overriding system value
    select distinct person, patient, issuer from made on conflict do nothing
    """,
    """
    insert into study (id, uid, study_date, study_time, accession, accession_issuer, study_id, description,
        referring, modalities, series_count, json) overriding system value
    select n, %(root)s || '1.' || n, day, at, accession, issuer, 'S' || n, modality || ' examination',
        'house^gregory', array[modality], 2, pg_temp.members(json_build_object(
            '00080020', pg_temp.one('DA', day), '00080030', pg_temp.one('TM', at),
            '00080050', pg_temp.one('SH', accession),
            '00081030', pg_temp.one('LO', modality || ' examination'),
            '00080090', '{"vr":"PN","Value":[{"Alphabetic":"House^Gregory"}]}'::json,
            '00200010', pg_temp.one('SH', 'S' || n)))
    from made
    """,
    """
    insert into identity (id, study_id, digest, trust, sent_patient_id, patient_id, patient_name,
        birth_date, sex, json) overriding system value
    select n, n, decode(md5(n::text), 'hex'), issuer, person, person, lower(name), birth_date, 'O',
        pg_temp.members(json_build_object(
            '00100010', json_build_object('vr', 'PN', 'Value', json_build_array(
                json_build_object('Alphabetic', name))),
            '00100020', pg_temp.one('LO', patient), '00100021', pg_temp.one('LO', issuer),
            '00100030', pg_temp.one('DA', birth_date), '00100040', pg_temp.one('CS', 'O')))
    from made
    """,
    """
    insert into series (id, study_id, uid, modality, series_number, description, series_date, json)
        overriding system value
    select series + k, n, %(root)s || '2.' || series + k, modality, k + 1, 'Series', day,
        pg_temp.members(json_build_object('00080060', pg_temp.one('CS', modality),
            '0008103E', pg_temp.one('LO', 'Series'),
            '00200011', json_build_object('vr', 'IS', 'Value', array[k + 1])))
    from made, generate_series(0, 1) k
    """,
    """
    insert into series_tally (series_id, part, instances)
    select series + k, 0, 1 from made, generate_series(0, 1) k
    """,
    """
    insert into object (id, key, size, data_offset, digest, transfer_syntax, peer, trust, received_at,
        verified_at) overriding system value
    select series + k, 'generated/' || series + k, 0, 0, decode(md5(n::text), 'hex'), '1.2.840.10008.1.2.1',
        'BENCH', issuer, now(), now() from made, generate_series(0, 1) k
    """,
    """
    insert into instance (id, series_id, uid, identity_id, object_id, sop_class, instance_number, frame_count,
        frame_form, json_before, json_patient, json_after, json_whole) overriding system value
    select series + k, series + k, %(root)s || '3.' || series + k, n, series + k,
        '1.2.840.10008.5.1.4.1.1.2', 1, 1, 0,
        pg_temp.members(json_build_object('00080060', pg_temp.one('CS', modality))), '',
        '"00200013":{"vr":"IS","Value":[1]},"00280010":{"vr":"US","Value":[512]}', true
    from made, generate_series(0, 1) k
    """,
)
#: Studies a transaction.
_STEP = 50_000


def fill(conninfo: str, studies: int) -> None:
    """Make the index hold that many generated studies; those it has already are left as they are.

    What is received afterwards gets ids beyond theirs.
    """
    values = {
        "families": _FAMILIES, "of_families": len(_FAMILIES), "given": _GIVEN, "of_given": len(_GIVEN),
        "per_day": PER_DAY, "per_patient": PER_PATIENT, "first_day": _FIRST_DAY, "root": ROOT,
    }  # fmt: skip
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        for function in _FUNCTIONS:
            connection.execute(function)
        ours = "select count(*) from study where starts_with(uid, %s)"
        [(held,)] = connection.execute(ours, (f"{ROOT}1.",))
        for first in range(held + 1, studies + 1, _STEP):
            with connection.transaction():
                for rows in _ROWS:
                    last = min(first + _STEP - 1, studies)
                    connection.execute(rows, {**values, "first": first, "last": last}, prepare=False)
        for name in ("patient", "study", "identity", "series", "object", "instance"):
            connection.execute(
                f"select setval(pg_get_serial_sequence('{name}', 'id'), (select max(id) from {name}))"
            )
        connection.execute("vacuum analyze")


@dataclass(frozen=True, slots=True)
class Case:
    """One search, as a URL's query."""

    name: str
    keys: dict[str, str]
    least: int = 1  # matches that it must find


def cases(studies: int) -> list[Case]:
    """In an archive of so many generated studies: of a study in its midst, and of its newest days."""
    number = studies // 2
    patient = number // PER_PATIENT
    issuer = f"T{patient % 20}"
    newest = _FIRST_DAY + timedelta(days=studies // PER_DAY - 1)
    day, month = f"{newest:%Y%m%d}", f"{newest - timedelta(days=30):%Y%m%d}-{newest:%Y%m%d}"
    limit = {"limit": str(_LIMIT)}
    return [
        Case("patient", {"PatientID": f"P{patient:08}", "IssuerOfPatientID": issuer, **limit}),
        Case("accession", {"AccessionNumber": f"A{number:010}", _ISSUER_OF_ACCESSION: issuer, **limit}),
        Case("day and modality", {"StudyDate": day, "ModalitiesInStudy": "CT", **limit}, 10),
        Case("month and modality", {"StudyDate": month, "ModalitiesInStudy": "MR", **limit}, 10),
        Case("study UID", {"StudyInstanceUID": f"{ROOT}1.{number}", **limit}),
        Case("newest 100", limit, _LIMIT),
        Case("a bare Patient ID, which is the reader's own", {"PatientID": f"P{patient:08}", **limit}, 0),
        Case("a rare modality, any day", {"ModalitiesInStudy": "ECG", **limit}, _LIMIT),
        Case("a common name", {"PatientName": "smith*", **limit}, _LIMIT),
        Case("a rare name", {"PatientName": "*ngstr*^a*", **limit}),
        Case("birth date", {"PatientBirthDate": "19400101", **limit}, 0),
        Case("a common name, fuzzily", {"PatientName": "smyth jak", "fuzzymatching": "true", **limit}, 0),
        Case("a rare name, fuzzily", {"PatientName": "capec", "fuzzymatching": "true", **limit}, 1),
    ]


@dataclass(frozen=True, slots=True)
class Timing:
    """One search, from its first byte out to its last byte in."""

    studies: int
    case: str
    seconds: float
    matches: int


def measure(imx: Imx, studies: int, runs: int) -> Iterator[Timing]:
    """Every case, on one connection that stays open. The first few runs do not count: plans are made then."""
    connection = http.client.HTTPConnection("127.0.0.1", imx.service.http_port, timeout=120)
    headers = {"Authorization": f"Bearer {imx.token}", "Accept": "application/dicom+json"}
    for case in cases(studies):
        for run in range(-_WARMING, runs):
            started = time.perf_counter()
            connection.request("GET", f"/dicom-web/studies?{urlencode(case.keys)}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            seconds = time.perf_counter() - started
            matches = len(json.loads(body)) if answer.status == 200 else 0
            if answer.status not in (200, 204) or matches < case.least:
                raise RuntimeError(f"{case.name} among {studies:,}: {answer.status}, {matches} found")
            if run >= 0:
                yield Timing(studies, case.name, seconds, matches)
    connection.close()


#: PostgreSQL settles on a plan after five uses on each connection.
_WARMING = 15


def report(timings: Sequence[Timing]) -> str:
    """Every case at each size, and how many times longer the larger takes."""
    rows = []
    for case in dict.fromkeys(each.case for each in timings):
        sizes = sorted({each.studies for each in timings})
        spreads = [_spread(timings, case, studies) for studies in sizes]
        found = {each.matches for each in timings if (each.case, each.studies) == (case, sizes[-1])}
        times = f"{spreads[-1].middle / spreads[0].middle:.2g}"
        rows.append((case, *(str(each) for each in spreads), str(max(found)), times))
    heads = (f"{studies:,} studies, ms" for studies in sorted({each.studies for each in timings}))
    return table(("search by", *heads, "found", "times"), rows)


def verdicts(timings: Sequence[Timing]) -> list[str]:
    """Those searches that we promise something of."""
    small, large = sorted({each.studies for each in timings})
    said = []
    for case in dict.fromkeys(each.case for each in timings if each.case in JUDGED):
        few, many = _spread(timings, case, small), _spread(timings, case, large)
        reached = Spread(many.middle / few.middle, many.least / few.most, many.most / few.least)
        said.append(Bar(BAR, f"by {case}, {large:,} / {small:,} studies").verdict(reached))
    return said


def _spread(timings: Sequence[Timing], case: str, studies: int) -> Spread:
    return Spread.of(
        [1000 * each.seconds for each in timings if (each.case, each.studies) == (case, studies)]
    )


def main() -> None:
    """Measure, and print a table, the bars and, when asked, every figure as JSON."""
    asked = argparse.ArgumentParser(prog="benchmarks.many_studies", description=__doc__)
    asked.add_argument("--quick", action="store_true", help=f"{QUICK:,} studies, three runs: no bar")
    asked.add_argument("--runs", type=int, default=20, help="of each search")
    asked.add_argument("--studies", type=int, default=LARGE, help="how many the archive grows to")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    given = asked.parse_args()
    runs, studies = (3, QUICK) if given.quick else (given.runs, given.studies)
    timings: list[Timing] = []
    with tempfile.TemporaryDirectory(prefix="imx-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # the embedded database runs as another user
        imx = Imx(folder, Tuning.TUNED)
        try:
            conninfo = cluster_in(imx.service.data, find_binaries(), None).conninfo()
            for size in (SMALL, studies):
                fill(conninfo, size)
                timings += measure(imx, size, runs)
        finally:
            imx.stop()
    print(report(timings))
    if not given.quick:
        for line in verdicts(timings):
            print(line)
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in timings], indent=1))


if __name__ == "__main__":
    main()
