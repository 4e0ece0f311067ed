"""Uploads that are to become DICOM: claimed by a worker, for as long as it renews its claim, and ended.

The row is the job. A worker that dies renews nothing: what it had claimed waits again, and whoever converts
it then comes to the same end, since nothing is made twice. A file that ends worker after worker is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from storage.driver_errors import mapped_errors
from storage.upload import State

#: A claim that was not renewed for so long is over; two renewals may fail.
CLAIM_S = 30.0
RENEW_EVERY_S = 10.0

#: Workers that may end over one file.
TRIES = 3

#: Until something that was not there (the object store, room) is tried again.
LATER_S = 30.0

#: What is longer is converted alone, and so are files that belong together.
SMALL_BYTES = 64 * 1000**2

#: Said of a file that ended its workers.
ENDED = f"the service ended {TRIES} times while it was converted"

# One that ended a worker before is converted alone, so that it takes no other along.
_CLAIM = """
    with due as (
        select id, length, tries, next_try, created_at from upload
        where state = 'waiting' and next_try <= now()
            and (case when batch = '' or length > %(large)s then length else %(large)s + 1 end)
                between %(least)s and %(largest)s
        order by next_try, created_at, id limit %(most)s for update skip locked
    ), placed as (
        select id, tries, row_number() over w as place, sum(length) over w as total,
            first_value(tries) over w as first_tries
        from due window w as (order by next_try, created_at, id)
    )
    update upload u set state = 'converting', claim = %(claim)s, done = 0,
        until = now() + %(lasting)s * interval '1 s'
    from placed p
    where p.id = u.id and (p.place = 1 or (p.first_tries = 0 and p.tries = 0 and p.total <= %(together)s))
    returning p.place, u.id, u.actor, u.trust, u.issuer, u.address, u.name, u.length, u.of_case, u.batch,
        u.path
"""
_END = """
    update upload set state = %s, made = %s, claim = null, until = null, tries = 0,
        expires_at = now() + %s * interval '1 s'
    where id = %s and claim = %s
"""
_BESIDE = """
    select o.id, o.path, o.length, o.state <> 'receiving' from upload u
    join upload o on o.batch = u.batch and o.actor_kind = u.actor_kind and o.actor = u.actor
        and o.actor_trust = u.actor_trust and o.id <> u.id
    where u.id = %s and u.batch <> '' and o.state <> 'removed' and o.expires_at > now()
        and (o.state <> 'kept' or exists (select from upload_piece p where p.upload = o.id))
"""
_END_BESIDE = """
    update upload set state = 'kept', made = %s, expires_at = now() + %s * interval '1 s'
    where id = any (%s) and state in ('whole', 'asked', 'refused')
"""
_WAIT = """
    update upload set state = 'waiting', claim = null, until = null, next_try = now() + %s * interval '1 s'
    where claim = %s and id = any (%s)
"""
_RECOVER = """
    update upload set claim = null, until = null, tries = tries + 1, next_try = now(),
        state = case when tries + 1 < %(tries)s then 'waiting' else 'refused' end,
        made = case when tries + 1 < %(tries)s then made else %(made)s end
    where state = 'converting' and until < now()
"""


@dataclass(frozen=True, slots=True)
class Lane:
    """Which files are taken, and how many at one time: small ones never wait behind a large one."""

    name: str
    least: int = 0  # bytes of a file
    largest: int = 2**62
    most: int = 1  # files
    together: int = 2**62  # bytes of all


@dataclass(frozen=True, slots=True)
class Claimed:
    """An upload that is ours to convert."""

    id: UUID
    actor: str
    trust: str
    issuer: str
    address: str
    name: str
    length: int
    of_case: Mapping[str, Any]
    batch: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Companion:
    """Another file of the same batch."""

    id: UUID
    path: str
    length: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What one worker took at one time."""

    token: UUID
    uploads: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a file, for the person who sent it."""

    state: State  # KEPT, ASKED or REFUSED
    kind: str = ""
    because: str = ""
    study: str = ""
    instances: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()  # fields of the case
    contradicted: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "kind": self.kind,
            "because": self.because,
            "study": self.study,
            "instances": self.instances,
            "notes": self.notes,
            "missing": self.missing,
            "contradicted": self.contradicted,
        }


@dataclass(frozen=True, slots=True)
class Conversions:
    """Every verb raises IndexUnavailable."""

    pool: ConnectionPool
    keep_s: float  # how long what became of a file is shown, and its bytes wait for a person

    def claim(self, lane: Lane) -> Claim:
        """The next of that lane, the longest waiting first."""
        token = uuid4()
        values = {
            "claim": token, "least": lane.least, "largest": lane.largest, "most": lane.most,
            "together": lane.together, "lasting": CLAIM_S,
            "large": SMALL_BYTES,
        }  # fmt: skip
        with mapped_errors(), self.pool.connection() as connection:
            rows = sorted(connection.execute(_CLAIM, values).fetchall(), key=lambda row: row[0])
        return Claim(token, tuple(Claimed(*row[1:]) for row in rows))

    def renew(self, claim: Claim, done: int) -> None:
        """Still at it; `done` bytes were written."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(
                "update upload set until = now() + %s * interval '1 s', done = %s where claim = %s",
                (CLAIM_S, done, claim.token),
            )

    def end(self, claim: Claim, upload: Claimed, made: Made) -> bool:
        """What became of it; False where it was taken from us meanwhile."""
        values = (made.state.value, Jsonb(made.as_json()), self.keep_s, upload.id, claim.token)
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(_END, values).rowcount == 1

    def beside(self, upload: Claimed) -> list[Companion]:
        """The other files of its batch."""
        with mapped_errors(), self.pool.connection() as connection:
            return [Companion(*row) for row in connection.execute(_BESIDE, (upload.id,)).fetchall()]

    def end_beside(self, companions: Sequence[UUID], made: Made) -> None:
        """They were kept with the file that they belong to."""
        values = (Jsonb(made.as_json()), self.keep_s, list(companions))
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_END_BESIDE, values)

    def wait(self, claim: Claim, uploads: Sequence[Claimed], after_s: float = LATER_S) -> None:
        """Through no fault of theirs: they wait again, and it counts as no try."""
        with mapped_errors(), self.pool.connection() as connection:
            connection.execute(_WAIT, (after_s, claim.token, [each.id for each in uploads]))

    def recover(self) -> int:
        """What was claimed by those who died waits again, or is refused; how many."""
        values = {"tries": TRIES, "made": Jsonb(Made(State.REFUSED, because=ENDED).as_json())}
        with mapped_errors(), self.pool.connection() as connection:
            return connection.execute(_RECOVER, values).rowcount
