"""OHIF as npm brings it: believed for its digest alone, and unpacked nowhere but where it belongs."""

import base64
import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from imx import viewer
from imx.errors import CommandFailed
from viewer_api.ohif import FILES

MAIN = "package/dist/app.bundle.0123456789abcdef.js"


def packed(at: Path, members: dict[str, bytes], odd: tarfile.TarInfo | None = None) -> Path:
    """A tarball as npm makes them."""
    with tarfile.open(at, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if odd is not None:
            archive.addfile(odd)
    return at


def npm(folder: Path, script: str) -> str:
    """A PATH whose npm is this script."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_the_built_files_lie_where_browsers_look_and_what_is_not_used_is_left_out(tmp_path: Path) -> None:
    tarball = packed(
        tmp_path / "ohif.tgz",
        {
            MAIN: b'__webpack_require__.p = "/";',
            "package/dist/app.bundle.css": b"@font-face{src:url(/a.woff2)}",
            "package/dist/assets/logo.png": b"\x89PNG",
            "package/dist/ort/model.wasm": b"large",
            "package/dist/app.bundle.js.map": b"{}",
            "package/dist/sw.js": b"",
            "package/LICENSE": b"MIT",
            "package/package.json": b"{}",
        },
    )

    viewer.unpack(tarball, tmp_path / "made")

    kept = {str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*.*")}
    assert kept == {"app.bundle.0123456789abcdef.js.gz", "app.bundle.css.gz", "assets/logo.png"}
    assert (tmp_path / "made" / "LICENSE").read_bytes() == b"MIT"
    script = gzip.decompress((tmp_path / "made" / "app.bundle.0123456789abcdef.js.gz").read_bytes())
    assert script == f'__webpack_require__.p = "{FILES}";'.encode()
    style = gzip.decompress((tmp_path / "made" / "app.bundle.css.gz").read_bytes())
    assert f"url({FILES}a.woff2)".encode() in style


@pytest.mark.parametrize("name", ["package/dist/../../../evil.js", "/evil.js", "../evil.js"])
def test_a_path_that_leads_elsewhere_ends_it(tmp_path: Path, name: str) -> None:
    tarball = packed(tmp_path / "ohif.tgz", {MAIN: b"", name: b"evil"})

    with pytest.raises(CommandFailed, match="leads elsewhere"):
        viewer.unpack(tarball, tmp_path / "made")
    assert not list(tmp_path.rglob("evil.js"))


def test_a_link_ends_it_too(tmp_path: Path) -> None:
    link = tarfile.TarInfo("package/dist/assets")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"

    with pytest.raises(CommandFailed, match="leads elsewhere"):
        viewer.unpack(packed(tmp_path / "ohif.tgz", {MAIN: b""}, link), tmp_path / "made")


def test_what_is_no_tarball_or_holds_no_viewer_says_so(tmp_path: Path) -> None:
    (tmp_path / "broken.tgz").write_bytes(b"\x1f\x8bnothing")

    with pytest.raises(CommandFailed, match="cannot be unpacked"):
        viewer.unpack(tmp_path / "broken.tgz", tmp_path / "first")
    with pytest.raises(CommandFailed, match="no built viewer"):
        viewer.unpack(packed(tmp_path / "ohif.tgz", {"package/README.md": b""}), tmp_path / "second")


def test_another_content_than_the_version_that_we_know_is_refused(tmp_path: Path) -> None:
    tarball = packed(tmp_path / "ohif.tgz", {MAIN: b""})
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()

    viewer.check(tarball, digest)
    with pytest.raises(CommandFailed, match="SHA-512"):
        viewer.check(tarball, viewer.SHA512)


def test_without_npm_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(viewer.NoNpm, match="npm is not installed"):
        viewer.install(tmp_path / "share")
    assert list((tmp_path / "share").iterdir()) == []


def test_an_npm_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", npm(tmp_path / "bin", "echo 'npm error code ENOTFOUND' >&2; exit 1"))

    with pytest.raises(CommandFailed, match="ENOTFOUND"):
        viewer.install(tmp_path / "share")
    assert list((tmp_path / "share").iterdir()) == []


def test_what_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball = packed(tmp_path / "ohif.tgz", {MAIN: b""})
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    monkeypatch.setattr(viewer, "SHA512", digest)
    copies = f'for last; do :; done; cp {tarball} "$last"; echo once >> {tmp_path}/called'
    monkeypatch.setenv("PATH", npm(tmp_path / "bin", copies))

    assert viewer.install(tmp_path / "share")
    assert not viewer.install(tmp_path / "share")
    assert (tmp_path / "called").read_text() == "once\n"
    assert [path.name for path in (tmp_path / "share").iterdir()] == [viewer.installed_in(tmp_path).name]


def test_a_tarball_that_was_brought_needs_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tarball = packed(tmp_path / "ohif.tgz", {MAIN: b""})
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    monkeypatch.setattr(viewer, "SHA512", digest)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert viewer.install(tmp_path / "share", tarball)
    assert tarball.exists()
    with pytest.raises(CommandFailed, match="cannot be read"):
        viewer.install(tmp_path / "other", tmp_path / "none.tgz")


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("a file")

    with pytest.raises(CommandFailed, match="cannot be kept there"):
        viewer.install(tmp_path / "share")
