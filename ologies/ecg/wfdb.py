"""WFDB records (PhysioNet, header(5) and signal(5)): a header in text, which names the files of its signals.

The header is the file that is wrapped; those that it names lie beside it. A name with a path in it is none
that a recorder writes, and is refused before any reader opens it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ologies.errors import Damaged

#: A header is a page of text.
_HEADER_LIMIT_BYTES = 64 * 1024

#: The record line: name, signals; a record of several segments says how many.
_RECORD = re.compile(
    r"(?P<name>[\w-]{1,80})(?:/(?P<segments>\d{1,5}))?[ \t]+(?P<signals>\d{1,4})(?:[ \t].*)?"
)
#: A signal line: file, format with its samples a frame, skew and offset.
_SIGNAL = re.compile(r"(?P<file>\S+)[ \t]+(?P<format>\d{1,3})(?:x\d+)?(?::-?\d+)?(?:\+\d+)?(?:[ \t].*)?")
_SEGMENT = re.compile(r"(?P<name>[\w~-]+)[ \t]+(?P<samples>\d+)[ \t]*")
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][\w.-]{0,254}")

#: What each format writes in place of a sample that was not measured (signal(5)).
_NOT_MEASURED = {
    16: -(2**15), 24: -(2**23), 32: -(2**31), 61: -(2**15), 80: -128, 160: -(2**15), 212: -2048, 310: -512,
    311: -512,
}  # fmt: skip


#: All of signal(5); those of FLAC are not read here.
_FORMATS = _NOT_MEASURED.keys() | {0, 8, 508, 516, 524}


@dataclass(frozen=True, slots=True)
class _Header:
    segments: tuple[tuple[str, int], ...]  # names and samples, of a record that has them
    files: tuple[str, ...]


def is_header(head: bytes) -> bool:
    """Whether the first bytes of a file are a WFDB header's: its record line, and what has to follow that."""
    if b"\0" in head:
        return False
    lines = _lines(head.decode("utf-8", "replace"))
    record = _RECORD.fullmatch(lines[0]) if lines else None
    if record is None or len(lines) < 2:
        return False
    if not int(record["signals"]):
        return False
    if record["segments"]:
        return _SEGMENT.fullmatch(lines[1]) is not None
    signal = _SIGNAL.fullmatch(lines[1])
    return signal is not None and int(signal["format"]) in _FORMATS


def files_beside(header: Path) -> tuple[Path, ...]:
    """The files that a header names, its segments' headers too. Raises Damaged where one is not there."""
    found = _read(header)
    names = dict.fromkeys(found.files)
    for name, _ in found.segments:
        if name == "~":  # a pause
            continue
        part = _beside(header, f"{name}.hea")
        of_part = _read(part)
        if of_part.segments:
            raise Damaged("a segment of the record has segments itself")
        names |= dict.fromkeys([part.name, *of_part.files])
    return tuple(_beside(header, name) for name in names)


def laid_out(header: Path, folder: Path) -> Path:
    """The record in a folder where its reader finds nothing else, whatever the header is called."""
    for each in files_beside(header):
        (folder / each.name).symlink_to(each.resolve())
    made = folder / "record of this file.hea"
    made.symlink_to(header.resolve())
    return made


def mend(record: Any) -> None:
    """What ecgdatakit rounds or leaves among the samples. Raises Damaged where they are not the header's."""
    said = record.raw_metadata
    if said["checksum_valid"] is False:
        raise Damaged("the checksums of its header are not those of its signals")
    for lead, signal in zip(record.leads, said["signal_specs"], strict=True):
        lead.sampling_rate = said["sampling_frequency"] * signal["samples_per_frame"]
        if (not_measured := _NOT_MEASURED.get(signal["fmt"])) is not None:
            lead.samples = np.where(lead.samples == not_measured, np.nan, lead.samples)


def _read(path: Path) -> _Header:
    with path.open("rb") as file:
        text = file.read(_HEADER_LIMIT_BYTES + 1)
    if len(text) > _HEADER_LIMIT_BYTES:
        raise Damaged(f"its header is longer than {_HEADER_LIMIT_BYTES:,} bytes")
    lines = _lines(text.decode("utf-8", "replace"))
    record = _RECORD.fullmatch(lines[0]) if lines else None
    if record is None:
        raise Damaged("the WFDB header has no record line")
    wanted, pattern = int(record["segments"] or record["signals"]), _SIGNAL
    if record["segments"]:
        pattern = _SEGMENT
    found = [pattern.fullmatch(line) for line in lines[1 : 1 + wanted]]
    matches = [each for each in found if each is not None]
    if len(matches) != wanted:
        raise Damaged(f"the WFDB header announces {wanted} lines that it does not hold")
    if not record["segments"]:
        return _Header((), tuple(each["file"] for each in matches if each["format"] != "0"))
    segments = tuple((each["name"], int(each["samples"])) for each in matches)
    if segments and not segments[0][1]:
        raise Damaged("its segments differ in their signals: wrap each of them")
    return _Header(segments, ())


def _beside(header: Path, name: str) -> Path:
    if not _FILE_NAME.fullmatch(name):
        raise Damaged("the WFDB header names a file that is not beside it")
    path = header.with_name(name)
    if not path.is_file():
        raise Damaged("a file that the WFDB header names is not beside it: give both in one folder")
    return path


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
