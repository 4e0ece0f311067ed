"""One encounter, one study: whatever number its files name it by, in whatever order, or at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from ologies.case import Case
from ologies.errors import Asked, BadCase
from storage.encounters import Encounters
from storage.files import FileObjects
from storage.originals import Originals
from storage.purging import purge
from storage.rebuild import rebuild
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.ologies.material import PDF, a_case, wrap_here
from tests.storage.material import instance
from tests.storage.shelf import Shelf, origin
from viewer_api.joining import joined
from viewer_api.keeping import Given, Keeping

NHS_ONLY = {"person__identifier": None, "person__issuer": None}
LOCAL_ONLY = {"person__nhs_number": None}
BY_ACCESSION = {"encounter__number": None, "encounter__accession": "A1"}
BY_BOTH = {"encounter__accession": "A1"}
BY_VISIT: dict[str, Any] = {}


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    with ConnectionPool(database, min_size=1, max_size=20, timeout=60) as pool:
        yield Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


@pytest.fixture
def encounters(shelf: Shelf) -> Encounters:
    return Encounters(shelf.pool)


_numbers = count()


def kept(shelf: Shelf, folder: Path, case: Case) -> str:
    """A letter of that case, wrapped and kept; its study."""
    file = folder / f"letter {next(_numbers)}"
    file.write_bytes(PDF + file.name.encode() + b"\n%%EOF\n")
    case = joined(case, Encounters(shelf.pool))
    given = Given(file=file, name=file.name, case=case, by="ann", origin=origin("RBT"))
    wrapping = wrap_here(file, case)
    keeping = Keeping(shelf.ingest, Originals(shelf.objects, shelf.pool))
    assert keeping.keep(wrapping, given).outcome.is_kept
    return wrapping.study_uid


#: Only a file with both numbers tells that they are one encounter's.
ORDERS = (
    (NHS_ONLY | BY_ACCESSION, LOCAL_ONLY | BY_BOTH, BY_VISIT),
    (LOCAL_ONLY | BY_BOTH, NHS_ONLY | BY_ACCESSION, BY_VISIT),
    (BY_VISIT, NHS_ONLY | BY_BOTH, LOCAL_ONLY | BY_ACCESSION),
)


@pytest.mark.parametrize("order", ORDERS)
def test_whatever_number_is_given_it_is_one_study_of_one_patient(
    shelf: Shelf, tmp_path: Path, order: tuple[dict[str, Any], ...]
) -> None:
    assert len({kept(shelf, tmp_path, a_case(**each)) for each in order}) == 1
    assert shelf.rows("select inconsistent, (select count(*) from instance) from study") == [(False, 3)]
    assert len(shelf.rows("select distinct patient_id from identity")) == 1


def test_the_first_file_has_the_study_that_it_has_without_an_archive(shelf: Shelf, tmp_path: Path) -> None:
    file = tmp_path / "letter"
    file.write_bytes(PDF)
    for case in (a_case(), a_case(encounter__number="V9", encounter__accession="A9")):
        assert kept(shelf, tmp_path, case) == wrap_here(file, case).study_uid


def test_two_orders_of_one_visit_are_two_studies_and_a_file_of_the_visit_is_asked_for(
    shelf: Shelf, tmp_path: Path
) -> None:
    first = kept(shelf, tmp_path, a_case(encounter__accession="A1"))
    assert kept(shelf, tmp_path, a_case(encounter__accession="A2")) != first
    assert kept(shelf, tmp_path, a_case(encounter__accession="A1", encounter__number=None)) == first
    with pytest.raises(Asked) as asked:
        kept(shelf, tmp_path, a_case())
    assert asked.value.missing == ("encounter.study_uid",)
    assert kept(shelf, tmp_path, a_case(encounter__study_uid=first)) == first


def test_a_study_of_a_modality_is_joined_as_it_stands(shelf: Shelf, tmp_path: Path) -> None:
    made = instance(
        AccessionNumber="A1", PatientID="9990000018", IssuerOfPatientID="NHS", PatientBirthDate="19530508"
    )
    shelf.send(made, origin=origin("RBT"))
    assert kept(shelf, tmp_path, a_case(**BY_BOTH)) == made.StudyInstanceUID
    assert shelf.one("select bool_or(inconsistent) from study") is False
    assert kept(shelf, tmp_path, a_case(**BY_ACCESSION, encounter__issuer="REM")) != made.StudyInstanceUID


def test_another_persons_is_never_joined(shelf: Shelf, tmp_path: Path) -> None:
    kept(shelf, tmp_path, a_case(**BY_BOTH))
    for other in (
        a_case(**BY_ACCESSION, **LOCAL_ONLY, person__identifier="124"),
        a_case(**BY_ACCESSION, **NHS_ONLY, person__nhs_number="9990000026"),
        a_case(**BY_VISIT, person__birth_date="1953-05-09"),
    ):
        with pytest.raises(BadCase, match="another person's"):
            kept(shelf, tmp_path, other)
    elsewhere = {"identifier": "9", "issuer": "REM"}
    with pytest.raises(Asked, match="birth_date"):
        kept(shelf, tmp_path, a_case(**BY_ACCESSION, person=elsewhere))


def test_two_that_come_at_once_join_one(encounters: Encounters) -> None:
    """Neither is kept yet when the other asks."""
    ready = threading.Barrier(8)

    def ask(number: int) -> str | None:
        ready.wait()
        return joined(a_case(**(BY_BOTH if number % 2 else BY_VISIT)), encounters).encounter.study_uid

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1


def test_a_rebuild_still_knows_what_the_encounter_was_called(shelf: Shelf, tmp_path: Path) -> None:
    study = kept(shelf, tmp_path, a_case(**BY_BOTH))
    shelf.rows("delete from encounter returning 1")
    shelf.rows("delete from original returning 1")
    shelf.move()
    shelf.rows(
        "delete from object o where not exists (select from instance n where n.object_id = o.id) returning 1"
    )
    list(rebuild(shelf.ingest, shelf.pool))

    assert kept(shelf, tmp_path, a_case(**BY_VISIT)) == study


def test_a_withdrawn_study_is_not_joined(shelf: Shelf, tmp_path: Path) -> None:
    made = instance(
        AccessionNumber="A1", PatientID="123", IssuerOfPatientID="RBT", PatientBirthDate="19530508"
    )
    shelf.send(made, origin=origin("RBT"))
    assert kept(shelf, tmp_path, a_case(**BY_BOTH)) == made.StudyInstanceUID
    withdrawals = Withdrawals(shelf.pool, shelf.objects)
    asked = withdrawals.ask(Resource(made.StudyInstanceUID), "the wrong patient", "ann")
    withdrawals.approve(asked.id, "bob")

    assert kept(shelf, tmp_path, a_case(**BY_BOTH)) != made.StudyInstanceUID
    shelf.rows("update withdrawal set keep_until = now(), decided_at = now() returning 1")
    purge(shelf.objects, shelf.pool)
    assert shelf.rows("select 1 from encounter where study_uid = %s", made.StudyInstanceUID) == []


def test_what_says_too_little_is_left_for_the_wrapping_to_ask(encounters: Encounters) -> None:
    for case in (a_case(person={}), a_case(encounter={})):
        assert joined(case, encounters) == case
