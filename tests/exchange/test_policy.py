from itertools import product

import pytest

from exchange.policy import ROLE_ACTIONS, Action, Actor, ActorKind, Purpose, Role, Subject, may

ANY_STUDY = Subject()
PURPOSE = Purpose.TREATMENT

#: What each role may do, written out: a change of the table must be one here too.
ROLES: dict[Role, set[Action]] = {
    Role.READER: {Action.QUERY, Action.RETRIEVE},
    Role.CONTRIBUTOR: {Action.QUERY, Action.RETRIEVE, Action.STORE},
    Role.AUDITOR: {Action.SEE_OPERATION},
    Role.ADMINISTRATOR: {
        Action.VERIFY, Action.STORE, Action.QUERY, Action.RETRIEVE, Action.SEE_OPERATION,
    },
}  # fmt: skip

#: What a peer may do, by whether it may store, and read.
PEERS: dict[tuple[bool, bool], set[Action]] = {
    (False, False): {Action.VERIFY},
    (True, False): {Action.VERIFY, Action.STORE},
    (False, True): {Action.VERIFY, Action.QUERY, Action.RETRIEVE},
    (True, True): {Action.VERIFY, Action.STORE, Action.QUERY, Action.RETRIEVE},
}


def account(role: Role | None) -> Actor:
    return Actor(ActorKind.ACCOUNT, "ann", "RBN", role)


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


@pytest.mark.parametrize(("entry", "action"), list(product(PEERS, Action)))
def test_a_peer_may_what_its_entry_says(entry: tuple[bool, bool], action: Action) -> None:
    peer = Actor(ActorKind.PEER, "CT1", "RBN", may_store=entry[0], may_read=entry[1])

    assert may(peer, action, PURPOSE, ANY_STUDY).allowed is (action in PEERS[entry])


@pytest.mark.parametrize("action", Action)
def test_a_peer_gains_nothing_by_a_role(action: Action) -> None:
    peer = Actor(ActorKind.PEER, "CT1", "RBN", Role.ADMINISTRATOR)

    assert may(peer, action, PURPOSE, ANY_STUDY).allowed is (action is Action.VERIFY)


@pytest.mark.parametrize("action", Action)
def test_an_account_gains_nothing_by_a_peers_marks(action: Action) -> None:
    both = Actor(ActorKind.ACCOUNT, "ann", "RBN", Role.AUDITOR, may_store=True, may_read=True)

    assert may(both, action, PURPOSE, ANY_STUDY).allowed is (action is Action.SEE_OPERATION)


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
