"""The embedded PostgreSQL: who may come in, what survives, what is refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from imx.folder import DataFolder, FolderHeld
from imx.postgres.account import Account, can_reach
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import (
    LONGEST_SOCKET_PATH,
    SOCKET_NAME,
    check_version,
    cluster_in,
    own_folder,
    socket_folder,
)
from imx.postgres.errors import BinariesMissing, DidNotStart, FolderForeign, OtherVersion
from imx.postgres.process import start
from imx.postgres.survivor import start_time, working_in
from tests.imx.conftest import Starter, copy_cluster

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to be somebody else")

#: A service that starts PostgreSQL on a folder, says its process id and waits to be killed.
SUPERVISOR = """
import sys, time
from pathlib import Path
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import cluster_in
from imx.postgres.process import start
running = start(cluster_in(Path(sys.argv[1]), find_binaries(), None))
running.wait_until_ready()
print(running.child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def cluster_folder(folder: Path, laid_out: Path) -> Path:
    copy_cluster(laid_out, folder)
    return folder


def supervised(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A process of its own that runs PostgreSQL, and PostgreSQL's process id."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    return supervisor, int(supervisor.stdout.readline())


def kill(supervisor: "subprocess.Popen[str]") -> None:
    supervisor.kill()
    supervisor.wait()
    if supervisor.stdout:
        supervisor.stdout.close()


def test_it_is_as_durable_as_we_promise(cluster_folder: Path, start_postgres: Starter) -> None:
    postgres = start_postgres(cluster_folder)

    with psycopg.connect(postgres.conninfo) as connection:
        in_force = {
            name: connection.execute("select current_setting(%s)", [name]).fetchone()
            for name in (
                "fsync",
                "full_page_writes",
                "synchronous_commit",
                "data_checksums",
                "listen_addresses",
            )
        }
        locale = connection.execute(
            "select datlocprovider, datlocale from pg_database where datname = 'imx'"
        ).fetchone()

    assert in_force == {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on",),
        "data_checksums": ("on",),
        "listen_addresses": ("",),
    }
    assert locale == ("b", "C.UTF-8")


def test_the_socket_is_in_a_folder_of_its_own_that_nobody_else_enters(
    cluster_folder: Path, start_postgres: Starter
) -> None:
    postgres = start_postgres(cluster_folder)

    found = postgres.cluster.sockets.stat()
    assert found.st_mode & 0o777 == 0o700
    assert found.st_uid == postgres.cluster.account.uid


@needs_root
def test_another_user_is_refused_even_with_the_socket_at_hand(
    cluster_folder: Path, start_postgres: Starter
) -> None:
    """Peer authentication maps our own user alone to the role, whatever the permissions of folders."""
    postgres = start_postgres(cluster_folder)
    postgres.cluster.sockets.chmod(0o711)
    (postgres.cluster.sockets / SOCKET_NAME).chmod(0o777)
    psql = find_binaries().program("psql")

    said = subprocess.run(
        [psql, postgres.conninfo, "-c", "select 1"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
    )

    assert said.returncode != 0
    assert "authentication failed" in said.stderr


@needs_root
def test_as_root_it_runs_as_another_user_in_folders_which_that_user_cannot_reach(
    tmp_path: Path, laid_out: Path, start_postgres: Starter
) -> None:
    hidden = tmp_path / "home" / "data"
    hidden.mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    copy_cluster(laid_out, hidden)

    postgres = start_postgres(hidden)

    assert not can_reach(postgres.cluster.account, [postgres.cluster.data])
    assert Path(f"/proc/{postgres.child.pid}").stat().st_uid == postgres.cluster.account.uid != 0
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_a_new_folder_is_laid_out_and_comes_up(folder: Path, start_postgres: Starter) -> None:
    (folder / "postgres.new").mkdir()  # an initdb that was killed half-way

    postgres = start_postgres(folder)

    with psycopg.connect(postgres.conninfo) as connection:
        assert connection.execute("select current_user::text").fetchone() == ("imx",)
    assert not (folder / "postgres.new").exists()


def test_it_ends_when_its_supervisor_is_killed(cluster_folder: Path) -> None:
    supervisor, pid = supervised(cluster_folder)

    kill(supervisor)

    deadline = time.monotonic() + 60
    while start_time(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert start_time(pid) is None


def test_a_survivor_is_ended_and_its_data_kept(cluster_folder: Path, start_postgres: Starter) -> None:
    supervisor, pid = supervised(cluster_folder)
    conninfo = cluster_in(cluster_folder, find_binaries(), None).conninfo()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("create table kept as select 1 as one")
    # Stopped, it cannot answer the signal that comes with its supervisor's death.
    os.kill(pid, signal.SIGSTOP)
    kill(supervisor)
    assert pid in working_in(cluster_folder / "postgres")
    os.kill(pid, signal.SIGCONT)

    postgres = start_postgres(cluster_folder)

    assert postgres.child.pid != pid
    with psycopg.connect(postgres.conninfo) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_after_a_kill_of_everything_it_recovers(cluster_folder: Path, start_postgres: Starter) -> None:
    postgres = start_postgres(cluster_folder)
    with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
        connection.execute("create table kept as select 1 as one")
    postgres.child.kill()
    postgres.child.wait()

    again = start_postgres(cluster_folder)

    with psycopg.connect(again.conninfo) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_a_process_that_only_has_the_old_process_id_is_left_alone(
    cluster_folder: Path, start_postgres: Starter
) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    record = '{"pid": %d, "started": 1, "boot": "%s"}'
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (cluster_folder / "postgres.running").write_text(record % (bystander.pid, boot))
    pid_file = cluster_folder / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{bystander.pid}\n{cluster_folder}/postgres\n1\n5432\n\n\n")
    owner = (cluster_folder / "postgres").stat()
    os.chown(pid_file, owner.st_uid, owner.st_gid)
    try:
        start_postgres(cluster_folder)

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_second_holder_of_the_folder_is_told_so(folder: Path) -> None:
    with (
        DataFolder(folder).held(),
        pytest.raises(FolderHeld, match=str(os.getpid())),
        DataFolder(folder).held(),
    ):
        pass


def test_the_folder_tells_whether_its_last_holder_was_killed(folder: Path) -> None:
    with DataFolder(folder).held() as was_killed:
        assert not was_killed
    with DataFolder(folder).held() as was_killed:
        assert not was_killed
    (folder / "lock").write_text("4711\n")
    with DataFolder(folder).held() as was_killed:
        assert was_killed


def test_the_data_of_another_major_version_is_refused_with_the_way_over(cluster_folder: Path) -> None:
    (cluster_folder / "postgres" / "PG_VERSION").write_text("17\n")

    with pytest.raises(OtherVersion, match="database dump") as refused:
        cluster_in(cluster_folder, find_binaries(), None)

    assert "database restore" in str(refused.value)


def test_the_same_major_version_is_welcome(cluster_folder: Path) -> None:
    check_version(cluster_folder / "postgres", find_binaries())


def test_a_long_path_gets_a_short_socket_folder(folder: Path) -> None:
    long = folder / ("x" * 100)

    short = socket_folder(long)

    assert len(os.fsencode(short / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    assert socket_folder(long) == short != socket_folder(folder / ("y" * 100))


@pytest.mark.parametrize("name", ["x" * 100, "one, two"])
def test_a_data_folder_with_an_awkward_path_comes_up(
    folder: Path, laid_out: Path, start_postgres: Starter, name: str
) -> None:
    awkward = folder / name
    awkward.mkdir(mode=0o711)
    copy_cluster(laid_out, awkward)

    postgres = start_postgres(awkward)

    with psycopg.connect(postgres.conninfo) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    postgres.stop()
    postgres.cluster.sockets.rmdir()


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_socket_folder_that_others_may_enter_is_not_trusted(folder: Path, mode: int) -> None:
    ours = Account("us", os.geteuid(), os.getegid(), is_other=False)
    (folder / "run").mkdir()
    (folder / "run").chmod(mode)

    with pytest.raises(FolderForeign):
        own_folder(folder / "run", ours)


def test_a_link_in_place_of_the_socket_folder_is_not_followed(folder: Path) -> None:
    ours = Account("us", os.geteuid(), os.getegid(), is_other=False)
    (folder / "elsewhere").mkdir(mode=0o700)
    (folder / "run").symlink_to(folder / "elsewhere")

    with pytest.raises(FolderForeign):
        own_folder(folder / "run", ours)


def test_one_that_cannot_start_says_why(cluster_folder: Path) -> None:
    postgres = start(cluster_in(cluster_folder, find_binaries(), None), overrides={"shared_buffers": "1kB"})

    with pytest.raises(DidNotStart, match="shared_buffers"):
        postgres.wait_until_ready()
    postgres.stop()


def test_binaries_that_are_not_there_are_said_to_be(folder: Path) -> None:
    with pytest.raises(BinariesMissing, match=r"database\.binaries"):
        find_binaries(folder)


def test_no_statement_or_value_reaches_its_log(cluster_folder: Path) -> None:
    said: list[str] = []
    postgres = start(cluster_in(cluster_folder, find_binaries(), None), said.append)
    postgres.wait_until_ready()
    with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
        connection.execute("create table person (name text primary key)")
        connection.execute("insert into person values ('SECRET')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("insert into person values (%s)", ["SECRET"])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("select 'a\nSECRET'::int")
    postgres.stop()

    assert "ERROR 23505" in said
    assert any("ready to accept connections" in line for line in said)
    assert not any("SECRET" in line for line in said)
