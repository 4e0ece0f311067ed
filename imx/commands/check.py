"""`imx check`: what is wrong with a set-up, in plain words, and how to mend it."""

import http.client
import json
import os
import resource
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import psycopg
import typer
from rich.console import Console
from rich.markup import escape

from dicom_router.tls.papers import without_list
from exchange.registry import PostgresRegistry
from imx.certificates import BadCertificate, tls_files, usable_papers
from imx.commands.findings import (
    DURABILITY,
    QUIET_LOG,
    Finding,
    Level,
    judge_clock,
    judge_connections,
    judge_durability,
    judge_logging,
    judge_memory,
    judge_open_files,
    judge_paper,
    judge_peers,
    judge_refusals,
    judge_room,
    judge_version,
    judge_waiting,
)
from imx.commands.options import Question
from imx.connections import connections_wanted
from imx.database import reach_database
from imx.errors import SetupError
from imx.folder import DataFolder
from imx.listening import PortInUse, open_listener
from imx.pool import open_pool
from imx.settings import Settings
from imx.wiring import open_objects
from storage.errors import ArchiveError
from storage.keys import fresh_key
from storage.migrations import files
from storage.s3_address import S3Address
from storage.staging import waiting

_COLOURS = {Level.GOOD: "green", Level.WARNING: "yellow", Level.WRONG: "red"}


def check_command(given: Question) -> None:
    """Say what is wrong with this set-up, and how to mend it. Status 1 when something is."""
    settings = given.settings()
    found = []
    console = Console(highlight=False)
    for finding in examine(settings):
        found.append(finding)
        if not given.as_json:
            show(console, finding)
    if given.as_json:
        lines = [{"level": f.level.value, "about": f.about, "what": f.what, "mend": f.mend} for f in found]
        json.dump(lines, sys.stdout, indent=2)
        sys.stdout.write("\n")
    if any(finding.level is Level.WRONG for finding in found):
        raise typer.Exit(1)


