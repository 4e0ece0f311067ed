"""A FHIR server is told of studies by transactions, and holds what it should after whatever happened."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from exchange.people.person import NumberStatus
from exchange.reports.report import ReportStatus
from exchange.telling import fhir, web
from exchange.telling.opening import open_listener
from exchange.telling.outbox import Because
from exchange.telling.subscriber import Kind, Manner, Subscriber
from exchange.telling.thing import difference
from exchange.telling.web import Answer
from imx.demo.record.server import Fault, RecordServer
from tests.exchange.telling.material import NHS, never_of_two, studies_of
from tests.exchange.telling.region import HERE, IVY, RUTH, SAM, Region


def subscriber(record: RecordServer, **more: object) -> Subscriber:
    return Subscriber(name="record", kind=Kind.FHIR, address=record.url, **more)  # type: ignore[arg-type]


def test_a_linked_study_is_found_in_the_record_with_where_to_open_it(
    region: Region, record: RecordServer
) -> None:
    region.subscribe(subscriber(record))
    region.study(instances=2)
    region.tell()
    assert not record.store.current, "nobody is told of a study that is nobody's"

    region.link("1.2.1", RUTH)
    region.tell()

    [study] = record.store.find("ImagingStudy", patient__identifier=f"{NHS}|{RUTH}")
    assert study["numberOfInstances"] == 2
    assert study["procedureCode"][0]["coding"][0]["code"] == "CCHES"
    [endpoint] = record.store.find("Endpoint")
    assert study["endpoint"] == [{"reference": f"Endpoint/{endpoint['id']}", "type": "Endpoint"}]
    assert endpoint["address"] == "https://images.example/dicom-web"
    [patient] = record.store.find("Patient")
    assert set(patient) == {"resourceType", "id", "identifier", "meta"}, "no more than the number"
    assert region.states == [("1.2.1", "told", "")]


def test_its_manifest_and_its_reports_are_beside_it(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.report("1.2.1", ReportStatus.REGISTERED, "")
    region.tell()

    [study] = record.store.find("ImagingStudy")
    kos, fhir = sorted(record.store.find("DocumentReference"), key=lambda each: str(each["content"]))
    assert kos["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{fhir['id']}"
    url = kos["content"][0]["attachment"]["url"]
    assert url == "https://images.example/manifests/1.2.1?as=mado"
    assert not record.store.find("DiagnosticReport"), "one that is only to come"

    region.report("1.2.1", ReportStatus.PRELIMINARY)
    region.tell()
    [report] = record.store.find("DiagnosticReport")
    assert report["status"] == "preliminary"
    assert report["imagingStudy"][0]["reference"] == f"ImagingStudy/{study['id']}"
    assert report["subject"]["identifier"]["value"] == RUTH

    region.report("1.2.1", ReportStatus.ENTERED_IN_ERROR, "")
    region.tell()
    [withdrawn] = record.store.find("DiagnosticReport")
    assert (withdrawn["id"], withdrawn["status"]) == (report["id"], "entered-in-error")
    assert "fracture" not in str(withdrawn)

    region.rows("update report set study_uid = null, state = 'unmatched' returning id")
    region.note("1.2.1", Because.REPORT)
    region.tell()
    assert not record.store.find("DiagnosticReport"), "it belongs to another study by now"


def test_nothing_is_sent_where_nothing_changed(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    asked = len(record.seen)

    region.note("1.2.1", Because.PERSON)
    region.tell()

    assert len(record.seen) == asked
    assert region.rows("select count(*) from outbox") == [(0,)]


def test_many_changes_are_told_at_once(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    for _ in range(5):
        region.note("1.2.1", Because.CONTENT)
    region.tell()
    assert len(record.seen) == 1


def test_what_grew_is_replaced(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.study(instances=3)
    region.tell()

    [study] = record.store.find("ImagingStudy")
    assert (study["numberOfInstances"], study["meta"]["versionId"]) == (3, "2")


def test_a_study_that_becomes_somebody_elses_moves_in_one_step(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    for number in (RUTH, IVY, RUTH):
        region.link("1.2.1", number)
        region.tell()
        assert [studies_of(record, each) for each in (RUTH, IVY)] == [
            ["1.2.1"] if each == number else [] for each in (RUTH, IVY)
        ]
    assert never_of_two(record)
    acts = region.rows("select act from told where thing like 'Imaging%' order by id")
    assert [act for (act,) in acts] == ["told", "retracted", "told", "retracted", "told"]


def test_a_number_that_is_not_verified_any_more_takes_its_studies_out(
    region: Region, record: RecordServer
) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    for status in [each for each in NumberStatus if each is not NumberStatus.VERIFIED]:
        for now in (NumberStatus.VERIFIED, status):
            region.person(RUTH, now)
            region.note("1.2.1", Because.PERSON)
            region.tell()
            assert bool(record.store.find("ImagingStudy")) == (now is NumberStatus.VERIFIED)


def test_a_study_that_is_nobodys_any_more_is_taken_out(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.link("1.2.1")
    region.tell()
    assert not record.store.find("ImagingStudy")
    assert region.rows("select things from telling") == [([],)]


def test_what_does_not_show_any_more_is_taken_out(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    with region.pool.connection() as connection:
        connection.execute("update instance set hidden = true")
    region.note("1.2.1", Because.CONTENT)
    region.tell()
    assert not record.store.find("ImagingStudy")


def test_whoever_subscribes_late_hears_of_what_is_linked(region: Region, record: RecordServer) -> None:
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.subscribe(subscriber(record))
    region.tell()
    assert studies_of(record, RUTH) == ["1.2.1"]


def test_a_server_that_is_ill_costs_no_study_a_try(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    faults: list[Fault | int] = [503, 429, 502, 401, Fault.CUT_BEFORE, Fault.CUT_AFTER, 404, 302]
    for number, fault in enumerate(faults):
        uid = f"1.2.{number}"
        region.study(uid)
        region.link(uid, RUTH)
        record.faults.append(fault)
        region.tell()
        [(tries, why)] = region.rows("select tries, last_error from telling where state = 'waiting'")
        assert tries == 0
        assert why
        assert RUTH not in str(why)

        region.rows("update telling set due_at = now() returning id")
        region.tell()
        assert len(studies_of(record, RUTH)) == number + 1
    assert {state for _, state, _ in region.states} == {"told"}


def test_what_a_server_refuses_is_a_dead_letter_and_holds_up_nothing(
    region: Region, record: RecordServer
) -> None:
    region.subscribe(subscriber(record))
    for uid in ("1.2.1", "1.2.2"):
        region.study(uid)
        region.link(uid, RUTH)
    record.faults.append(422)
    region.tell()
    assert sorted(state for _, state, _ in region.states) == ["dead", "told"]  # type: ignore[type-var]
    [(why,)] = region.rows("select last_error from telling where state = 'dead'")
    assert why == "HTTP 422 (transient)"

    # More changes: what was refused may be taken now.
    for uid in ("1.2.1", "1.2.2"):
        region.note(uid, Because.CONTENT)
    region.tell()
    assert studies_of(record, RUTH) == ["1.2.1", "1.2.2"]


def test_what_is_refused_for_the_new_person_is_taken_from_the_old_one(
    region: Region, record: RecordServer
) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.link("1.2.1", IVY)
    record.faults.append(422)
    region.tell()
    assert not record.store.find("ImagingStudy")
    assert region.states == [("1.2.1", "dead", "HTTP 422 (transient)")]


def test_a_fault_of_ours_leaves_nothing_with_the_old_person(
    region: Region, record: RecordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    region.link("1.2.1", IVY)
    monkeypatch.setattr(fhir, "resources_of", None)
    region.tell()
    assert not record.store.find("ImagingStudy")
    [(_, state, why)] = region.states
    assert (state, why) == (
        "dead",
        "it failed 3 times: a fault of this service (TypeError); its log says more",
    )


def test_what_fails_often_enough_is_a_dead_letter(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    record.faults.extend([500, 409, 500])
    for _ in range(3):
        region.rows("update telling set due_at = now() returning id")
        region.tell()
    assert region.states == [("1.2.1", "dead", "it failed 3 times: HTTP 500 (transient)")]


def test_a_server_that_takes_few_at_once_is_told_in_parts(region: Region, record: RecordServer) -> None:
    record.most_entries = 8  # as Medplum
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    for number in range(9):
        region.report("1.2.1", ReportStatus.FINAL, number=f"R{number}")
    region.tell()
    [study] = record.store.find("ImagingStudy")
    beside = [each["imagingStudy"] for each in record.store.find("DiagnosticReport")]
    assert [each["reference"] for [each] in beside] == [f"ImagingStudy/{study['id']}"] * 9

    region.link("1.2.1", IVY)
    region.tell()
    kinds = ("ImagingStudy", "DocumentReference", "DiagnosticReport")
    held = [each["subject"]["identifier"]["value"] for kind in kinds for each in record.store.find(kind)]
    assert held == [IVY] * 12
    assert never_of_two(record)

    region.rows("update report set study_uid = null, state = 'unmatched' where number <> 'R0' returning id")
    region.study(instances=2)
    region.tell()
    assert len(record.store.find("DiagnosticReport")) == 1
    assert region.states == [("1.2.1", "told", "")]


def test_no_identifier_is_the_name_of_an_entry(region: Region) -> None:
    """Some servers put the place of a resource wherever they read the name of its entry (§3.1.0.11.2)."""
    region.study()
    region.link("1.2.1", RUTH)
    region.report("1.2.1", ReportStatus.FINAL)
    story = region.story("1.2.1")
    assert story is not None
    told = Subscriber(name="record", kind=Kind.FHIR, address="http://localhost")
    with closing(open_listener(told, HERE)) as listener:
        sayings = listener.sayings(story)
    steps = difference((), sayings)
    for entry in fhir.transaction(steps, sayings, HERE)["entry"]:
        assert f'"{entry["fullUrl"]}"' not in json.dumps(entry["resource"])
        assert entry["fullUrl"] not in str(entry["request"])


@pytest.mark.parametrize(
    ("status", "comes_to"), [("200 OK", 200), ("304", 200), ("422", 422), ("409 x", 409)]
)
def test_a_transaction_that_was_taken_for_a_batch_came_to_its_worst_entry(status: str, comes_to: int) -> None:
    entries = [{"response": {"status": each}} for each in ("201 Created", status)]
    body = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
    assert Answer(200, body, {}).as_whole.status == comes_to


def test_two_of_the_same_at_the_server_are_for_a_person(region: Region, record: RecordServer) -> None:
    twice = {"identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.1"}], "status": "available"}
    for _ in range(2):
        made = {"resourceType": "ImagingStudy", "subject": {"display": "somebody"}, **twice}
        record.store.interact("POST", "ImagingStudy", made)
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    assert region.states == [("1.2.1", "dead", "HTTP 412 (multiple-matches)")]


def test_an_answer_that_was_lost_is_asked_for_again(region: Region, record: RecordServer) -> None:
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    record.faults.append(Fault.CUT_AFTER)
    region.tell()
    region.link("1.2.1", SAM)
    region.rows("update telling set due_at = now() returning id")
    region.tell()
    assert (studies_of(record, RUTH), studies_of(record, SAM)) == ([], ["1.2.1"])
    assert never_of_two(record)


def test_a_server_that_says_nothing_is_left(
    region: Region, record: RecordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ANSWER_S", 0.2)
    region.subscribe(subscriber(record))
    region.study()
    region.link("1.2.1", RUTH)
    record.faults.append(Fault.SILENCE)
    region.tell()
    assert region.states == [("1.2.1", "waiting", "no answer from its address (ReadTimeout)")]


def test_it_is_shown_a_token_from_a_file(region: Region, record: RecordServer, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("wrong")
    record.token = "right"
    region.subscribe(subscriber(record, secret_file=secret))
    region.study()
    region.link("1.2.1", RUTH)
    region.tell()
    [(_, state, why)] = region.states
    assert state == "waiting"
    assert why == "it does not let us in (HTTP 401): look at its account and secret file"

    secret.write_text("right\n")
    region.rows("update telling set due_at = now() returning id")
    region.tell()
    assert studies_of(record, RUTH) == ["1.2.1"]


def test_it_is_shown_a_token_that_was_granted(region: Region, record: RecordServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    record.token, record.client = "granted", ("imx", "hush")
    at = record.url.removesuffix("/fhir") + "/token"
    region.subscribe(subscriber(record, account="imx", secret_file=secret, manner=Manner(token_url=at)))
    for uid in ("1.2.1", "1.2.2"):
        region.study(uid)
        region.link(uid, RUTH)
    region.tell()
    assert studies_of(record, RUTH) == ["1.2.1", "1.2.2"]
    assert [path for _, path in record.seen].count("/token") == 1
