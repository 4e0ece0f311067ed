"""`imx trust`, `imx peer` and `imx registry`: what a co-ordinator types, and what comes of it."""

import json
import ssl
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import trustme
from psycopg_pool import ConnectionPool

from exchange.refusals import Reason, Refusal
from exchange.registry import BadEntry, PostgresRegistry, UnknownPeer
from imx.commands.registry_file import BadRegistryFile
from tests.imx.conftest import Imx

STRANGER = Refusal(Reason.UNKNOWN_PEER, "CT9", "IMX", "10.0.0.9", "no peer CT9 at 10.0.0.9 in the registry")


@pytest.fixture
def known(database: str, imx: Imx) -> Iterator[PostgresRegistry]:
    said(imx, "trust", "add", "RBL", "Wirral", "--place", "Wirral")
    said(imx, "trust", "add", "REM", "Liverpool")
    with ConnectionPool(database, min_size=1, max_size=2) as pool:
        yield PostgresRegistry(pool)


def said(imx: Imx, *arguments: str) -> list[dict[str, Any]]:
    """What it answers with --json."""
    done = imx(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def refused(imx: Imx, kind: type[Exception], *arguments: str) -> str:
    """The sentence with which it fails."""
    done = imx(*arguments)
    assert isinstance(done.exception, kind), (done.output, done.exception)
    return str(done.exception)


def test_a_peer_must_come_over_tls_unless_it_is_said_otherwise(imx: Imx, known: PostgresRegistry) -> None:
    assert said(imx, "peer", "add", "CT1", "--trust", "rbl")[0]["over"] == "TLS"
    assert said(imx, "peer", "change", "CT1", "--plain")[0]["plain_allowed"] is True
    assert said(imx, "peer", "change", "CT1", "--no-plain")[0]["plain_allowed"] is False


def test_a_change_changes_what_is_said_and_no_more(imx: Imx, known: PostgresRegistry) -> None:
    said(
        imx, "peer", "add", "WS1", "--trust", "RBL", "--host", "10.1.0.1", "--port", "104", "--read", "--tls",
        "--network", "10.2.0.0/16", "--network", "10.3.0.0/16", "--called", "OLD_PACS", "--associations", "7",
    )  # fmt: skip
    (before,) = said(imx, "peer", "show", "WS1")
    (after,) = said(imx, "peer", "change", "WS1", "--host", "10.1.0.2", "--duplicates", "warn")

    assert after == before | {"host": "10.1.0.2", "duplicates": "warn"}
    (emptied,) = said(imx, "peer", "change", "WS1", "--port", "0", "--network", "", "--called", "")
    assert (emptied["port"], emptied["networks"], emptied["called_titles"]) == (None, [], [])


def test_a_certificate_is_given_as_its_file(imx: Imx, known: PostgresRegistry, tmp_path: Path) -> None:
    certificate = trustme.CA().issue_cert("ct1.example")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "ct1.pem")
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())

    said(imx, "peer", "add", "CT1", "--trust", "RBL", "--certificate", str(tmp_path / "ct1.pem"))

    assert said(imx, "peer", "show", "CT1")[0]["fingerprint"] == sha256(der).hexdigest()
    (tmp_path / "ct1.pem").write_text("none")
    assert imx("peer", "change", "CT1", "--certificate", str(tmp_path / "ct1.pem")).exit_code == 1


def test_of_two_peers_by_one_title_it_is_said_which(imx: Imx, known: PostgresRegistry) -> None:
    for trust, host in (("RBL", "10.1.0.1"), ("REM", "10.2.0.1")):
        said(imx, "peer", "add", "CT1", "--trust", trust, "--host", host)
    words = refused(imx, UnknownPeer, "peer", "remove", "CT1")
    first, second = said(imx, "peer", "list")

    assert f"--id {first['id']} (RBL at 10.1.0.1), --id {second['id']} (REM at 10.2.0.1)" in words
    said(imx, "peer", "remove", "CT1", "--id", str(first["id"]))
    assert said(imx, "peer", "list") == [second]
    assert said(imx, "peer", "list", "--trust", "RBL") == []
    refused(imx, UnknownPeer, "peer", "show", "CT7")


def test_a_stranger_is_admitted_by_the_command_that_is_shown(imx: Imx, known: PostgresRegistry) -> None:
    for _ in range(3):
        known.note_refusal(STRANGER)
    (shown,) = said(imx, "peer", "refused")
    assert (shown["calling"], shown["address"], shown["times"]) == ("CT9", "10.0.0.9", 3)
    command = shown["admit"].replace("ODS_CODE", "RBL").split()

    assert command[:3] == ["imx", "peer", "admit"]
    said(imx, *command[1:])

    peer = known.named("CT9", "10.0.0.9")
    assert peer is not None
    assert (peer.trust.ods_code, peer.plain_allowed, peer.may_store, peer.may_read) == (
        "RBL", True, True, False,
    )  # fmt: skip
    assert said(imx, "peer", "refused") == []
    assert said(imx, "registry", "changes")[0]["what"] == "peer added"


def test_a_trust_that_was_merged_is_shown_so_and_can_be_parted(imx: Imx, known: PostgresRegistry) -> None:
    said(imx, "trust", "merge", "RBL", "REM")
    assert said(imx, "trust", "show", "RBL")[0]["successor"] == "REM"
    said(imx, "trust", "add", "RBL", "Wirral again")
    assert said(imx, "trust", "show", "RBL")[0]["successor"] == "REM"
    refused(imx, BadEntry, "trust", "merge", "REM", "RBL")
    said(imx, "trust", "merge", "RBL", "RBL")
    assert said(imx, "trust", "show", "RBL")[0]["successor"] is None


