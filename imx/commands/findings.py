"""What `imx check` may find: pure judgements on what was observed, and how to mend each."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from dicom_router.tls.papers import Paper
from exchange.peers import Peer, conflict
from exchange.refusals import Refused


class Level(Enum):
    """How bad it is. Only WRONG makes `imx check` end with status 1."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str  # database, objects, peers, disk, ports, certificates, clock, limits
    what: str
    mend: str = ""


#: The oldest PostgreSQL that has what the tables use (unique nulls not distinct).
OLDEST_DATABASE = 15

#: What a commit's promise rests on, and the values that keep it.
DURABILITY: Mapping[str, tuple[str, ...]] = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}

#: What decides whether values get into the database's log, and when they do not. A statement that took long
#: stands there with its parameters.
QUIET_LOG: Mapping[str, Callable[[str], bool]] = {
    "log_error_verbosity": lambda value: value == "terse",
    "log_min_error_statement": lambda value: value in ("panic", "fatal"),
    "log_statement": lambda value: value in ("none", "ddl"),
    "log_min_duration_statement": lambda value: value == "-1",
    "log_min_duration_sample": lambda value: value == "-1",
    "log_parameter_max_length_on_error": lambda value: value == "0",
}

#: The worker moves small objects within seconds.
WAITING_NOTICE = timedelta(minutes=15)

#: Callers that were turned away longer ago are no news.
REFUSAL_NOTICE = timedelta(days=1)

#: Clocks may differ by this much: S3 refuses signatures that are 15 minutes off.
CLOCK_WARNING_S = 5.0
CLOCK_WRONG_S = 300.0

#: Sockets, spool files and database connections of a busy service.
LEAST_OPEN_FILES = 4096

GIB = 1024**3


def judge_durability(in_force: Mapping[str, str]) -> Iterator[Finding]:
    """What a success stands on: with one of them off, a power cut loses what was acknowledged."""
    wrong = [name for name, good in DURABILITY.items() if in_force.get(name) not in good]
    for name in wrong:
        yield Finding(
            Level.WRONG,
            "database",
            f"{name} is {in_force.get(name, 'unknown')}: what was acknowledged may be lost in a power cut",
            f"alter system set {name} = on; select pg_reload_conf();",
        )
    if not wrong:
        yield Finding(Level.GOOD, "database", f"{', '.join(DURABILITY)} are on")


def judge_logging(in_force: Mapping[str, str]) -> Finding:
    """Whether the database writes statements, keys or parameters, which hold patient data, into its log."""
    telling = [name for name, is_quiet in QUIET_LOG.items() if not is_quiet(in_force.get(name, ""))]
    if telling:
        said = ", ".join(f"{name} = {in_force.get(name, 'unknown')}" for name in telling)
        return Finding(
            Level.WARNING,
            "database",
            f"patient data may get into its log ({said})",
            "for its database and role: log_error_verbosity = terse, log_min_error_statement = panic,"
            " log_statement = none, log_min_duration_statement = -1, log_parameter_max_length_on_error = 0",
        )
    return Finding(Level.GOOD, "database", "no patient data get into its log")


def judge_waiting(count: int, longest: timedelta) -> Finding:
    """Small objects that wait in the database for the object store."""
    if longest > WAITING_NOTICE:
        minutes = longest // timedelta(minutes=1)
        return Finding(
            Level.WARNING,
            "objects",
            f"{count:,} small objects wait in the database, the first for {minutes:,} minutes:"
            " nothing is lost, but it grows",
            "is a worker running (imx serve, imx worker), and what does its log say of staged.later?",
        )
    return Finding(Level.GOOD, "objects", f"{count:,} small objects wait in the database, none for long")


def judge_version(number: int, text: str) -> Finding:
    """By server_version_num."""
    if number // 10000 < OLDEST_DATABASE:
        return Finding(
            Level.WRONG,
            "database",
            f"PostgreSQL {text} is too old",
            f"use PostgreSQL {OLDEST_DATABASE} or newer",
        )
    return Finding(Level.GOOD, "database", f"PostgreSQL {text} answers")


def judge_connections(limit: int, wanted: int) -> Finding:
    """Whether the server lets all our processes in at their busiest."""
    if limit < wanted:
        return Finding(
            Level.WARNING,
            "database",
            f"max_connections is {limit}; the service may use {wanted}",
            f"alter system set max_connections = {wanted + 20}; then restart the database",
        )
    return Finding(Level.GOOD, "database", f"{limit} connections are allowed, at most {wanted} are used")


