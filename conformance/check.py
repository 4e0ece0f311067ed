"""Findings of DICOM files below a path, by our own rules and, where it is there, dicom3tools' dciodvfy."""

import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from conformance.iod import Grade, IodFinding, findings_of

_DCIODVFY = "dciodvfy"
_SAID = re.compile(r"(?P<grade>Error|Warning) - (?P<what>.+)")
#: What it quotes is an attribute, which begins with a slash, a module, or a value of the object.
_VALUE = re.compile(r"(?<!Module=)<(?!/)[^<>]*>")
_PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what is wrong with it."""

    path: Path
    findings: tuple[IodFinding, ...]

    @property
    def is_sound(self) -> bool:
        return all(each.grade is not Grade.ERROR for each in self.findings)


def check(path: Path) -> Iterator[Checked]:
    """Every file at or below `path`; one that is no DICOM is a finding where it was named, else passed over.

    Raises OSError.
    """
    if not path.is_dir():
        yield _check_file(path, outside_tool())
        return
    tool = outside_tool()
    for each in sorted(file for file in path.rglob("*") if file.is_file()):
        if _is_dicom(each):
            yield _check_file(each, tool)


def outside_tool() -> str | None:
    """Where dciodvfy is: beside this Python, or on the path."""
    beside = Path(sys.executable).parent / _DCIODVFY
    return str(beside) if beside.exists() else shutil.which(_DCIODVFY)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _check_file(path: Path, tool: str | None) -> Checked:
    try:
        with warnings.catch_warnings(action="ignore"):
            found = list(findings_of(dcmread(path)))
    except (InvalidDicomError, ValueError, EOFError, KeyError, NotImplementedError) as error:
        unreadable = IodFinding(Grade.ERROR, "file", f"cannot be read: {type(error).__name__}", "PS3.10 §7")
        return Checked(path, (unreadable,))
    if tool:
        found += _by_dciodvfy(path, tool)
    return Checked(path, tuple(found))


def _by_dciodvfy(path: Path, tool: str) -> Iterator[IodFinding]:
    done = subprocess.run([tool, "-new", str(path)], capture_output=True, timeout=_PATIENCE_S, check=False)
    for line in (done.stdout + done.stderr).decode(errors="replace").splitlines():
        if said := _SAID.match(line):
            grade = Grade.ERROR if said["grade"] == "Error" else Grade.WARNING
            yield IodFinding(grade, _DCIODVFY, _without_values(said["what"]), "PS3.3 §A")


def _without_values(text: str) -> str:
    """Values of the object are no part of a finding."""
    return _VALUE.sub("<...>", text)


def as_text(checked: Sequence[Checked], *, has_tool: bool) -> str:
    """Findings below their file, and how many files are sound."""
    lines: list[str] = []
    for each in checked:
        lines.append(f"{each.path}: {'sound' if each.is_sound else 'NOT SOUND'}")
        lines += [f"  {f.grade.value:8} {f.where}: {f.what}  ({f.section})" for f in each.findings]
    sound = sum(each.is_sound for each in checked)
    lines.append(f"{sound} of {len(checked)} sound" + ("" if has_tool else "; dciodvfy is not installed"))
    return "\n".join(lines)


def as_json(checked: Sequence[Checked]) -> str:
    """The same for programs."""
    rows = [
        {
            "path": str(each.path),
            "sound": each.is_sound,
            "findings": [
                {"grade": f.grade.value, "where": f.where, "what": f.what, "section": f.section}
                for f in each.findings
            ],
        }
        for each in checked
    ]
    return json.dumps(rows, indent=1)
