"""Who is traced, and when; what the directory and the links make of it, for studies that came."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from exchange.linking.linker import link_studies
from exchange.linking.links import link_of
from exchange.linking.reconsidering import reconsider
from exchange.people.directory import person_known_as
from exchange.people.pds.client import Pds
from exchange.people.pds.pace import Pace
from exchange.people.pds.round import Tracing
from exchange.people.pds.tracing import Outcome
from exchange.people.person import (
    Demographics,
    Identifier,
    NumberStatus,
    Person,
    PersonName,
    Record,
    Said,
    Sensitivity,
)
from exchange.people.telling import tell
from imx.demo.pds.running import fhir_url, running
from imx.demo.pds.server import Limit, SmallPds
from storage.changes import ChangeFeed, follow
from storage.files import FileObjects
from tests.exchange.people.pds.material import BEFORE, INVALIDATED, JANE, MINIMAL, NORMAL, sandbox
from tests.storage.shelf import Shelf, origin

LOCAL = Identifier("J1", "RBL")
WEEK = timedelta(days=7)
_minutes = count(1)


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


@pytest.fixture
def service() -> SmallPds:
    return SmallPds(sandbox(), limit=Limit(per_second=1000))


@pytest.fixture
def tracing(shelf: Shelf, service: SmallPds) -> Iterator[Tracing]:
    """A worker that does not wait."""
    with running(service) as base, httpx.Client(timeout=60) as http:
        pds = Pds(fhir_url(base), http, pace=Pace(per_second=1e9), wait=lambda _: None)
        yield Tracing(shelf.pool, pds, WEEK, threading.Event(), hear_every=timedelta(0))


def told(shelf: Shelf, record: Record) -> None:
    said = Said(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=next(_minutes)), "a feed")
    with shelf.pool.connection() as connection:
        tell(connection, record, said)


def untraced(said: Demographics = JANE, claims: str = NORMAL, local: Identifier = LOCAL) -> Record:
    status = NumberStatus.NOT_TRACED if claims else NumberStatus.NOT_PRESENT
    return Record(local, said, claims, status)


def send(shelf: Shelf, study: str = "1.2.1", **others: Any) -> None:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{study}.1.1"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study, f"{study}.1", "CT"
    made.PatientID, made.PatientName, made.PatientBirthDate = "J1", "SMITH^JANE", "20101022"
    made.PatientSex, made.StudyDate = "F", "20260301"
    for keyword, value in others.items():
        setattr(made, keyword, value)
    shelf.send(made, origin=origin("RBL"))


def settle(shelf: Shelf) -> None:
    follow(ChangeFeed(shelf.pool), "linking", partial(link_studies, shelf.pool))
    reconsider(shelf.pool)


def linked(shelf: Shelf, study: str = "1.2.1") -> str:
    """How it is linked: the NHS number, else the state."""
    with shelf.pool.connection() as connection:
        link = link_of(connection, study)
        assert link is not None
        if link.decided.person_id is None:
            return link.decided.state.value
        rows = connection.execute(
            "select c.value from person_record r join person_record c on c.id = r.current_id where r.id = %s",
            (link.decided.person_id,),
        ).fetchall()
        return str(rows[0][0])


def known(shelf: Shelf, identifier: Identifier) -> Person:
    with shelf.pool.connection() as connection:
        found = person_known_as(connection, identifier)
    assert found is not None
    return found


def make_due(shelf: Shelf) -> None:
    """A week later."""
    with shelf.pool.connection() as connection:
        connection.execute("update person_trace set due_at = now() where due_at is not null")


def outcomes(shelf: Shelf) -> dict[str, str]:
    return dict(shelf.rows("select value, outcome from person_trace order by value"))


def test_a_study_is_linked_once_the_number_of_its_patient_is_traced(
    shelf: Shelf, tracing: Tracing, service: SmallPds
) -> None:
    told(shelf, untraced())
    assert tracing.run() == 0  # nobody needs it yet
    send(shelf)
    settle(shelf)
    assert linked(shelf) == "ambiguous"

    assert tracing.run() == 1
    settle(shelf)
    assert linked(shelf) == NORMAL
    assert known(shelf, LOCAL).is_verified
    # Now the number itself is asked about again, by age; the trust's when it says something else.
    assert tracing.run() == 1
    asked = service.limit.answered
    assert (tracing.run(), service.limit.answered) == (0, asked)
    assert outcomes(shelf) == {"J1": "verified", NORMAL: "verified"}

    told(shelf, untraced(replace(JANE, names=(PersonName("Smith", ("Peter",)),))))  # the number is used anew
    assert tracing.run() == 1
    settle(shelf)
    assert linked(shelf) != NORMAL
    assert outcomes(shelf)["J1"] == "differs"


def test_one_without_a_number_is_traced_by_details(shelf: Shelf, tracing: Tracing) -> None:
    told(shelf, untraced(claims=""))
    send(shelf)
    settle(shelf)
    tracing.run()
    settle(shelf)
    assert linked(shelf) == NORMAL


def test_an_nhs_number_in_a_study_is_asked_about(shelf: Shelf, tracing: Tracing) -> None:
    send(shelf, PatientID=NORMAL, IssuerOfPatientID="NHS")
    settle(shelf)
    assert linked(shelf) == "unmatched"
    tracing.run()
    settle(shelf)
    assert linked(shelf) == NORMAL


def test_a_number_that_is_nobodys_makes_nobody(shelf: Shelf, tracing: Tracing) -> None:
    send(shelf, PatientID="9990000069", IssuerOfPatientID="NHS")
    settle(shelf)
    assert tracing.run() == 1
    settle(shelf)
    assert linked(shelf) == "unmatched"


def test_what_becomes_of_a_number_is_heard_within_its_time(
    shelf: Shelf, tracing: Tracing, service: SmallPds
) -> None:
    told(shelf, replace(untraced(), status=NumberStatus.VERIFIED))
    send(shelf)
    settle(shelf)
    tracing.run()
    assert known(shelf, LOCAL).demographics.postcode == "LS1 6AE"

    service.records.hold(NORMAL, JANE, Sensitivity.RESTRICTED)
    make_due(shelf)
    assert tracing.run() == 1
    assert known(shelf, LOCAL).sensitivity is Sensitivity.RESTRICTED

    other = "9990000077"
    service.records.hold(other, JANE)
    service.records.supersede(NORMAL, other)
    make_due(shelf)
    assert tracing.run() == 1
    settle(shelf)
    assert (linked(shelf), known(shelf, Identifier.nhs(NORMAL)).nhs_number) == (other, other)

    service.records.invalidated.add(other)
    make_due(shelf)
    assert tracing.run() == 1
    settle(shelf)
    assert not known(shelf, LOCAL).is_verified
    assert linked(shelf) != other


def test_a_feed_may_ask_for_a_trace(shelf: Shelf, tracing: Tracing) -> None:
    told(shelf, replace(untraced(claims=BEFORE), status=NumberStatus.TRACE_REQUIRED))
    told(shelf, replace(untraced(claims=INVALIDATED, local=Identifier("J2", "RBL")),
                        status=NumberStatus.TRACE_REQUIRED))  # fmt: skip
    told(shelf, replace(untraced(Demographics(), "", Identifier("J3", "RBL")),
                        status=NumberStatus.TRACE_REQUIRED))  # fmt: skip
    assert tracing.run() == 3
    assert outcomes(shelf) == {"J1": "verified", "J2": "invalidated", "J3": "too little to ask by"}
    assert known(shelf, LOCAL).nhs_number == NORMAL
    assert not known(shelf, Identifier("J2", "RBL")).is_verified


def test_an_outage_only_delays(shelf: Shelf, tracing: Tracing, service: SmallPds) -> None:
    told(shelf, untraced())
    send(shelf)
    settle(shelf)
    service.is_away = True
    for _ in range(2):
        assert tracing.run() == 0
    assert linked(shelf) == "ambiguous"
    service.is_away = False
    tracing.run()
    settle(shelf)
    assert linked(shelf) == NORMAL


def test_one_is_traced_by_hand(shelf: Shelf, tracing: Tracing) -> None:
    assert tracing.trace_number(Identifier.nhs(BEFORE)).outcome is Outcome.SUPERSEDED
    assert known(shelf, Identifier.nhs(BEFORE)).nhs_number == NORMAL
    assert tracing.trace_number(Identifier.nhs("9990000019")).outcome is Outcome.NOBODY
    assert tracing.trace_number(Identifier("nobody's", "RBL")).outcome is Outcome.TOO_LITTLE
    told(shelf, untraced())
    assert tracing.trace_number(LOCAL).outcome is Outcome.VERIFIED


def test_an_answer_that_nobody_can_read_costs_nobody_else_their_turn(
    shelf: Shelf, service: SmallPds, tracing: Tracing
) -> None:
    service.records.hold(MINIMAL, replace(JANE, names=(PersonName("Smith" * 100, ("Jane",)),)))
    told(shelf, untraced(claims=MINIMAL, local=Identifier("A1", "RBL")))
    told(shelf, untraced(local=Identifier("J1", "RBL")))
    for each in ("A1", "J1"):
        send(shelf, f"1.2.{ord(each[0])}", PatientID=each)
    settle(shelf)

    tracing.run()

    found = outcomes(shelf)
    assert (found["A1"], found["J1"]) == ("unreadable", "verified")
    assert tracing.run() == 0, "not again before its time"


def test_a_service_that_answers_nothing_readable_is_away(
    shelf: Shelf, service: SmallPds, tracing: Tracing
) -> None:
    service.records.hold(NORMAL, replace(JANE, names=(PersonName("Smith" * 100, ("Jane",)),)))
    for number in range(8):
        told(shelf, untraced(local=Identifier(f"J{number}", "RBL")))
        send(shelf, f"1.2.{number + 1}", PatientID=f"J{number}")
    settle(shelf)

    tracing.run()

    assert list(outcomes(shelf).values()).count("unreadable") == 5


def test_somebody_else_under_a_number_does_not_supersede_it(
    shelf: Shelf, service: SmallPds, tracing: Tracing
) -> None:
    """The answer to another question: the same birth date, and neither name."""
    other = replace(JANE, names=(PersonName("Okafor", ("Ngozi",)),))
    told(shelf, Record(Identifier.nhs(BEFORE), other, BEFORE, NumberStatus.VERIFIED))
    assert tracing.trace_number(Identifier.nhs(BEFORE)).outcome is Outcome.DIFFERS
