"""A query finds the same over DICOMweb and over DIMSE: each through its own door, down to one database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from structlog.testing import LogCapture

from dicom_router.contexts import STUDY_ROOT_FIND, Context
from dicom_router.reading import Reading
from dicom_router.rules.desk import RuleDesk
from dicom_router.services.finding import query_of
from dicom_router.services.identifier import read_identifier, to_identifier
from exchange import tokens
from exchange.namespaces import within_issuer
from exchange.policy import Role
from exchange.registry import PostgresRegistry
from exchange.trusts import Trust
from storage.answers import Found
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.errors import BadQuery
from storage.files import FileObjects
from storage.origin import Origin
from storage.query import Level, Match, Query, parse_attribute, parse_match, text_of, vr_of
from storage.query import Path as Attribute
from tests.databases import Databases
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin
from tests.viewer_api.conftest import serving
from viewer_api.parts import ApiParts
from viewer_api.settings import ApiSettings

OURS = Trust("RBL", "Wirral", "RBL")
#: Relational queries and combined date-time matching, agreed as a workstation would (PS3.4 Table C.5-1).
AGREED = b"\1\1"

NAMES = (
    ("ISO_IR 100", "Müller^Zoë"), ("ISO_IR 192", "Müller^Zoe"), ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
    ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"), ("ISO_IR 144", "Люкceмбypг"),
    ("ISO_IR 6", "SMITH^JOHN^^DR"),
    ("ISO_IR 6", "Smith^Ann"), ("ISO_IR 6", "Smithers"), ("ISO_IR 192", "O'Brien^Siân"), ("ISO_IR 6", ""),
)  # fmt: skip
LEVELS = {
    Level.STUDY: ("studies", "0020000D"),
    Level.SERIES: ("series", "0020000E"),
    Level.INSTANCE: ("instances", "00080018"),
}

#: Keys that people ask, by attribute: values that are there, values that are not, and every kind of match.
ASKED: dict[str, st.SearchStrategy[str]] = {
    "PatientName": st.sampled_from(
        [
            "smith*",
            "SMITH^JOHN",
            "*zo*",
            "müller^*",
            "Müller^Zoë",
            "王*",
            "*太郎",
            "люк*",
            "o'brien*",
            "",
            '""',
            "?mith*",
        ]
    ),
    "PatientID": st.sampled_from(["P1", "P2", "P?", "*", "p1", '""', "P1\\P3"]),
    "IssuerOfPatientID": st.sampled_from(["RBL", "REM", "R*", ""]),
    "PatientBirthDate": st.sampled_from(["19700101", "-19800101", "19750101-19991231", '""']),
    "PatientSex": st.sampled_from(["F", "M", "F\\M", "O"]),
    "StudyDate": st.sampled_from(["20260101", "20260103-", "-20260102", "20260101-20260104", '""', "*"]),
    "StudyTime": st.sampled_from(["10", "1015-", "-101530", "0900-1100", '""']),
    "AccessionNumber": st.sampled_from(["A1", "A*", "a1", "A1\\A2", '""']),
    "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID": st.sampled_from(["REM", "RBL", ""]),
    "ModalitiesInStudy": st.sampled_from(["CT", "MR", "CT\\SR", "C*", "US"]),
    "StudyDescription": st.sampled_from(["Thorax", "*T*", "50%", "Thor?x", '""']),
    "ReferringPhysicianName": st.sampled_from(["house*", "Jones^Ann", "*"]),
    "StudyInstanceUID": st.sampled_from(["1.2.1", "1.2.1\\1.2.2", "9.9", ""]),
    "Modality": st.sampled_from(["CT", "SR", "?R", "CT\\MR"]),
    "SeriesNumber": st.sampled_from(["1", "2", "1\\3"]),
    "SeriesInstanceUID": st.sampled_from(["1.2.1.1", "1.2.2.1\\1.2.3.1"]),
    "BodyPartExamined": st.sampled_from(["HEAD", "H*", '""']),
    "SOPInstanceUID": st.sampled_from(["1.2.1.1.1", "1.2.4.1.1\\1.2.5.1.1"]),
    "InstanceNumber": st.sampled_from(["1", "2"]),
    "RequestAttributesSequence.ScheduledProcedureStepID": st.sampled_from(["S1", "S*", "S1\\S2", '""']),
    "RequestAttributesSequence.RequestedProcedureID": st.sampled_from(["P1", "P?"]),
    "PatientAge": st.just("054Y"),  # which the index does not match on, over either
}


@dataclass(frozen=True)
class Doors:
    """One archive, asked by a workstation and by a viewer of the same trust."""

    reading: Reading
    api: httpx.Client

    def by_dimse(self, query: Query, syntax: str) -> list[str]:
        """What C-FIND answers, from its identifier's bytes on."""
        context = Context(1, STUDY_ROOT_FIND, syntax, AGREED)
        asked = query_of(read_identifier(to_identifier(query, syntax), syntax), context)
        answer = self.reading.wait_for(self.reading.archive.search(within_issuer(asked, OURS.issuer)))
        pages: Iterator[list[Found]] = self.reading.each(answer.pages)
        tag = LEVELS[query.level][1]
        return [found.members[tag]["Value"][0] for page in pages for found in page]

    def by_web(self, query: Query) -> list[str]:
        """What QIDO-RS answers."""
        resource, tag = LEVELS[query.level]
        keys = {
            ".".join(f"{tag:08X}" for tag in path): text_of(match) for path, match in query.matches.items()
        }
        answer = self.api.get(f"/dicom-web/{resource}", params=keys).raise_for_status()
        return [each[tag]["Value"][0] for each in answer.json()]


