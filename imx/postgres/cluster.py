"""One PostgreSQL data folder: where its parts lie, and how it is laid out the first time."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from imx.postgres.account import Account, choose_account, current_user_name
from imx.postgres.binaries import Binaries
from imx.postgres.errors import FolderForeign, OtherVersion

#: The role, and the database, that are ours.
ROLE = "imx"

#: sockaddr_un.sun_path holds 108 bytes with its end (unix(7)).
LONGEST_SOCKET_PATH = 107
SOCKET_NAME = ".s.PGSQL.5432"

MIB = 1024 * 1024

#: Written to postgresql.conf once, so that an operator may change them; `imx check` reads those in force.
FIRST_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_compression": "pglz",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "max_connections": "100",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

#: Given at every start: the only way in is our socket, and no statement, parameter or key reaches a log.
FIXED_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%p %e %b ",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder, the user it belongs to and the programs that read it."""

    data: Path
    sockets: Path
    record: Path  # who runs on it: written by launch.py
    account: Account
    binaries: Binaries

    def conninfo(self, database: str = ROLE) -> str:
        return make_conninfo(host=str(self.sockets), port=5432, user=ROLE, dbname=database)


def cluster_in(folder: Path, binaries: Binaries, account_name: str | None) -> Cluster:
    """The cluster below a data folder, laid out already or not."""
    folder = folder.resolve()
    data = folder / "postgres"
    owner = data.stat().st_uid if data.is_dir() else None
    account = choose_account(account_name, owner)
    if owner is not None and owner != account.uid:
        raise FolderForeign(
            f"{data} belongs to user number {owner}: start the service as the user who made it, or as root"
        )
    check_version(data, binaries)
    return Cluster(data, socket_folder(folder), folder / "postgres.running", account, binaries)


def check_version(data: Path, binaries: Binaries) -> None:
    """Refuse the data of another major version, and say how to move it over."""
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if found == str(binaries.major):
        return
    old = f"/usr/lib/postgresql/{found}/bin"
    raise OtherVersion(
        f"{data} was written by PostgreSQL {found}; this is PostgreSQL {binaries.version}. "
        f"Nothing was changed. To move it over (put the folder of PostgreSQL {found}'s programs for {old}):\n"
        f"  1. IMX_DATABASE_BINARIES={old} imx database dump --data {data.parent} imx-{found}.dump\n"
        f"  2. mv {data} {data}-{found}\n"
        f"  3. imx database restore --data {data.parent} imx-{found}.dump"
    )


def socket_folder(folder: Path) -> Path:
    """Where the socket is: in the data folder, or in a short runtime folder when that path will not do.

    It may be too long, or hold a comma, which PostgreSQL's clients take for the end of a host.
    """
    inside = folder / "run"
    if len(os.fsencode(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and "," not in str(inside):
        return inside
    name = f"imx-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    usual = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(usual if usual and os.access(usual, os.W_OK) else tempfile.gettempdir()) / name


def own_folder(path: Path, account: Account) -> None:
    """Make a folder that only the account may enter, or check that the one that is there is such.

    In a folder where others can write, somebody may have put one, or a link, in our way.
    """
    try:
        path.mkdir(mode=0o700)
        os.chown(path, account.uid, account.gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            raise FolderForeign(
                f"{path} is in the way: it must be a folder of user {account.name} that nobody else may enter"
            ) from None


def write_access_rules(cluster: Cluster) -> None:
    """Only we come in: by our socket, as the one operating system user that we are (pg_hba, pg_ident)."""
    rules = {
        "pg_hba.conf": "# Written at every start by imx.\nlocal all all peer map=imx\n",
        "pg_ident.conf": f'# Written at every start by imx.\nimx "{current_user_name()}" {ROLE}\n',
    }
    for name, text in rules.items():
        path = cluster.data / name
        path.write_text(text)
        os.chown(path, cluster.account.uid, cluster.account.gid)


def first_settings() -> dict[str, str]:
    """With shared buffers to the size of the machine: a sixteenth of its memory, 64 to 512 MiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    buffers = min(max(memory // 16, 64 * MIB), 512 * MIB) // MIB
    return {**FIRST_SETTINGS, "shared_buffers": f"{buffers}MB"}
