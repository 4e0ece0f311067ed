"""What comes is ordered where the rules say: at once, or when it is complete, and never by guess."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool
from pydicom.uid import EnhancedSRStorage

from dicom_router.deliveries.ordering import PostgresDeliveries
from dicom_router.rules import routing
from dicom_router.rules.book import RuleBook
from dicom_router.rules.held import CONTESTED, INCONSISTENT
from dicom_router.rules.tables import RulesWrong
from dicom_router.rules.wishes import wishes
from exchange.performed import PostgresPerformed, Said, State
from storage.correcting import NewCorrection, Reason, record
from storage.files import FileObjects
from storage.rejections import Rejections
from tests.databases import Databases
from tests.dicom_router.region import Region
from tests.storage.notes import note
from tests.storage.shelf import Shelf, origin

AT_ONCE = """
[[rule]]
name = "CT"
match.modality = "CT"
send = ["WS1", "WS2"]
"""
HELD = AT_ONCE + "hold = { quiet_s = 60 }\n"


def test_what_matches_is_ordered_once_for_each_destination(region: Region) -> None:
    region.rules(AT_ONCE)
    for number in range(3):
        region.send("1.2.1", InstanceNumber=str(number))
    region.send("1.2.2", Modality="MR")

    region.run()
    region.run()

    assert region.orders() == [("1.2.1", "WS1"), ("1.2.1", "WS2")]
    assert region.deliveries()[0]["because"] == "rule CT: as it came"
    assert region.deliveries()[0]["orders"] == 1
    assert region.held() == []


def test_what_grows_is_ordered_again_wherever_it_went(region: Region) -> None:
    region.rules(AT_ONCE)
    region.send("1.2.1")
    region.run()

    region.send("1.2.1", Modality="SR", SOPClassUID=EnhancedSRStorage, SeriesInstanceUID="1.2.1.2")
    region.run()

    assert [(each["destination"], each["orders"], each["round"]) for each in region.deliveries()] == [
        ("WS1", 2, 1),
        ("WS2", 2, 1),
    ]


def test_without_rules_nothing_is_routed_and_nothing_of_before_afterwards(region: Region) -> None:
    region.send("1.2.1")
    region.run()
    region.rules(AT_ONCE)
    region.send("1.2.2")
    region.run()

    assert region.orders() == [("1.2.2", "WS1"), ("1.2.2", "WS2")]
    region.routing.look_again("1.2.1")
    region.run()
    assert ("1.2.1", "WS1") in region.orders()


def test_a_file_with_a_fault_leaves_the_rules_in_force(region: Region) -> None:
    region.rules(AT_ONCE)

    with pytest.raises(RulesWrong, match="line 3: no destination WS9 is known"):
        region.rules('[[rule]]\nname = "All"\nsend = "WS9"\n')

    version = RuleBook(region.shelf.pool).in_force()
    assert version is not None
    assert (version.text, version.loaded_by) == (AT_ONCE, "a person")


def test_a_title_of_two_trusts_is_no_destination_and_hinders_no_other(region: Region) -> None:
    region.add_peer("TWICE", "REM", host="10.2.0.1", port=104)
    region.add_peer("TWICE", "RBN", host="10.2.0.2", port=104)

    region.rules(AT_ONCE)
    with pytest.raises(RulesWrong, match="no destination TWICE is known"):
        region.rules(AT_ONCE.replace("WS1", "TWICE"))


def test_it_waits_until_the_study_is_quiet(region: Region) -> None:
    region.rules(HELD)
    region.send("1.2.1")
    region.run()
    assert region.orders() == []
    ((held, because), _) = region.held()
    assert (held.study_uid, held.needs_person) == ("1.2.1", False)
    assert because == "it waits to be quiet for 60 s"

    region.pass_by(40)
    region.send("1.2.1")
    region.run()
    region.pass_by(40)
    region.run()
    assert region.orders() == []

    region.pass_by(30)
    region.run()
    assert region.orders() == [("1.2.1", "WS1"), ("1.2.1", "WS2")]
    assert region.deliveries()[0]["because"] == "rule CT: quiet for 60 s"


def test_one_that_waits_holds_up_no_other(region: Region) -> None:
    region.rules(HELD + '[[rule]]\nname = "MR"\nmatch.modality = "MR"\nsend = "WS1"\n')
    region.send("1.2.1")
    region.send("1.2.2", Modality="MR")

    region.run()

    assert region.orders() == [("1.2.2", "WS1")]


def test_it_waits_for_as_many_as_are_expected(region: Region) -> None:
    region.rules(AT_ONCE + "hold = { count = 2 }\n")
    region.send("1.2.1")
    region.run()
    assert region.held()[0][1] == "it waits for 2 instances, of which 1 are here"

    region.send("1.2.1")
    region.run()

    assert len(region.orders()) == 2


def test_it_waits_for_as_many_as_the_instances_say(region: Region) -> None:
    region.rules(AT_ONCE + 'hold = { count = "NumberOfStudyRelatedInstances", at_most_s = 600 }\n')
    region.send("1.2.1", NumberOfStudyRelatedInstances="2")
    region.run()
    assert region.orders() == []

    region.send("1.2.1", NumberOfStudyRelatedInstances="2")
    region.run()
    assert len(region.orders()) == 2

    region.send("1.2.2", NumberOfStudyRelatedInstances="5")
    region.run()
    assert len(region.orders()) == 2
    region.pass_by(601)
    region.run()
    assert region.deliveries()[-1]["because"] == "rule CT: not complete after 600 s: it goes as it is"


def test_several_rules_for_one_destination_are_put_together(region: Region) -> None:
    region.rules(
        AT_ONCE
        + '[[rule]]\nname = "Head"\nmatch.body_part = "HEAD"\nsend = "WS1"\n'
        + 'priority = "high"\nhold.quiet_s = 60\n'
    )
    region.send("1.2.1", BodyPartExamined="HEAD")
    region.run()
    assert region.orders() == [("1.2.1", "WS2")]

    region.pass_by(61)
    region.run()

    assert region.deliveries()[1]["because"] == "rule CT, Head: quiet for 60 s"
    assert region.deliveries()[1]["priority"] == "high"


def test_a_study_in_doubt_waits_for_a_person(region: Region) -> None:
    region.rules(AT_ONCE)
    region.send("1.2.1")
    region.send("1.2.1", PatientID="654321")
    sent = region.send("1.2.2")
    sent.StudyDescription = "Other"
    region.shelf.send(sent)
    region.run()

    assert region.orders() == []
    assert {because for _, because in region.held()} == {CONTESTED, INCONSISTENT}
    assert all(held.needs_person for held, _ in region.held())

    # Corrected to one patient, it goes; sent on by a person, it goes too.
    with region.shelf.pool.connection() as connection:
        attributes = {"00100020": {"vr": "LO", "Value": ["123456"]}}
        record(connection, NewCorrection("1.2.1", attributes, Reason.CORRECT, "a person"))
        connection.execute(
            "update routing set released_at = now(), released_by = 'a person' where study_id ="
            " (select id from study where uid = '1.2.2')"
        )
    region.run()
    assert {study for study, _ in region.orders()} == {"1.2.1", "1.2.2"}


def test_one_studys_trouble_is_no_others(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    region.rules(AT_ONCE)
    look = wishes
    seen: list[int] = []

    def at_first_wrong(*args: object) -> object:
        seen.append(1)
        if len(seen) == 1:
            raise KeyError("anything")
        return look(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(routing, "wishes", at_first_wrong)
    region.send("1.2.1")
    region.send("1.2.2")

    region.run()

    assert {study for study, _ in region.orders()} == {"1.2.2"}
    ((held, because),) = region.held()
    assert (held.study_uid, held.needs_person) == ("1.2.1", True)
    assert because == "a person decides: it could not be looked at: KeyError"
    region.routing.look_again("1.2.1")
    region.run()
    assert region.held() == []
    assert len(region.orders()) == 4


def test_a_night_rule_goes_by_when_it_came(region: Region) -> None:
    region.rules(AT_ONCE + 'match.time = "20:00-08:00"\nmatch.weekday = "Fri"\n')
    for study, moment in {
        "1.2.1": datetime(2026, 7, 3, 18, 59, tzinfo=UTC),  # Friday, 19:59 in London
        "1.2.2": datetime(2026, 7, 3, 19, 0, tzinfo=UTC),
        "1.2.3": datetime(2026, 7, 4, 6, 59, tzinfo=UTC),  # the night of Friday
        "1.2.4": datetime(2026, 7, 4, 7, 0, tzinfo=UTC),
        "1.2.5": datetime(2026, 7, 4, 20, 0, tzinfo=UTC),
        "1.2.6": datetime(2026, 12, 4, 20, 0, tzinfo=UTC),
    }.items():
        region.send(study)
        region.came(study, moment)

    region.run()

    assert {study for study, _ in region.orders()} == {"1.2.2", "1.2.3", "1.2.6"}


class TestPerformed:
    """A modality that says when it is done (MPPS)."""

    RULES = AT_ONCE + "hold = { mpps = true, at_most_s = 7200 }\n"

    def test_it_waits_for_the_steps_and_for_what_they_list(self, region: Region) -> None:
        region.rules(self.RULES)
        steps = PostgresPerformed(region.shelf.pool)
        study = {"0020000D": {"vr": "UI", "Value": ["1.2.1"]}}
        began: dict[str, dict[str, Any]] = {
            "00400270": {"vr": "SQ", "Value": [study]},
            "00400252": {"vr": "CS", "Value": ["IN PROGRESS"]},
        }
        said = Said(frozenset({"1.2.1"}), frozenset(), frozenset(), "123456", "RBL", "")
        steps.create("1.9.1", "RBL", "CT1", began, said)
        first = region.send("1.2.1", SOPInstanceUID="1.2.1.1.1")
        region.run()
        assert [because for _, because in region.held()] == ["it waits for the modality's steps to end"] * 2

        images = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in (first.SOPInstanceUID, "1.2.1.1.2")]
        series = {"00081140": {"vr": "SQ", "Value": images}}
        steps.change("1.9.1", "RBL", {"00400340": {"vr": "SQ", "Value": [series]}}, State.COMPLETED, "")
        region.pass_by(60)
        region.run()
        assert region.orders() == []
        assert region.held()[0][1] == "it waits for 1 instances that the modality listed"

        region.send("1.2.1", SOPInstanceUID="1.2.1.1.2")
        region.run()
        region.pass_by(60)
        region.run()
        assert len(region.orders()) == 2
        assert region.deliveries()[0]["because"] == "rule CT: the modality's steps have ended"


def test_what_a_note_hides_is_not_sent_until_it_shows_again(region: Region) -> None:
    region.rules(HELD)
    sent = region.send("1.2.1")
    region.shelf.send(note("113001", [sent]), origin=origin("RBL"))
    region.run()
    region.pass_by(61)
    region.run()
    assert region.orders() == []

    with region.shelf.pool.connection() as connection:
        number = connection.execute("select id from rejection_note").fetchone()
    assert number
    Rejections(region.shelf.pool).undo(number[0], "a person")
    region.run()
    region.pass_by(61)
    region.run()
    assert region.orders() == [("1.2.1", "WS1"), ("1.2.1", "WS2")]


class TestPriors:
    RULES = """
