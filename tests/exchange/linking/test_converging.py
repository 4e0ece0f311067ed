"""Whatever happens, and whenever the worker looks: links end as the rules would decide now, of everything."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from benchmarks.linking_cases.region import unused_numbers
from exchange.linking.asking import Asked
from exchange.linking.identities import namings
from exchange.linking.link import LinkState
from exchange.linking.links import standing_links
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Sex
from exchange.people.statements import Merged
from storage.correcting import NewCorrection, Reason, record
from storage.files import FileObjects
from tests.exchange.linking.test_linker import send, settle, told
from tests.storage.shelf import Shelf

#: Twins, a namesake of one, and somebody quite different.
PEOPLE = (
    Demographics((PersonName("Smith", ("Jane",)),), "19800305", Sex.FEMALE),
    Demographics((PersonName("Smith", ("Judith",)),), "19800305", Sex.FEMALE),
    Demographics((PersonName("Brown", ("Jane",)),), "19800305", Sex.FEMALE),
    Demographics((PersonName("Khan", ("Muhammad", "Ali")),), "19550917", Sex.MALE),
)
NAMES = ("SMITH^JANE", "SMITH^J", "SMITH^JUDITH", "BROWN^JANE", "KHAN^MD ALI", "JANE^SMITH", "SMITH")


@pytest.fixture
def shelf(pool: ConnectionPool, tmp_path: Path) -> Shelf:
    return Shelf(pool, FileObjects(tmp_path / "objects", watermark_bytes=0))


class Days:
    """What may happen on some days at a trust, drawn by chance."""

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self.shelf, self.chance, self.seed = shelf, random.Random(seed), seed
        numbers = unused_numbers()
        self.numbers = [Identifier.nhs(next(numbers)) for _ in PEOPLE]
        self.locals = [Identifier(f"L{number}", "RBL") for number in range(len(PEOPLE))]
        self.studies: list[str] = []

    def happen(self) -> None:
        """One of them."""
        some: tuple[Callable[[], None], ...] = (
            self.study_comes, self.study_comes, self.trust_tells, self.trust_tells, self.nhs_tells,
            self.numbers_merge, self.study_is_corrected,
        )  # fmt: skip
        self.chance.choice(some)()

    def study_comes(self) -> None:
        uid = f"1.2.{self.seed}.{len(self.studies)}"
        who = self.chance.choice(PEOPLE)
        number = self.chance.choice(self.locals + self.numbers)
        self.studies.append(uid)
        send(
            self.shelf, uid, PatientID=number.value, IssuerOfPatientID=number.issuer,
            PatientName=self.chance.choice(NAMES), PatientSex=who.sex.value,
            PatientBirthDate=self.chance.choice((who.birth_date, who.birth_date, "")),
        )  # fmt: skip

    def trust_tells(self) -> None:
        status = self.chance.choice((NumberStatus.VERIFIED, NumberStatus.VERIFIED, NumberStatus.NOT_TRACED))
        number = self.chance.choice(self.numbers).value
        said = self.chance.choice(PEOPLE)
        told(self.shelf, Record(self.chance.choice(self.locals), said, number, status))

    def nhs_tells(self) -> None:
        number = self.chance.choice(self.numbers)
        said = replace(self.chance.choice(PEOPLE), died=self.chance.choice(("", "", "20260101")))
        told(self.shelf, Record(number, said, number.value, NumberStatus.VERIFIED))

    def numbers_merge(self) -> None:
        kind = self.chance.choice((self.locals, self.numbers))
        gone, into = self.chance.sample(kind, 2)
        told(self.shelf, Merged(gone, into))

    def study_is_corrected(self) -> None:
        if self.studies:
            attributes: dict[str, dict[str, Any]] = {
                "00100010": {"vr": "PN", "Value": [{"Alphabetic": self.chance.choice(NAMES)}]},
                "00100020": {"vr": "LO", "Value": [self.chance.choice(self.locals).value]},
                "00100021": {"vr": "LO", "Value": ["RBL"]},
            }
            uid = self.chance.choice(self.studies)
            with self.shelf.pool.connection() as connection:
                record(connection, NewCorrection(uid, attributes, Reason.CORRECT, "somebody"))


@pytest.mark.parametrize("seed", range(4))
def test_links_end_as_the_rules_decide_now(shelf: Shelf, seed: int) -> None:
    days = Days(shelf, seed)
    for _ in range(30):
        days.happen()
        if days.chance.random() < 0.3:
            settle(shelf)
    settle(shelf)

    with shelf.pool.connection() as connection:
        ids = [id for (id,) in connection.execute("select id from study").fetchall()]
        named = namings(connection, ids)
        links = standing_links(connection, ids)
        asked = Asked.of(connection, [each.identity for id in ids for each in named[id]])
        for id in ids:
            now = asked.decide([each.identity for each in named[id]])
            assert (_by_numbers(links[id].decided.state), links[id].decided.person_id) == (
                _by_numbers(now.state),
                now.person_id,
            )


def _by_numbers(state: LinkState) -> LinkState:
    """Whom likeness alone proposes is not looked for again with every word about anybody."""
    return LinkState.UNMATCHED if state is LinkState.AMBIGUOUS else state
