"""PostgreSQL as our child: prepare its folder, start it, wait for it, stop it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from imx.postgres import launch
from imx.postgres.account import can_reach
from imx.postgres.cluster import (
    FIXED_SETTINGS,
    ROLE,
    Cluster,
    first_settings,
    own_folder,
    write_access_rules,
)
from imx.postgres.errors import DidNotStart, PostgresError
from imx.postgres.survivor import end_survivors

#: Where folders are bound in the private view of a PostgreSQL that cannot reach them otherwise.
STAGES = ("/mnt", "/srv", "/tmp")  # noqa: S108 -- a mount point of our own namespace, nothing is written there

Line = Callable[[str], None]


def _ignore(line: str) -> None:
    """For callers who do not want the log."""


@dataclass(slots=True)
class Postgres:
    """A running PostgreSQL. Start it from a thread that lives as long as the service: the kernel
    ends it (a fast shutdown) when that thread ends."""

    cluster: Cluster
    child: subprocess.Popen[str]
    tail: deque[str]
    reader: threading.Thread = field(repr=False)

    @property
    def conninfo(self) -> str:
        return self.cluster.conninfo()

    def has_ended(self) -> bool:
        return self.child.poll() is not None

    def is_ready(self) -> bool:
        """Whether it answers. While it recovers from a crash it does not, and is left alone."""
        try:
            psycopg.connect(self.cluster.conninfo("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def wait_until_ready(self, give_up: Callable[[], bool] = lambda: False) -> bool:
        """Wait for as long as it takes; false when `give_up` says so first. Then our database is there.

        Raises DidNotStart when it ends instead.
        """
        while not self.is_ready():
            if self.has_ended():
                self.reader.join(5)
                raise DidNotStart(_why(self.child.returncode, self.tail, self.cluster))
            if give_up():
                return False
            time.sleep(0.05)
        self._make_database()
        return True

    def _make_database(self) -> None:
        with psycopg.connect(self.cluster.conninfo("postgres"), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [ROLE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(ROLE)))

    def stop(self, patience_s: float | None = None) -> None:
        """A fast shutdown: open transactions are undone, everything else is written.

        After `patience_s` an immediate one: the next start then recovers from the log. Never SIGKILL.
        """
        if not self.has_ended():
            self.child.send_signal(signal.SIGINT)
        try:
            self.child.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGQUIT)
            self.child.wait()
        self.reader.join(5)
        self.cluster.record.unlink(missing_ok=True)


def start(cluster: Cluster, on_line: Line = _ignore, overrides: Mapping[str, str] | None = None) -> Postgres:
    """Start PostgreSQL on a data folder that we hold, laying it out first when it is new.

    Ends survivors of a killed service first. Returns at once: ask `wait_until_ready`.
    """
    lay_out(cluster)
    end_survivors(cluster)
    own_folder(cluster.sockets, cluster.account)
    write_access_rules(cluster)
    view = _view(cluster)
    sockets = {"unix_socket_directories": view.inside(cluster.sockets)}
    settings = {**FIXED_SETTINGS, **sockets, **(overrides or {})}
    arguments = ["-D", view.inside(cluster.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    child = _launch(cluster, view, "postgres", arguments, signal.SIGINT, cluster.record)
    tail: deque[str] = deque(maxlen=20)
    reader = threading.Thread(target=_read, args=(child, tail, on_line), name="postgres log", daemon=True)
    reader.start()
    return Postgres(cluster, child, tail, reader)


def lay_out(cluster: Cluster) -> None:
    """initdb, into a folder beside the real one: what is there under its name is always whole."""
    if cluster.data.is_dir():
        return
    fresh = cluster.data.with_name("postgres.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    own_folder(fresh, cluster.account)
    made = Cluster(fresh, cluster.sockets, cluster.record, cluster.account, cluster.binaries)
    own_folder(cluster.sockets, cluster.account)
    view = _view(made)
    arguments = ["-D", view.inside(fresh), "-U", ROLE, "--auth-local=peer", "--auth-host=reject"]
    # The builtin provider sorts the same on every machine and never changes with the C library.
    arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "-E", "UTF8"]
    arguments += ["--data-checksums", "--no-instructions"]
    for name, value in first_settings().items():
        arguments += ["--set", f"{name}={value}"]
    child = _launch(made, view, "initdb", arguments, signal.SIGKILL, None)
    said, _ = child.communicate()
    if child.returncode != 0:
        raise DidNotStart(_why(child.returncode, said.splitlines(), made))
    fresh.rename(cluster.data)
    _flush_folder(cluster.data.parent)


@dataclass(frozen=True, slots=True)
class _View:
    """How the account sees the folders: where they are, or bound below a stage of its own."""

    stage: str
    binds: dict[str, str]

    def inside(self, path: Path) -> str:
        for shown, source in self.binds.items():
            if path.is_relative_to(source):
                return str(Path(shown) / path.relative_to(source))
        return str(path)


def _view(cluster: Cluster) -> _View:
    needed = (*cluster.binaries.roots, cluster.data, cluster.sockets)
    if not cluster.account.is_other or can_reach(cluster.account, needed):
        return _View("", {})
    stage = next(stage for stage in STAGES if Path(stage).is_dir())
    binds = {f"{stage}/programs/{root.name}": str(root) for root in cluster.binaries.roots}
    binds[f"{stage}/data"] = str(cluster.data)
    binds[f"{stage}/run"] = str(cluster.sockets)
    return _View(stage, binds)


def _launch(
    cluster: Cluster,
    view: _View,
    program: str,
    arguments: Sequence[str],
    death_signal: signal.Signals,
    record: Path | None,
) -> subprocess.Popen[str]:
    """Through launch.py; its process id is the program's. Output and errors come by one pipe."""
    account = cluster.account
    plan = {
        "argv": [view.inside(cluster.binaries.program(program)), *arguments],
        "account": [account.uid, account.gid] if account.is_other else None,
        "stage": view.stage,
        "binds": view.binds,
        "death_signal": int(death_signal),
        "record": str(record) if record else None,
        "parent": os.getpid(),
    }
    return subprocess.Popen(
        [sys.executable, "-I", "-S", launch.__file__, json.dumps(plan)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,  # Ctrl-C in a terminal is ours to answer, in our order
    )


#: As FIXED_SETTINGS sets it: process, SQLSTATE, kind of process; then the severity and the message.
_LINE = re.compile(r"\d+ (?P<state>[0-9A-Z]{5}) [a-z ]+ (?P<severity>[A-Z]+):  (?P<message>.*)")

#: Classes of errors that speak of the server, not of values: resources, operator, system, internal.
_SERVER_CLASSES = ("00", "53", "57", "58", "F0", "XX")


def loggable(line: str) -> str | None:
    """What of a log line may be kept: of an error about a statement its code alone, since its message
    may quote a value; of the rest of a message with several lines nothing."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    text = f"{found['severity']} {found['state']}"
    return f"{text}: {found['message']}" if found["state"][:2] in _SERVER_CLASSES else text


def _read(child: subprocess.Popen[str], tail: deque[str], on_line: Line) -> None:
    if child.stdout is None:
        return
    with child.stdout:
        for line in child.stdout:
            tail.append(line.rstrip())
            if safe := loggable(line.rstrip()):
                on_line(safe)


def _why(code: int, said: Sequence[str] | deque[str], cluster: Cluster) -> str:
    """The last thing it said, and what to do."""
    account = cluster.account.name
    if code == launch.NOT_PERMITTED:
        return (
            f"PostgreSQL runs as the user {account}, who cannot pass through the folders above "
            f"{cluster.data.parent} or {cluster.binaries.folder}, and this machine permits "
            "no private view of them. "
            "Choose a data folder (--data) and an installation that every user can reach, such as below "
            "/var/lib and /opt; or run the service as a user of its own; or set database.url"
        )
    if code == launch.NOT_RUNNABLE:
        return (
            f"the user {account} may not run {cluster.binaries.program('postgres')}: "
            f"make the installation readable (chmod -R go+rX {' '.join(map(str, cluster.binaries.roots))})"
        )
    telling = [line for line in said if re.search(r"FATAL|PANIC|error|cannot|could not|Permission", line)]
    last = telling[-1] if telling else (said[-1] if said else "it said nothing")
    return f"PostgreSQL ended with status {code} on {cluster.data}: {last}"


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise PostgresError(f"cannot flush {folder}: {error.strerror}") from error
    finally:
        os.close(descriptor)