def judge_room(free: int, watermark: int, place: str) -> Finding:
    """Free bytes against the watermark below which nothing is taken."""
    if free < watermark:
        return Finding(
            Level.WRONG,
            "disk",
            f"{place} has {free / GIB:.1f} GiB free, below the watermark of {watermark / GIB:.1f} GiB: "
            "senders are told to try again later",
            "free some space, or move the data folder to a larger disk",
        )
    if free < 3 * watermark:
        return Finding(
            Level.WARNING,
            "disk",
            f"{place} has {free / GIB:.1f} GiB free, not far above the watermark, {watermark / GIB:.1f} GiB",
            "plan for more space",
        )
    return Finding(Level.GOOD, "disk", f"{place} has {free / GIB:.1f} GiB free")


def judge_clock(skew_s: float, whose: str) -> Finding:
    """How far our clock is from another's."""
    if abs(skew_s) < CLOCK_WARNING_S:
        return Finding(Level.GOOD, "clock", f"agrees with the clock of {whose}")
    return Finding(
        Level.WRONG if abs(skew_s) >= CLOCK_WRONG_S else Level.WARNING,
        "clock",
        f"differs by {abs(skew_s):.0f} s from the clock of {whose}",
        "keep both by the same time service (NTP)",
    )


def judge_paper(paper: Paper, now: datetime) -> Finding:
    """When a certificate, an authority or a revocation list ends."""
    what = f"{paper.kind.value} {paper.name} ({paper.file})"
    if paper.ends_at is None:
        return Finding(Level.GOOD, "certificates", f"{what} is good until it is replaced")
    day = f"{paper.ends_at:%d %B %Y}"
    if paper.is_ended(now):
        return Finding(
            Level.WRONG,
            "certificates",
            f"{what} ended on {day}",
            "put a new one into the file; no restart needed",
        )
    if paper.is_ending(now):
        left = (paper.ends_at - now).days
        return Finding(
            Level.WARNING, "certificates", f"{what} ends on {day}, in {left} days", "have it renewed"
        )
    return Finding(Level.GOOD, "certificates", f"{what} is good until {day}")


def judge_open_files(limit: int) -> Finding:
    """The number of files and sockets that a process may hold open."""
    if limit < LEAST_OPEN_FILES:
        return Finding(
            Level.WARNING,
            "limits",
            f"a process may open {limit} files; a busy service needs {LEAST_OPEN_FILES}",
            f"raise it: LimitNOFILE={LEAST_OPEN_FILES} in the unit, or ulimit -Hn {LEAST_OPEN_FILES}",
        )
    return Finding(Level.GOOD, "limits", f"a process may open {limit} files")


def judge_memory(total: int) -> Finding:
    if total < 2 * GIB:
        return Finding(
            Level.WARNING,
            "limits",
            f"this machine has {total / GIB:.1f} GiB of memory",
            "2 GiB is a fair least",
        )
    return Finding(Level.GOOD, "limits", f"{total / GIB:.0f} GiB of memory")


def judge_peers(peers: Sequence[Peer]) -> Iterator[Finding]:
    """Whether every caller and every destination is one peer."""
    doubts = 0
    for number, peer in enumerate(peers):
        if other := conflict(peer, peers[:number]):
            doubts += 1
            yield Finding(
                Level.WARNING,
                "peers",
                f"{peer.ae_title}: entries {other.id} ({other.trust.ods_code}) and {peer.id}"
                f" ({peer.trust.ods_code}) share addresses; the one with the closest is taken",
                f"give each its own addresses: imx peer change {peer.ae_title} --id {peer.id} --host ADDRESS",
            )
    called = Counter((each.ae_title, each.trust.ods_code) for each in peers if each.is_callable)
    for (title, ods_code), count in called.items():
        if count > 1:
            doubts += 1
            yield Finding(
                Level.WARNING,
                "peers",
                f"{count} peers of {ods_code} are called {title}: nothing is sent to that title",
                f"leave a port to one of them alone: imx peer change {title} --id ENTRY --port 0",
            )
    if not doubts:
        plain = sum(each.plain_allowed for each in peers)
        yield Finding(
            Level.GOOD, "peers", f"{len(peers):,} are known, {plain:,} of them may speak plain DICOM"
        )


def judge_refusals(refusals: Sequence[Refused], now: datetime) -> Finding:
    """Whether somebody knocks who may be ours."""
    recent = [each for each in refusals if each.is_admissible and now - each.last_at < REFUSAL_NOTICE]
    if recent:
        return Finding(
            Level.WARNING,
            "peers",
            f"{len(recent):,} callers were turned away within a day who an entry would let in",
            "imx peer refused",
        )
    return Finding(Level.GOOD, "peers", "nobody was turned away within a day whom an entry would let in")
