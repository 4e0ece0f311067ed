"""Forwarding: what happens when anything fails at any moment."""

from dataclasses import replace
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_router.deliveries import batch
from dicom_router.deliveries.claims import Claims
from dicom_router.deliveries.destinations.port import CutOff, NotReached, Sent
from dicom_router.rules.desk import RuleDesk
from exchange.deliveries import DeliveryDesk, Priority
from storage.elements import EXPLICIT_LITTLE
from storage.leaving import Leaving
from storage.syntaxes import J2K_LOSSLESS
from tests.dicom_router.holdings import Holdings
from tests.dicom_router.post import NAME, Post
from tests.storage.material import instance
from tests.storage.notes import note


@pytest.fixture
def post(holdings: Holdings) -> Post:
    return Post(holdings)


@pytest.fixture(autouse=True)
def each_is_noted_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where each takes longer than NOTE_EVERY_S."""
    monkeypatch.setattr(batch, "NOTE_EVERY_S", 0)


def test_every_instance_of_a_study_goes_once(post: Post) -> None:
    studies = [post.holdings.study(3), post.holdings.study(1)]
    for uid in studies:
        post.order(uid)

    post.run()

    assert post.to.held == dict.fromkeys(post.holdings.received, 1)
    assert post.states() == ["delivered", "delivered"]


def test_many_small_studies_share_a_connection(post: Post) -> None:
    for _ in range(20):
        post.order(post.holdings.study(1))

    post.process().look_after(NAME)

    assert post.to.opened == 1
    assert len(post.to.held) == 20


def test_exactly_what_was_missing_is_sent_again(post: Post) -> None:
    uid = post.holdings.study(5)
    post.order(uid)
    sent: list[str] = []

    def cut(leaving: Leaving) -> Sent | None:
        sent.append(leaving.stored.uid)
        if len(sent) == 3:
            raise CutOff("the peer aborted")
        return None

    post.to.before = cut
    post.run()

    assert len(sent) == 6  # the third twice
    assert sent[2] == sent[3]
    assert post.to.held == dict.fromkeys(post.holdings.received, 1)


def test_what_a_rejection_note_hides_is_not_sent_and_the_note_is(post: Post) -> None:
    made = [instance(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4") for _ in range(3)]
    rejecting = note("113037", made[:1])
    for each in (*made, rejecting):
        post.holdings.keep(each)
    post.order("1.2.3")

    post.run()

    assert set(post.to.held) == {each.SOPInstanceUID for each in (*made[1:], rejecting)}
    assert post.states() == ["delivered"]


@pytest.mark.parametrize("settled", [False, True])
def test_what_came_in_doubt_after_a_rule_had_ordered_it_waits_for_a_person(post: Post, settled: bool) -> None:
    uid = post.holdings.study(2)
    post.order(uid)
    with post.pool.connection() as connection:
        connection.execute(
            "insert into routing (study_id, destination, state, rules, priority, opened_at, latest_at)"
            " select id, %s, 'ordered', '{CT}', 'medium', now(), now() from study",
            (NAME,),
        )
        connection.execute("update study set contested = true")

    process = post.process()
    assert process.claims.due() == []
    process.look_after(NAME)
    assert post.to.held == {}
    [waiting] = DeliveryDesk(post.pool).deliveries()
    assert (
        waiting.last_error == "a person decides: its study is contested or inconsistent (imx rules release)"
    )

    if settled:
        with post.pool.connection() as connection:
            connection.execute("update study set contested = false")
    else:
        assert RuleDesk(post.pool).release(uid, "a person") == 1
    post.run()
    assert post.to.held == dict.fromkeys(post.holdings.received, 1)


def test_what_grew_since_is_sent_when_it_is_ordered_again(post: Post) -> None:
    uid = post.holdings.study(2)
    post.order(uid)
    post.run()
    more = set(post.holdings.received)
    post.holdings.study(2, StudyInstanceUID=uid)

    post.order(uid)
    post.run()

    assert post.to.held == dict.fromkeys(post.holdings.received, 1)
    assert len(post.to.held) == 4 > len(more)


def test_ordered_while_it_is_sent_it_is_looked_at_again(post: Post) -> None:
    uid = post.holdings.study(2)
    post.order(uid)
    grown = False

    def grow(leaving: Leaving) -> None:
        nonlocal grown
        if not grown:
            grown = True
            post.holdings.study(1, StudyInstanceUID=uid)
            post.order(uid)

    post.to.after = grow
    post.process().look_after(NAME)

    assert post.to.held == dict.fromkeys(post.holdings.received, 1)
    assert post.states() == ["delivered"]


def test_no_study_waits_for_one_that_fails(post: Post) -> None:
    bad, good = post.holdings.study(1), post.holdings.study(1)
    post.order(bad)
    post.order(good)

    def refuse(leaving: Leaving) -> Sent | None:
        is_bad = leaving.stored.study_uid == bad
        return Sent(leaving.stored.uid, is_kept=False, because="0xC000 Failure") if is_bad else None

    post.to.before = refuse
    post.process().look_after(NAME)

    assert post.states() == ["waiting", "delivered"]
    [row] = post.rows("select tries, last_error from delivery where state = 'waiting'")
    assert row == {"tries": 1, "last_error": "it refused 1 of 1 instances: 0xC000 Failure (1)"}


def test_after_so_many_tries_it_is_left_to_a_person(post: Post) -> None:
    post.order(post.holdings.study(1))
    post.to.before = lambda leaving: Sent(leaving.stored.uid, is_kept=False, because="0xC000 Failure")

    post.run()

    [row] = post.rows("select state, tries, last_error, ended_at is not null as has_ended from delivery")
    assert row == {
        "state": "dead",
        "tries": 5,
        "last_error": "it failed 5 times: it refused 1 of 1 instances: 0xC000 Failure (1)",
        "has_ended": True,
    }


def test_a_destination_that_is_away_costs_no_tries_and_opens_its_breaker(post: Post) -> None:
    for _ in range(3):
        post.order(post.holdings.study(1))
    post.to.is_there = lambda: False
    process = post.process()
    for _ in range(5):
        process.look_after(NAME)

    assert post.rows("select failures, open_until > now() as is_open from breaker") == [
        {"failures": 3, "is_open": True}
    ]
    assert {row["tries"] for row in post.rows("select tries from delivery")} == {0}
    assert process.claims.due() == []

    post.to.is_there = lambda: True
    post.run()
    assert post.states() == ["delivered"] * 3
    assert post.rows("select failures, open_until from breaker") == [{"failures": 0, "open_until": None}]


def test_what_waited_too_long_for_a_destination_is_left_to_a_person(post: Post) -> None:
    post.order(post.holdings.study(1))
    post.to.is_there = lambda: False
    process = post.process()
    process.look_after(NAME)
    with post.pool.connection() as connection:
        connection.execute("update delivery set give_up_from = now() - interval '4 days'")

    assert process.claims.give_up_unreachable() == 1

    [row] = post.rows("select state, last_error from delivery")
    assert row == {"state": "dead", "last_error": "its destination has failed for 3 days: nobody answers"}


def test_out_of_resources_is_the_destinations_fault(post: Post) -> None:
    post.order(post.holdings.study(1))
    post.to.before = lambda leaving: Sent(leaving.stored.uid, is_kept=False, because="0xA700", is_ill=True)

    post.process().look_after(NAME)

    [row] = post.rows("select d.tries, b.failures from delivery d join breaker b using (destination)")
    assert row == {"tries": 0, "failures": 1}


def test_success_is_not_believed_where_the_destination_can_be_asked(post: Post) -> None:
    post.enter(is_asked=True)
    uid = post.holdings.study(3)
    lost = next(iter(post.holdings.received))
    post.to.forgets.add(lost)
    post.order(uid)
    process = post.process()

    process.look_after(NAME)

    [row] = post.rows("select state, last_error from delivery")
    assert row == {
        "state": "waiting",
        "last_error": "it answered success for 3 instances and, asked, lacks 1",
    }
    post.to.forgets.clear()
    post.run()
    assert post.to.held == dict.fromkeys(post.holdings.received, 1)
    assert post.states() == ["delivered"]


def test_a_destination_that_indexes_later_is_not_sent_everything_again(post: Post) -> None:
    post.enter(is_asked=True)
    uid = post.holdings.study(2)
    post.to.forgets.update(post.holdings.received)
    post.order(uid)
    post.process().look_after(NAME)

    post.to.held = dict.fromkeys(post.holdings.received, 1)
    post.run()

    assert post.to.held == dict.fromkeys(post.holdings.received, 1)
    assert post.states() == ["delivered"]


def test_a_study_of_which_nothing_is_kept_is_a_fault_that_is_said(post: Post) -> None:
    post.order("1.2.3.4")

    post.run()

    [row] = post.rows("select state, last_error from delivery")
    assert row["state"] == "dead"
    assert "nothing of this study is kept here" in row["last_error"]


def test_as_many_turns_as_the_destination_takes_over_all_processes(post: Post) -> None:
    one, other = post.process(), post.process()

    first = one.turns.take(NAME, 2)
    second = other.turns.take(NAME, 2)

    assert first is not None
    assert second is not None
    assert {first.number, second.number} == {1, 2}
    assert one.turns.take(NAME, 2) is None
    one.turns.give_back(first)
    third = other.turns.take(NAME, 2)
    assert third is not None
    assert third.number == 1


def test_a_turn_that_ended_is_not_renewed(post: Post) -> None:
    process = post.process()
    turn = process.turns.take(NAME, 1)
    assert turn is not None
    process.turns.renew()
    assert process.turns.is_ours(turn)

    post.kill()
    process.turns.renew()

    assert not process.turns.is_ours(turn)


def test_the_most_urgent_goes_first(post: Post) -> None:
    uids = {each: post.holdings.study(1) for each in (Priority.LOW, Priority.MEDIUM, Priority.HIGH)}
    for priority, uid in uids.items():
        post.order(uid, priority=priority)
    seen: list[str] = []
    post.to.after = lambda leaving: seen.append(leaving.stored.study_uid)

    post.process().look_after(NAME)

    assert seen == [uids[Priority.HIGH], uids[Priority.MEDIUM], uids[Priority.LOW]]


def test_what_a_dead_process_claimed_waits_again_and_only_the_unanswered_is_sent_again(post: Post) -> None:
    uid = post.holdings.study(4)
    post.order(uid)
    process = post.process()
    turn = process.turns.take(NAME, 1)
    assert turn is not None
    [claimed] = process.claims.claim(turn, 5)
    wanted = process.claims.wanted([claimed], with_taken=False)
    process.claims.note(wanted[:3])
    post.kill()

    post.run()

    assert len(post.to.held) == 1  # the others were noted
    assert post.states() == ["delivered"]
    # Whoever was thought dead changes nothing any more.
    process.claims.failed(turn, claimed, "too late", 0.5)
    process.claims.done(turn, [claimed])
    process.claims.release(turn)
    assert post.states() == ["delivered"]


def test_what_failed_before_is_sent_alone(post: Post) -> None:
    for _ in range(3):
        post.order(post.holdings.study(1))
    with post.pool.connection() as connection:
        connection.execute("update delivery set tries = 1 where id = (select min(id) from delivery)")
    claims: Claims = post.process().claims
    turn = post.process().turns.take(NAME, 1)
    assert turn is not None

    assert [len(claims.claim(turn, 10)) for _ in range(3)] == [1, 2, 0]


def test_only_what_was_in_flight_is_sent_again(post: Post) -> None:
    post.order(post.holdings.study(3))
    count = 0

    def die(leaving: Leaving) -> None:
        nonlocal count
        count += 1
        if count == 2:
            post.die()

    post.to.after = die

    post.run()

    assert set(post.to.held) == set(post.holdings.received)
    assert sorted(post.to.held.values()) == [1, 1, 2]


class Luck(Enum):
    """What may become of one instance."""

    TAKEN = "taken"
    REFUSED = "refused"
    CUT = "cut off before it was answered"
    ANSWER_LOST = "taken, and the answer lost"
    KILLED = "our process killed before"
    KILLED_AFTER = "our process killed after it was taken"
    AWAY = "the destination is away"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lucks=st.lists(st.sampled_from(Luck), max_size=25),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    is_asked=st.booleans(),
)
def test_whatever_happens_everything_arrives_in_the_end(
    post: Post, lucks: list[Luck], sizes: list[int], is_asked: bool
) -> None:
    post.forget()
    post.patience = replace(post.patience, tries=100)
    post.enter(is_asked=is_asked)
    script = iter(lucks)
    now = Luck.TAKEN
    lost = 0

    def before(leaving: Leaving) -> Sent | None:
        nonlocal now
        now = next(script, Luck.TAKEN)
        match now:
            case Luck.REFUSED:
                return Sent(leaving.stored.uid, is_kept=False, because="0xC000")
            case Luck.CUT:
                raise CutOff("the peer aborted")
            case Luck.AWAY:
                raise NotReached("nobody answers")
            case Luck.KILLED:
                post.die()
        return None

    def after(leaving: Leaving) -> None:
        nonlocal lost
        if now in (Luck.ANSWER_LOST, Luck.KILLED_AFTER):
            lost += 1
            if now is Luck.KILLED_AFTER:
                post.die()
            raise CutOff("the peer vanished")

    post.to.before, post.to.after = before, after
    for size in sizes:
        post.order(post.holdings.study(size))

    post.run()

    assert set(post.to.held) == set(post.holdings.received)
    assert set(post.states()) == {"delivered"}
    assert sum(post.to.held.values()) <= len(post.to.held) + (0 if is_asked else lost)
    assert post.rows("select count(*) from turn where until > now()") == [{"count": 0}]


def test_what_has_no_room_in_the_wished_syntax_goes_as_it_is_stored(post: Post) -> None:
    study = post.holdings.study(1)
    single_bits = instance(
        StudyInstanceUID=study, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=b"\x01\x02"
    )
    odd = post.holdings.keep(single_bits)
    syntaxes: dict[str, str] = {}
    post.to.after = lambda leaving: syntaxes.update({leaving.stored.uid: leaving.transfer_syntax})
    post.order(study, transfer_syntax=J2K_LOSSLESS)

    post.run()

    assert syntaxes.pop(odd) == EXPLICIT_LITTLE
    assert set(syntaxes.values()) == {J2K_LOSSLESS}
