"""OHIF, fetched once by npm, checked against the digest of its version, and unpacked for the HTTP edge.

npm asks whatever registry it is set to; what it brings is believed for its digest alone.
"""

import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from imx.errors import CommandFailed
from imx.part_settings import VIEWER_FOLDER
from viewer_api.ohif import FILES, MAKE, VERSION, ZIPPED

PACKAGE = f"@ohif/app@{VERSION}"
#: Of the package's tarball, as every registry states it (dist.integrity).
SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="

#: More than the package holds; a tarball that grows beyond it is not it.
_MOST_BYTES = 512 * 1024 * 1024
_MOST_FILES = 5_000
_FETCH_S = 600

#: Models that would be fetched from elsewhere, a service worker, other people's sign-in: none is used.
_LEFT_OUT = re.compile(
    r"ort/.*|.*\.map|sw\.js|init-service-worker\.js|google\.js|oidc-client\.min\.js|silent-refresh\.html"
    r"|index\.html|app-config\.js|_.*|serve\.json|.*apple-touch-startup-image.*"
)
#: What names the address that OHIF's files lie at: "/", as it is built.
_AT_ROOT = {
    ".js": (b'__webpack_require__.p = "/";', f'__webpack_require__.p = "{FILES}";'.encode()),
    ".css": (b"url(/", f"url({FILES}".encode()),
}


class NoNpm(CommandFailed):
    """npm is not on this machine."""


def installed_in(folder: Path = VIEWER_FOLDER) -> Path:
    """Where this version's files lie, or will."""
    return folder / f"ohif-{VERSION}-{MAKE}"


def install(folder: Path = VIEWER_FOLDER, tarball: Path | None = None) -> bool:
    """Fetch it, unless its tarball is here; check and unpack it. False where that was done before.

    Raises CommandFailed.
    """
    target = installed_in(folder)
    if target.is_dir():
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="ohif-", dir=folder) as temporary:
            brought = tarball or fetch(Path(temporary))
            check(brought, SHA512)
            made = Path(temporary) / "made"
            unpack(brought, made)
            made.chmod(0o755)
            made.rename(target)
    except OSError as error:
        if target.is_dir():
            return False  # another did the same meanwhile
        raise CommandFailed(f"{folder}: the viewer cannot be kept there: {error.strerror}") from error
    return True


def fetch(into: Path) -> Path:
    """The package's tarball, from the registry that npm is set to."""
    npm = shutil.which("npm")
    if npm is None:
        raise NoNpm("npm is not installed here: add it (on Debian: apt-get install npm), and try again")
    try:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent", "--ignore-scripts", "--pack-destination", str(into)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=into,
            timeout=_FETCH_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"npm did not bring {PACKAGE} within {_FETCH_S} s") from error
    found = list(into.glob("*.tgz"))
    if done.returncode != 0 or len(found) != 1:
        said = done.stderr.strip().splitlines()
        raise CommandFailed(f"npm could not bring {PACKAGE}: {said[0] if said else 'it does not say why'}")
    return found[0]


def check(tarball: Path, expected: str) -> None:
    """Raises CommandFailed unless it is the very one."""
    try:
        stream = tarball.open("rb")
    except OSError as error:
        raise CommandFailed(f"{tarball} cannot be read: {error.strerror}") from error
    with stream:
        found = base64.b64encode(hashlib.file_digest(stream, "sha512").digest()).decode()
    if found != expected:
        raise CommandFailed(f"{tarball.name} is not {PACKAGE}: its SHA-512 is {found}, not {expected}")


def unpack(tarball: Path, into: Path) -> None:
    """The built files, with the address that they lie at, zipped where that helps."""
    into.mkdir()
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for path, content in _built(archive):
                _keep(into, path, content)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise CommandFailed(f"{PACKAGE} cannot be unpacked: {type(error).__name__}") from error
    if not list(into.glob("app.bundle.*.js.gz")):
        raise CommandFailed(f"{PACKAGE} holds no built viewer")


def _built(archive: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, bytes]]:
    """What lies in dist/, and the licence; a path that leads elsewhere ends it all."""
    size = count = 0
    for member in archive:
        size, count = size + member.size, count + 1
        if size > _MOST_BYTES or count > _MOST_FILES:
            raise CommandFailed(f"{PACKAGE} holds more than it should")
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise CommandFailed(f"{PACKAGE} holds a path that leads elsewhere")
        if not member.isfile():
            continue
        if path.parts[:2] == ("package", "dist"):
            path = PurePosixPath(*path.parts[2:])
            if _LEFT_OUT.fullmatch(str(path)):
                continue
        elif path.name == "LICENSE":
            path = PurePosixPath(path.name)
        else:
            continue
        stream = archive.extractfile(member)
        assert stream is not None  # a file has content
        yield path, stream.read()


def _keep(into: Path, path: PurePosixPath, content: bytes) -> None:
    target = into / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in _AT_ROOT:
        content = content.replace(*_AT_ROOT[path.suffix])
    if path.suffix.removeprefix(".") in ZIPPED:
        target = target.with_name(f"{target.name}.gz")
        content = gzip.compress(content, 6, mtime=0)
    target.write_bytes(content)
    os.chmod(target, 0o644)
