"""What order messages mean, and where they are said to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.hl7.errors import BadField, BadMessage
from exchange.hl7.message import read_message
from exchange.hl7.namespace import Namespace
from exchange.hl7.orders import Control, events_of
from exchange.order import Code, Priority, Status, Verification
from tests.exchange.hl7.material import PID, PV1, SENT_AT, header, joined, omi, orm

WIRRAL = Namespace("RBL", "RBL", frozenset({"CERNER"}))


def test_an_imaging_order() -> None:
    (event,) = events_of(read_message(omi()), WIRRAL)

    order, patient = event.order, event.order.patient
    assert (event.control, event.status, event.said.by) == (Control.NEW, Status.SCHEDULED, "1")
    assert (order.trust, order.number, order.placer, order.filler) == ("RBL", "F1", "P1", "F1")
    assert (order.accession, order.accession_issuer, order.study_uid) == ("RBL0001", "RBL", "1.2.826.0.1.1")
    assert (patient.identifier, patient.issuer, patient.birth_date) == ("123456", "RBL", "19500102")
    assert (patient.name, patient.sex) == ("O'Neil^Zoë^Ann^Ms", "F")
    assert (patient.nhs_number, patient.nhs_status) == ("9990000018", Verification.VERIFIED)
    assert order.codes == (Code("CHEAD", "NICIP", "CT Head"),)
    assert (order.requesting, order.referring, order.admission) == ("Grey^Meg", "Smith^Jo^^Dr", "V77")
    (step,) = order.steps
    assert (step.id, step.modality, step.station_ae_title, step.station_name) == (
        "SPS1",
        "CT",
        "CT1",
        "CT ROOM",
    )
    assert (step.date, step.time, step.location) == ("20260303", "103000", "Room 2")


def test_an_order_of_an_older_system() -> None:
    (event,) = events_of(read_message(orm()), WIRRAL)

    order, (step,) = event.order, event.order.steps
    assert (order.accession, order.requested_id, order.study_uid) == ("RBL0002", "RP2", "1.2.826.0.1.2")
    assert (order.priority, step.id, step.modality) == (Priority.STAT, "SPS2", "DX")
    assert (step.date, step.time) == ("20260303", "110000")
    assert step.protocol == (Code("CHEST1", "L", "Chest PA"),)


def test_specimens_and_who_asks_for_it() -> None:
    message = omi().replace(f"{SENT_AT}\rTQ1".encode(), f"{SENT_AT}||||||||DERM^Dermatology\rTQ1".encode())
    message += b"SPM|1|P77&ICE^S26-1&LAB||TISS^Tissue^HL70487||||40983000^Upper arm^SCT\rSAC|||S26-1 A1\r"
    (event,) = events_of(read_message(message), WIRRAL)

    assert event.order.specimens == ("P77", "S26-1", "S26-1 A1")
    assert event.order.body_site == Code("40983000", "SCT", "Upper arm")
    assert event.order.department == "Dermatology"


def test_the_steps_of_one_procedure_come_in_orders_of_their_own() -> None:
    (event,) = events_of(read_message(orm() + orm().split(b"\r", 3)[3].replace(b"SPS2", b"SPS3")), WIRRAL)

    assert [step.id for step in event.order.steps] == ["SPS2", "SPS3"]


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [("", "RBL"), ("RBL", "RBL"), ("CERNER", "RBL"), ("REM", "REM"), ("&1.2.3&ISO", "1.2.3")],
)
def test_an_authority_is_the_trust_itself_or_another(authority: str, issuer: str) -> None:
    (event,) = events_of(read_message(omi(pid=f"PID|||123^^^{authority}^PI||A^B||19500102|F")), WIRRAL)

    assert event.order.patient.issuer == issuer


def test_the_trusts_own_number_goes_before_others() -> None:
    pid = "PID|||77^^^REM^MR~9990000018^^^^NH~123^^^RBL^PI||A^B||19500102|F"
    (event,) = events_of(read_message(omi(pid=pid)), WIRRAL)

    assert (event.order.patient.identifier, event.order.patient.nhs_number) == ("123", "9990000018")
    assert event.order.patient.nhs_status is Verification.UNKNOWN


@pytest.mark.parametrize(
    ("control", "orc5", "status"),
    [("CA", "", Status.CANCELLED), ("DC", "", Status.DISCONTINUED), ("XO", "", None),
     ("SC", "CM", Status.COMPLETED), ("SC", "IP", Status.IN_PROGRESS), ("XO", "CA", Status.CANCELLED)],
)  # fmt: skip
def test_what_control_codes_say_of_the_status(control: str, orc5: str, status: Status | None) -> None:
    (event,) = events_of(read_message(omi(control, orc5=orc5)), WIRRAL)

    assert event.status is status
    assert bool(event.order.steps) is event.control.says_content


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (joined([header(), PID]), "ORC"),
        (joined([header(), PID, "OBR|1"]), "OBR"),
        (joined([header(), PID, "ORC|NW|1"]), "OBR"),
        (joined([header(), "ORC|NW|1", "OBR|1|1||A^B|||||||||||||||||||||CT"]), "PID"),
        (omi(pid="PID|||~^^^RBL||A^B"), "PID-3"),
        (omi(pid="PID|||1||A^B||born in May|F"), "PID-7"),
        (omi(pid=f"PID|||{'9' * 65}||A^B"), "PID-3"),
        (omi(pid="PID|||1~999^^^^NH||A^B"), "PID-3"),
        (omi(control="RE"), "ORC-1"),
        (omi(control=""), "ORC-1"),
        (omi(control="SC"), "ORC-5"),
        (omi(control="SC", orc5="ZZ"), "ORC-5"),
        (omi(accession="9" * 17), "IPC-1"),
        (omi(study="not a UID"), "IPC-3"),
        (omi(at="soon"), "ORC-9"),
        (joined([header(), PID, PV1, "ORC|NW|1", "OBR|1|1||A^B"]), "IPC-5"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(raw: bytes, place: str) -> None:
    with pytest.raises(BadField) as caught:
        events_of(read_message(raw), WIRRAL)
    assert str(caught.value.where) == place


@given(
    raw=st.sampled_from([omi(), orm()]),
    edits=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 5), st.text(max_size=8).map(str.encode)), max_size=6
    ),
)
def test_damaged_messages_mean_something_or_are_refused(
    raw: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    for at, gone, new in edits:
        at %= len(raw) + 1
        raw = raw[:at] + new + raw[at + gone :]
    try:
        events = events_of(read_message(raw), WIRRAL)
    except BadMessage:
        return
    assert all(event.order.number and event.order.patient.issuer for event in events)
