"""Who may do what: the one question that every DIMSE and HTTP route asks, before it reads or writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class ActorKind(Enum):
    """What is asking."""

    PEER = "peer"  # a DICOM application entity we know
    ACCOUNT = "account"  # somebody who signed in, or the holder of a token
    ANONYMOUS = "anonymous"  # nobody we know; served only by `--open`


class Role(Enum):
    """What an account is for. A token carries one as well."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    AUDITOR = "auditor"
    COORDINATOR = "coordinator"  # sees to it that studies come and go
    FEEDER = "feeder"  # a system that tells who people are and what was reported: a PAS, a master index
    ADMINISTRATOR = "administrator"


class Action(Enum):
    """What is asked for."""

    VERIFY = "verify"  # C-ECHO
    STORE = "store"
    CONTRIBUTE = "contribute files"  # that become DICOM here
    QUERY = "query"
    RETRIEVE = "retrieve"
    SEE_OPERATION = "see operation"  # metrics: numbers, no people
    CONFIGURE = "configure"  # trusts, peers, rules
    OPERATE = "operate"  # see and replay deliveries, orders, refusals, the ledger
    COMMIT = "ask for storage commitment"
    QUERY_WORKLIST = "query the worklist"
    PERFORM = "report performed steps"  # MPPS
    ASK_WITHDRAWAL = "ask for a withdrawal"
    DECIDE_WITHDRAWAL = "decide over a withdrawal"  # of another person's asking
    SEE_LABEL = "see the label of a slide"  # or an overview of the glass that shows it
    HAVE_ORIGINAL = "have an original file back"  # it holds what its DICOM does not: names, positions
    SEE_RECORD = "see a person's record"  # who they are, and what is known of their studies
    FIND_PEOPLE = "look for people"  # by name, number or birth date
    DECIDE_LINK = "decide whose a study is"
    FEED_PEOPLE = "tell who people are"  # into the directory: a PAS, a master patient index
    FEED_REPORTS = "tell of reports"
    SIGN_IN = "sign in"  # and see to an account of one's own
    CALL = "call"  # anything: what broke a limit is refused before it is known what for
    BE_SENT = "be sent"  # what a rule or a person has us forward; nobody asks for it


class Purpose(Enum):
    """Why (HL7 v3 PurposeOfUse codes)."""

    TREATMENT = "TREAT"
    OPERATIONS = "HOPERAT"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. What begins with `may_` comes from a peer's entry in the registry."""

    kind: ActorKind
    name: str  # AE title or account name
    trust: str  # ODS code, "" for an anonymous reader
    role: Role | None = None
    may_store: bool = False
    may_read: bool = False
    issuer: str = ""  # namespace of the bare identifiers it names; "" where it has none of its own
    accession_issuer: str = ""  # of the bare accession numbers it names; "" where that is `issuer`
    may_commit: bool = False
    may_query_worklist: bool = False
    is_destination: bool = False  # a person entered it as one
    may_perform: bool = False
    is_open: bool = False  # the service runs with `--open`, on loopback


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is about: a study by UID, a person by theirs, or None for a search over many."""

    study_uid: str | None = None
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and why, in words for the person who can act on it."""

    allowed: bool
    because: str


#: What each role may do.
ROLE_ACTIONS: Mapping[Role, frozenset[Action]] = {
    Role.READER: frozenset(
        {Action.SIGN_IN, Action.QUERY, Action.RETRIEVE, Action.SEE_RECORD, Action.FIND_PEOPLE}
    ),
    Role.CONTRIBUTOR: frozenset(
        {
            Action.SIGN_IN,
            Action.QUERY,
            Action.RETRIEVE,
            Action.STORE,
            Action.CONTRIBUTE,
            Action.ASK_WITHDRAWAL,
            Action.HAVE_ORIGINAL,
            Action.SEE_LABEL,
            Action.SEE_RECORD,
            Action.FIND_PEOPLE,
        }
    ),
    Role.AUDITOR: frozenset({Action.SIGN_IN, Action.SEE_OPERATION}),
    Role.COORDINATOR: frozenset(
        {
            Action.SIGN_IN,
            Action.SEE_OPERATION,
            Action.OPERATE,
            Action.ASK_WITHDRAWAL,
            Action.DECIDE_WITHDRAWAL,
            Action.QUERY,
            Action.SEE_RECORD,
            Action.FIND_PEOPLE,
            Action.DECIDE_LINK,
        }
    ),
    Role.FEEDER: frozenset({Action.FEED_PEOPLE, Action.FEED_REPORTS}),
    Role.ADMINISTRATOR: frozenset(Action),
}


def may(actor: Actor, action: Action, purpose: Purpose, subject: Subject) -> Decision:
    """Whether `actor` may do `action` on `subject` for `purpose`.

    Pure: what it needs to know is in its arguments. Closed by default: a case that no line
    below names is refused.
    """
    if actor.is_open:
        return Decision(True, "the service is open: loopback only, for trying it out")
    match actor.kind:
        case ActorKind.PEER:
            return _may_peer(actor, action)
        case ActorKind.ACCOUNT if action is Action.CONFIGURE and actor.trust:
            return Decision(False, "what is configured is every trust's: somebody of no one trust does it")
        case ActorKind.ACCOUNT if actor.role is not None and action in ROLE_ACTIONS[actor.role]:
            return Decision(True, f"the role {actor.role.value} includes it")
        case ActorKind.ACCOUNT:
            return Decision(
                False, f"the role {actor.role.value if actor.role else 'none'} does not include it"
            )
        case ActorKind.ANONYMOUS:
            return Decision(False, "sign in first: anonymous readers are refused")
    return Decision(False, "no rule allows it")


def _may_peer(actor: Actor, action: Action) -> Decision:
    allowed = {Action.VERIFY}
    if actor.may_store:
        allowed |= {Action.STORE, Action.SEE_LABEL}
    if actor.may_read:
        allowed |= {Action.QUERY, Action.RETRIEVE}
    if actor.may_commit:
        allowed.add(Action.COMMIT)
    if actor.may_query_worklist:
        allowed.add(Action.QUERY_WORKLIST)
    if actor.may_perform:
        allowed.add(Action.PERFORM)
    if actor.is_destination:
        allowed.add(Action.BE_SENT)
    if action in allowed:
        return Decision(True, "the peer's entry allows it")
    return Decision(False, f"the peer's entry does not allow it to {action.value}")