[[rule]]
name = "Priors"
match.modality = "CT"
prefetch = { to = "WS1", same = ["modality"], at_most = 2, within_days = 400 }
"""

    def test_the_newest_of_the_same_patient_and_issuer(self, region: Region) -> None:
        region.send("1.1.1", StudyDate="20250601")
        region.send("1.1.2", StudyDate="20250701")
        region.send("1.1.3", StudyDate="20250801")
        region.send("1.1.4", StudyDate="20240101")  # too long ago
        region.send("1.1.5", StudyDate="20250901", Modality="MR")
        region.send("1.1.6", StudyDate="20250901", trust="REM")  # another person's 123456
        region.send("1.1.7", StudyDate="20250901", PatientID="7")
        region.send("1.1.8", StudyDate="20270901")  # not before
        region.run()
        region.rules(self.RULES)

        region.send("1.2.1", StudyDate="20260102")
        region.run()
        region.send("1.2.1", StudyDate="20260102")
        region.run()

        assert region.orders() == [("1.1.3", "WS1"), ("1.1.2", "WS1")]
        assert region.deliveries()[0]["because"] == "rule Priors: an earlier study of the patient"

    def test_an_identifier_with_its_issuer_crosses_trusts(self, region: Region) -> None:
        nhs = {"PatientID": "9990000018", "IssuerOfPatientID": "NHS"}
        region.send("1.1.1", trust="REM", **nhs)
        region.run()
        region.rules(self.RULES)

        region.send("1.2.1", **nhs)
        region.run()

        assert region.orders() == [("1.1.1", "WS1")]

    def test_no_identifier_has_no_priors(self, region: Region) -> None:
        region.send("1.1.1", PatientID="UNKNOWN")
        region.run()
        region.rules(self.RULES)

        region.send("1.2.1", PatientID="UNKNOWN")
        region.run()

        assert region.orders() == []

    def test_in_doubt_nothing_is_fetched(self, region: Region) -> None:
        region.send("1.1.1")
        region.run()
        region.rules(self.RULES)

        region.send("1.2.1")
        region.send("1.2.1", PatientID="7")
        region.run()

        assert region.orders() == []

    def test_what_was_brought_lately_is_not_brought_again_and_later_it_is(self, region: Region) -> None:
        region.send("1.1.1", StudyDate="20250601")
        region.run()
        region.rules(self.RULES)

        region.send("1.2.1", StudyDate="20260102")
        region.run()
        region.send("1.2.2", StudyDate="20260102")
        region.run()
        rounds = [(each["study_uid"], each["round"]) for each in region.deliveries()]
        assert ("1.1.1", 1) in rounds
        assert ("1.1.1", 2) not in rounds

        region.pass_by(100_000)
        region.send("1.2.3", StudyDate="20250901")
        region.run()
        assert ("1.1.1", 2) in [(each["study_uid"], each["round"]) for each in region.deliveries()]


class TestCoercions:
    def test_what_a_peer_sends_wrong_is_right_before_rules_see_it(self, region: Region) -> None:
        region.add_peer("CT7", coercions=("site 7",))
        region.rules(
            """