@pytest.fixture(scope="module")
def doors(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("doors")
    with (
        databases.one() as database,
        ConnectionPool(database, min_size=2, max_size=4) as pool,
    ):
        pool.wait()
        shelf = Shelf(pool, FileObjects(folder / "objects", watermark_bytes=0))
        PostgresRegistry(pool).add_trust(OURS)
        _fill(shelf)
        parts = ApiParts(
            settings=ApiSettings(),
            objects=shelf.objects,
            door=shelf.ingest,
            database=database,
            pool=pool,
            rules=RuleDesk(pool),
        )
        token = tokens.create(
            database, "viewer", Role.READER, OURS.ods_code, datetime.now(UTC) + timedelta(hours=1)
        )
        headers = {"Authorization": f"Bearer {token}"}
        reading = Reading(database, shelf.objects, 2)
        structlog.configure(processors=[LogCapture()])  # pytest takes the console away from threads
        try:
            with serving(parts) as url, httpx.Client(base_url=url, headers=headers, timeout=60) as api:
                yield Doors(reading, api)
        finally:
            structlog.reset_defaults()
            reading.close()


def _fill(shelf: Shelf) -> None:
    for number, (charset, name) in enumerate(NAMES, 1):
        for series, modality in ((1, ("CT", "MR")[number % 2]), (2, "SR")):
            for image in (1, 2):
                shelf.send(_made(number, series, image, modality, charset, name), origin=_origin(number))


def _made(number: int, series: int, image: int, modality: str, charset: str, name: str) -> Dataset:
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = "REM"
    requested = Dataset()
    requested.ScheduledProcedureStepID, requested.RequestedProcedureID = f"S{number % 3}", f"P{series}"
    return instance(
        SpecificCharacterSet=charset.split("\\"),
        StudyInstanceUID=f"1.2.{number}",
        SeriesInstanceUID=f"1.2.{number}.{series}",
        SOPInstanceUID=f"1.2.{number}.{series}.{image}",
        PatientName=name,
        PatientID=f"P{number % 4}" if number % 5 else "",
        PatientBirthDate=f"{1965 + 5 * number}0101" if number % 3 else "",
        PatientSex="FMO"[number % 3],
        StudyDate=f"202601{number % 5 + 1:02}" if number % 7 else "",
        StudyTime=("10", "1015", "101530.5", "")[number % 4],
        AccessionNumber=f"A{number % 3}" if number % 4 else "",
        IssuerOfAccessionNumberSequence=Sequence([issuer]) if number % 2 else None,
        StudyDescription=("Thorax", "THORAX", "50%", "")[number % 4],
        ReferringPhysicianName="House^Gregory" if number % 2 else "Jones^Ann",
        Modality=modality,
        SeriesNumber=str(series),
        RequestAttributesSequence=Sequence([requested]) if number % 2 else None,
        BodyPartExamined="HEAD" if series == 1 else "",
        InstanceNumber=str(image),
        PatientAge="054Y",
    )


def _origin(number: int) -> Origin:
    return origin(("RBL", "REM")[number % 2])


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Up to five keys of any level, asked at any."""
    keywords = draw(st.lists(st.sampled_from(sorted(ASKED)), unique=True, max_size=5))
    matches: dict[Attribute, Match] = {}
    for keyword in keywords:
        path = parse_attribute(keyword)
        matches[path] = parse_match(vr_of(path), draw(ASKED[keyword]))
    return Query(draw(st.sampled_from(list(LEVELS))), matches)


@settings(max_examples=200)
@given(query=queries(), syntax=st.sampled_from([IMPLICIT_LITTLE, EXPLICIT_LITTLE]))
def test_a_query_finds_the_same_by_both_doors(doors: Doors, query: Query, syntax: str) -> None:
    by_dimse = doors.by_dimse(_also(query), syntax)

    assert by_dimse == doors.by_web(query)


def _also(query: Query) -> Query:
    """C-FIND answers hold what is asked for; QIDO-RS's always hold the level's own UID."""
    return Query(query.level, query.matches, include=frozenset({parse_attribute(LEVELS[query.level][1])}))


def test_the_examples_find_something(doors: Doors) -> None:
    """A property over empty answers would show nothing."""
    for keyword, texts in (
        ("PatientName", ["smith*", "王*", "люк*", "*太郎"]),
        ("ModalitiesInStudy", ["CT"]),
    ):
        path = parse_attribute(keyword)
        for text in texts:
            assert doors.by_web(Query(Level.STUDY, {path: parse_match(vr_of(path), text)})), text


def test_what_means_nothing_is_refused_by_both(doors: Doors) -> None:
    with pytest.raises(BadQuery):
        parse_match("DA", "yesterday")
    assert doors.api.get("/dicom-web/studies", params={"StudyDate": "yesterday"}).status_code == 400
