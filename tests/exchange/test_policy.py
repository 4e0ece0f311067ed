from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.policy import ROLE_ACTIONS, Action, Actor, ActorKind, Purpose, Role, Subject, may

ANY_STUDY = Subject()
PURPOSE = Purpose.TREATMENT

#: What each role may do, written out: a change of the table must be one here too.
ROLES: dict[Role, set[Action]] = {
    Role.READER: {
        Action.SIGN_IN, Action.QUERY, Action.RETRIEVE, Action.SEE_RECORD, Action.FIND_PEOPLE,
    },
    Role.CONTRIBUTOR: {
        Action.SIGN_IN, Action.QUERY, Action.RETRIEVE, Action.STORE, Action.CONTRIBUTE, Action.ASK_WITHDRAWAL,
        Action.HAVE_ORIGINAL, Action.SEE_LABEL, Action.SEE_RECORD, Action.FIND_PEOPLE,
    },
    Role.AUDITOR: {Action.SIGN_IN, Action.SEE_OPERATION},
    Role.COORDINATOR: {
        Action.SIGN_IN, Action.SEE_OPERATION, Action.OPERATE, Action.ASK_WITHDRAWAL,
        Action.DECIDE_WITHDRAWAL, Action.QUERY, Action.SEE_RECORD, Action.FIND_PEOPLE, Action.DECIDE_LINK,
    },
    Role.FEEDER: {Action.FEED_PEOPLE, Action.FEED_REPORTS},
    Role.ADMINISTRATOR: {
        Action.VERIFY, Action.STORE, Action.QUERY, Action.RETRIEVE, Action.SEE_OPERATION, Action.CONFIGURE,
        Action.OPERATE, Action.COMMIT, Action.QUERY_WORKLIST, Action.PERFORM, Action.BE_SENT,
        Action.SIGN_IN, Action.ASK_WITHDRAWAL, Action.DECIDE_WITHDRAWAL,
        Action.CALL, Action.CONTRIBUTE, Action.HAVE_ORIGINAL, Action.SEE_LABEL, Action.SEE_RECORD,
        Action.FIND_PEOPLE, Action.DECIDE_LINK, Action.FEED_PEOPLE, Action.FEED_REPORTS,
    },
}  # fmt: skip

#: What each mark of a peer's entry lets it do, besides C-ECHO.
MARKS: dict[str, set[Action]] = {
    "may_store": {Action.STORE, Action.SEE_LABEL},
    "may_read": {Action.QUERY, Action.RETRIEVE},
    "may_commit": {Action.COMMIT},
    "is_destination": {Action.BE_SENT},
    "may_query_worklist": {Action.QUERY_WORKLIST},
    "may_perform": {Action.PERFORM},
}


def account(role: Role | None, trust: str = "") -> Actor:
    return Actor(ActorKind.ACCOUNT, "ann", trust, role)


def test_somebody_of_one_trust_configures_nothing() -> None:
    for action in Action:
        decision = may(account(Role.ADMINISTRATOR, "RBN"), action, PURPOSE, ANY_STUDY)
        assert decision.allowed == (action is not Action.CONFIGURE)


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_a_role_may_what_its_line_says_and_nothing_else(role: Role, action: Action) -> None:
    decision = may(account(role), action, PURPOSE, ANY_STUDY)

    assert decision.allowed is (action in ROLES[role])
    assert role.value in decision.because


def test_every_role_has_a_line() -> None:
    assert set(ROLES) == set(Role) == set(ROLE_ACTIONS)


@pytest.mark.parametrize("action", Action)
def test_an_account_without_a_role_may_nothing(action: Action) -> None:
    assert not may(account(None), action, PURPOSE, ANY_STUDY).allowed


@given(st.sets(st.sampled_from(sorted(MARKS))), st.sampled_from(Action))
def test_a_peer_may_what_its_entry_says(marks: set[str], action: Action) -> None:
    said: dict[str, Any] = dict.fromkeys(marks, True)
    peer = Actor(ActorKind.PEER, "CT1", "RBN", **said)
    allowed = {Action.VERIFY}.union(*(MARKS[mark] for mark in marks))

    assert may(peer, action, PURPOSE, ANY_STUDY).allowed is (action in allowed)


@pytest.mark.parametrize("action", Action)
def test_a_peer_gains_nothing_by_a_role(action: Action) -> None:
    peer = Actor(ActorKind.PEER, "CT1", "RBN", Role.ADMINISTRATOR)

    assert may(peer, action, PURPOSE, ANY_STUDY).allowed is (action is Action.VERIFY)


@pytest.mark.parametrize("action", Action)
def test_an_account_gains_nothing_by_a_peers_marks(action: Action) -> None:
    both = Actor(ActorKind.ACCOUNT, "ann", "RBN", Role.AUDITOR, may_store=True, may_read=True)

    assert may(both, action, PURPOSE, ANY_STUDY).allowed is (action in ROLES[Role.AUDITOR])


@pytest.mark.parametrize("action", Action)
def test_nobody_known_may_nothing_unless_the_service_is_open(action: Action) -> None:
    nobody = Actor(ActorKind.ANONYMOUS, "", "")
    anybody = Actor(ActorKind.ANONYMOUS, "", "", is_open=True)

    assert not may(nobody, action, PURPOSE, ANY_STUDY).allowed
    assert may(anybody, action, PURPOSE, ANY_STUDY).allowed


@pytest.mark.parametrize(("kind", "action", "purpose"), list(product(ActorKind, Action, Purpose)))
def test_every_answer_says_why_and_names_nobody(kind: ActorKind, action: Action, purpose: Purpose) -> None:
    decision = may(Actor(kind, "SECRET", "RBN"), action, purpose, Subject("1.2.3"))

    assert decision.because
    assert "SECRET" not in decision.because
    assert "1.2.3" not in decision.because