def test_a_trust_is_removed_when_nothing_is_its_own(imx: Imx, known: PostgresRegistry) -> None:
    said(imx, "peer", "add", "CT1", "--trust", "RBL")
    assert imx("trust", "remove", "RBL").exit_code == 1
    said(imx, "trust", "remove", "rem")
    assert [each["ods_code"] for each in said(imx, "trust", "list")] == ["RBL"]


def test_who_changed_what_is_kept(imx: Imx, known: PostgresRegistry) -> None:
    said(imx, "peer", "add", "CT1", "--trust", "RBL", "--by", "ann")
    said(imx, "peer", "add", "CT1", "--trust", "RBL", "--by", "bob")  # the same: nothing changed
    said(imx, "peer", "change", "CT1", "--plain", "--by", "bob")
    said(imx, "peer", "remove", "CT1", "--by", "cat")

    changes = said(imx, "registry", "changes")
    assert [(each["by"], each["what"], each["name"]) for each in changes[:3]] == [
        ("cat", "peer removed", "CT1"),
        ("bob", "peer changed", "CT1"),
        ("ann", "peer added", "CT1"),
    ]
    assert changes[1]["entry"]["plain_allowed"] is True


REGION = """
[[trust]]
ods_code = "RBL"
name = "Wirral"
place = "Wirral"
successor = "RXX"     # merged

[[trust]]
ods_code = "RXX"
name = "Wirral and Liverpool"

[[peer]]
ae_title = "CT1"
trust = "RBL"
host = "10.1.2.3"
plain_allowed = true

[[peer]]
ae_title = "CT2"
trust = "RXX"
networks = [
    "10.1.3.0/24",
    "10.1.4.0/24",
]
"""


@pytest.fixture
def region(tmp_path: Path) -> Path:
    path = tmp_path / "region.toml"
    path.write_text(REGION)
    return path


def done(imx: Imx, *arguments: str) -> list[tuple[str, str]]:
    return [(each["done"], each["name"]) for each in said(imx, "registry", "import", *arguments)]


def test_a_file_is_imported_and_twice_is_once(imx: Imx, known: PostgresRegistry, region: Path) -> None:
    expected = [("added", "RXX"), ("changed", "RBL"), ("added", "CT1"), ("added", "CT2")]
    stays = [("not in the file", "REM")]
    assert done(imx, str(region), "--dry-run") == expected + stays
    assert known.peers() == []
    assert done(imx, str(region)) == expected + stays
    assert {what for what, name in done(imx, str(region)) if name != "REM"} == {"left"}

    region.write_text(REGION.replace("10.1.2.3", "10.1.2.4"))
    assert ("changed", "CT1") in done(imx, str(region))
    assert [each.host for each in known.peers()] == ["10.1.2.4", None]

    assert imx("registry", "export").stdout.count("[[peer]]") == 2
    assert len(said(imx, "registry", "export")[0]["peer"]) == 2
    region.write_text(imx("registry", "export").stdout)
    assert {what for what, _ in done(imx, str(region))} == {"left"}


def test_what_the_file_does_not_name_goes_only_when_told(
    imx: Imx, known: PostgresRegistry, region: Path
) -> None:
    said(imx, "peer", "add", "OLD", "--trust", "REM")
    assert ("not in the file", "OLD") in done(imx, str(region))
    assert ("removed", "OLD") in done(imx, str(region), "--remove-others")
    assert [each.ae_title for each in known.peers()] == ["CT1", "CT2"]
    assert [each.ods_code for each in known.trusts()] == ["RBL", "RXX"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('host = "10.1.2.3"', 'hots = "10.1.2.3"', 15, "did you mean host?"),
        ("plain_allowed = true", 'plain_allowed = "yes"', 16, "true or false"),
        ('host = "10.1.2.3"', "host = ", 15, ""),
        ('"10.1.4.0/24"', '"10.1.4.1/24"', 21, "no network"),
        ('trust = "RXX"', 'trust = "RXY"', 20, "no trust RXY"),
        ('successor = "RXX"', 'successor = "RXY"', 6, "no trust RXY"),
        ('ae_title = "CT2"', 'ae_title = "CT1"', 19, "shares addresses with it"),
        ("[[trust]]\nods_code = \"RXX\"", "[[trusts]]\nods_code = \"RXX\"", 8, "is no table here"),
        ('ods_code = "RXX"', 'ods_code = "RBL"', 9, "twice"),
    ],
)  # fmt: skip
def test_a_file_with_an_error_changes_nothing_and_names_its_line(
    imx: Imx, known: PostgresRegistry, region: Path, old: str, new: str, line: int, words: str
) -> None:
    before = known.trusts()
    changed = REGION.replace(old, new)
    if new == 'ae_title = "CT1"':
        changed = changed.replace('"10.1.3.0/24"', '"10.1.2.0/24"')
    region.write_text(changed)

    said_why = refused(imx, BadRegistryFile, "registry", "import", str(region))

    assert f"line {line}:" in said_why
    assert words in said_why
    assert (known.trusts(), known.peers()) == (before, [])


def test_a_file_that_is_not_there_is_named(imx: Imx, known: PostgresRegistry, tmp_path: Path) -> None:
    assert "none.toml" in refused(imx, BadRegistryFile, "registry", "import", str(tmp_path / "none.toml"))