[[rule]]
name = "Heads"
match.body_part = "HEAD"
send = "WS1"

[[coercion]]
name = "site 7"
match.modality = "CT"
do = [
  { map = "BodyPartExamined", values = { KOPF = "HEAD" } },
  { strip = "AccessionNumber", leading = "0" },
]
"""
        )
        region.send("1.2.1", peer="CT7", BodyPartExamined="KOPF", AccessionNumber="00012")
        region.send("1.2.2", peer="CT8", BodyPartExamined="KOPF", AccessionNumber="00012")

        region.run()

        assert region.orders() == [("1.2.1", "WS1")]
        assert region.shelf.rows("select uid, accession from study order by id") == [
            ("1.2.1", "12"),
            ("1.2.2", "00012"),
        ]

    def test_a_missing_issuer_is_added(self, region: Region) -> None:
        region.add_peer("CT7", coercions=("issuer",))
        region.rules(
            '[[coercion]]\nname = "issuer"\n'
            'do = { set = "IssuerOfPatientID", to = "OLD", only_missing = true }\n'
        )
        region.send("1.2.1", peer="CT7")
        region.send("1.2.2", peer="CT7", IssuerOfPatientID="NHS")
        region.run()

        issuers = region.shelf.rows(
            "select s.uid, p.issuer from identity i join patient p on p.id = i.patient_id"
            " join study s on s.id = i.study_id order by s.id"
        )
        assert issuers == [("1.2.1", "OLD"), ("1.2.2", "NHS")]


@pytest.fixture(scope="module")
def storehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


class _Killed(Exception):
    """The process ended here."""


#: What happens, one after the other: an instance of a study comes, time passes, the follower runs, or dies
#: after so many orders, or before it moves its place-mark.
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 2)),
        st.tuples(st.just("pass"), st.sampled_from([20, 50])),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("killed after orders"), st.integers(0, 2)),
        st.tuples(st.just("killed before the mark"), st.just(0)),
    ),
    max_size=14,
)
_studies = iter(range(1, 1_000_000))


@given(steps=_STEPS)
def test_whatever_happens_each_round_ends_in_one_complete_order_for_each_destination(
    region_of_module: Region, steps: list[tuple[str, int]]
) -> None:
    region = region_of_module
    base = f"1.9.{next(_studies)}"
    region.shelf.rows("with gone as (delete from routing returning 1) select count(*) from gone")
    region.run()
    sent: dict[str, int] = {}
    for step, number in [*steps, ("pass", 61), ("run", 0), ("run", 0)]:
        match step:
            case "send":
                study = f"{base}.{number}"
                region.send(study)
                sent[study] = sent.get(study, 0) + 1
            case "pass":
                region.pass_by(number)
            case "run":
                region.run()
            case "killed after orders":
                with pytest.MonkeyPatch.context() as patch:
                    _die_after_orders(patch, region, number)
                    _ends(region)
            case _:
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr("storage.changes.ChangeFeed.move", _die)
                    _ends(region)

    ordered = sorted((study, to) for study, to in region.orders() if study in sent)
    assert ordered == sorted((study, to) for study in sent for to in ("WS1", "WS2"))
    assert [held for held, _ in region.held() if held.study_uid in sent] == []
    # The last order of each came after its last instance.
    late = region.shelf.rows(
        "select s.uid from routing r join study s on s.id = r.study_id where r.latest_at > r.ordered_at"
    )
    assert late == []


def _die(*_: object) -> None:
    raise _Killed


def _die_after_orders(patch: pytest.MonkeyPatch, region: Region, number: int) -> None:
    order, left = PostgresDeliveries.order, [number]

    def counting(*args: object, **named: object) -> int:
        if not left[0]:
            raise _Killed
        left[0] -= 1
        return order(*args, **named)  # type: ignore[arg-type]

    patch.setattr(PostgresDeliveries, "order", counting)


def _ends(region: Region) -> None:
    try:
        region.run()
    except _Killed:
        return


@pytest.fixture(scope="module")
def region_of_module(databases: Databases, storehouse: Path) -> Iterator[Region]:
    with (
        databases.one() as database,
        ConnectionPool(database, min_size=8, max_size=8) as pool,
    ):
        pool.wait()  # a pool that grows draws random numbers, which Hypothesis would take for a strategy's
        region = Region(Shelf(pool, FileObjects(storehouse, watermark_bytes=0)))
        region.workstations("WS1", "WS2")
        region.rules(HELD)
        yield region
