"""What an import has done already: one line a file, so that it can be stopped and started again."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO


@dataclass(slots=True)
class Journal:
    """The files of one folder that are kept, by their path, size and time of change.

    It only saves time: a file that is tried again is found to be kept already.
    """

    path: Path
    done: set[str] = field(default_factory=set)
    file: IO[str] | None = None

    @classmethod
    def of(cls, data: Path, folder: Path, trust: str) -> "Journal":
        """Beside the data it went into: for a folder and the trust in whose name it was imported."""
        name = hashlib.sha256(os.fsencode(folder.resolve()) + b"\0" + trust.encode()).hexdigest()[:16]
        return cls(data / "imports" / f"{name}.jsonl")

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists():
            self.done = {line for text in self.path.read_text().splitlines() if (line := _entry(text))}
        self.file = self.path.open("a")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is not None:
            self.file.close()

    def has(self, path: Path) -> bool:
        return state_of(path) in self.done

    def note(self, path: Path) -> None:
        """This file is kept."""
        if self.file is not None:
            self.file.write(json.dumps({"kept": state_of(path)}) + "\n")
            self.file.flush()


def state_of(path: Path) -> str:
    """Another content has another size or time."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {path.resolve()}"


def _entry(text: str) -> str | None:
    """A line that was cut off by a kill says nothing."""
    try:
        return str(json.loads(text)["kept"])
    except (ValueError, KeyError, TypeError):
        return None