def show(console: Console, finding: Finding) -> None:
    colour = _COLOURS[finding.level]
    console.print(
        f"[{colour}]{finding.level.value:8}[/] {finding.about}: {escape(finding.what)}", soft_wrap=True
    )
    if finding.mend:
        console.print(f"         mend: {escape(finding.mend)}", soft_wrap=True)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that can be looked at from here, the database first."""
    yield from check_folder(settings)
    yield from check_database(settings)
    yield from check_objects(settings)
    yield from check_ports(settings)
    yield from check_certificates(settings)
    yield from check_watched(settings)
    yield from check_machine()


def check_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            Level.WRONG,
            "disk",
            f"{existing} cannot be written by this user",
            "give it to the user of the service (chown), or choose another folder with --data",
        )
        return
    yield judge_room(shutil.disk_usage(existing).free, settings.storage.watermark, str(existing))


def check_database(settings: Settings) -> Iterator[Finding]:
    """Reachable, new enough, durable, migrated, on time."""
    if settings.database.url is None and not DataFolder(settings.data).postgres.is_dir():
        yield Finding(Level.GOOD, "database", "an embedded one will be made at the first start")
        return
    try:
        with (
            reach_database(settings) as conninfo,
            psycopg.connect(conninfo, connect_timeout=10) as connection,
        ):
            yield judge_version(
                connection.info.server_version, connection.info.parameter_status("server_version") or ""
            )
            in_force = {name: _setting(connection, name) for name in (*DURABILITY, "max_connections")}
            yield from judge_durability(in_force)
            yield judge_logging({name: _setting(connection, name) for name in QUIET_LOG})
            yield judge_connections(int(in_force["max_connections"]), connections_wanted(settings))
            yield from _schema(connection)
            yield from _staged(connection, conninfo)
            yield from _registry(connection, conninfo)
            yield _database_clock(connection)
    except (SetupError, ArchiveError) as error:
        yield Finding(Level.WRONG, "database", str(error), "")
    except psycopg.Error as error:
        yield Finding(
            Level.WRONG,
            "database",
            f"cannot be reached ({type(error).__name__})",
            "is it running, and are database.url, its password and pg_hba.conf right?",
        )


def _setting(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("select current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _schema(connection: psycopg.Connection) -> Iterator[Finding]:
    known = {name for name, _ in files()}
    there = connection.execute("select to_regclass('migration') is not null").fetchone()
    applied = set()
    if there and there[0]:
        applied = {name for (name,) in connection.execute("select name from migration")}
    if newer := applied - known:
        yield Finding(
            Level.WRONG,
            "database",
            f"it was used by a newer version of imx ({max(newer)})",
            "install that version or a newer one",
        )
    elif missing := known - applied:
        yield Finding(Level.GOOD, "database", f"{len(missing)} migrations will be applied at the next start")
    else:
        yield Finding(Level.GOOD, "database", "its tables are of this version")


def _staged(connection: psycopg.Connection, conninfo: str) -> Iterator[Finding]:
    there = connection.execute("select to_regclass('staged') is not null").fetchone()
    if there and there[0]:
        with open_pool(conninfo, 1) as pool:
            yield judge_waiting(*waiting(pool))


def _registry(connection: psycopg.Connection, conninfo: str) -> Iterator[Finding]:
    there = connection.execute("select to_regclass('registry_change') is not null").fetchone()
    if there and there[0]:
        with open_pool(conninfo, 1) as pool:
            known = PostgresRegistry(pool)
            yield from judge_peers(known.peers())
            yield judge_refusals(known.refusals(), datetime.now(UTC))


def _database_clock(connection: psycopg.Connection) -> Finding:
    before = time.time()
    row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    after = time.time()
    theirs = float(row[0]) if row else before
    return judge_clock(theirs - (before + after) / 2, "the database")


def check_objects(settings: Settings) -> Iterator[Finding]:
    """A probe is put, read again and deleted, as an instance would be."""
    try:
        store = open_objects(settings)
        if settings.objects.url is not None:
            yield _bucket_clock(S3Address.parse(settings.objects.url))
        key, content = fresh_key(datetime.now(UTC)), secrets.token_bytes(1024)
        store.put(key, [content])
        same = b"".join(store.read(key)) == content
        store.delete(key)
    except SetupError as error:
        yield Finding(Level.WRONG, "objects", str(error))
    except (ArchiveError, OSError, http.client.HTTPException) as error:
        what = str(error) if isinstance(error, ArchiveError) else type(error).__name__
        yield Finding(Level.WRONG, "objects", f"cannot be written or read ({what})", _mend_objects(settings))
    else:
        if same:
            yield Finding(Level.GOOD, "objects", "can be written, read and deleted")
        else:
            yield Finding(
                Level.WRONG, "objects", "what was written came back different", "check the store's disks"
            )


def _mend_objects(settings: Settings) -> str:
    if settings.objects.url is None:
        return f"can this user write in {DataFolder(settings.data).objects}?"
    return "is it running, is there such a bucket, are objects.access_key and objects.secret_key right?"


def _bucket_clock(bucket: S3Address) -> Finding:
    """By the Date of any answer, a refusal as well (RFC 9110 §6.6.1)."""
    kind = http.client.HTTPSConnection if bucket.secure else http.client.HTTPConnection
    connection = kind(bucket.endpoint, timeout=10)
    try:
        before = time.time()
        connection.request("HEAD", f"/{bucket.bucket}")
        date = connection.getresponse().getheader("Date")
    finally:
        connection.close()
    if date is None:
        return Finding(Level.GOOD, "clock", "the object store does not say the time")
    return judge_clock(parsedate_to_datetime(date).timestamp() - before, "the object store")


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Free, or held by our own running service."""
    is_running = DataFolder(settings.data).is_held()
    ports = [
        (settings.dicom.host, settings.dicom.port, "dicom.port", "DICOM"),
        (settings.http.host, settings.http.port, "http.port", "HTTP"),
    ]
    if settings.tls.certificate is not None:
        ports.append((settings.dicom.host, settings.tls.port, "tls.port", "DICOM over TLS"))
    for host, port, key, name in ports:
        try:
            open_listener(host, port, key).close()
        except PortInUse as error:
            if is_running:
                yield Finding(
                    Level.GOOD, "ports", f"{name}: {host}:{port} is in use, and the service is running"
                )
            else:
                yield Finding(Level.WRONG, "ports", f"{name}: {error}")
        except SetupError as error:
            yield Finding(Level.WRONG, "ports", f"{name}: {error}")
        else:
            yield Finding(Level.GOOD, "ports", f"{name}: {host}:{port} is free")


def check_certificates(settings: Settings) -> Iterator[Finding]:
    files = tls_files(settings.tls)
    if files is None:
        yield Finding(Level.GOOD, "certificates", "none set: DICOM over TLS is off")
        return
    try:
        papers = usable_papers(files)
    except BadCertificate as error:
        mend = "mend that file; a running service goes on with the one before"
        yield Finding(Level.WRONG, "certificates", str(error), mend)
        return
    for paper in papers:
        yield judge_paper(paper, datetime.now(UTC))
    if files.authorities is None:
        yield Finding(
            Level.WARNING,
            "certificates",
            "peers cannot show a certificate: over TLS only those come in that may come in plain",
            "set tls.authorities to those who sign your peers' certificates",
        )
    for name in without_list(papers):
        yield Finding(
            Level.WARNING,
            "certificates",
            f"there is no revocation list of {name}: peers whose certificates it signed are refused",
            "add its list to tls.revocations",
        )


def check_watched(settings: Settings) -> Iterator[Finding]:
    folder = settings.watch.folder
    if folder is None:
        return
    if os.access(folder, os.R_OK | os.W_OK | os.X_OK) and folder.is_dir():
        yield Finding(Level.GOOD, "watched folder", f"{folder} can be read, and files moved within it")
    else:
        yield Finding(
            Level.WRONG,
            "watched folder",
            f"{folder} is not there, or its files cannot be moved by this user",
            "mount it, and let the user of the service write there; or leave out watch.folder",
        )


def check_machine() -> Iterator[Finding]:
    # The service raises its own soft limit to the hard one.
    yield judge_open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    yield judge_memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
