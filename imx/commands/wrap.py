"""`imx wrap`: what is not DICOM yet becomes DICOM, for the right person and encounter."""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from imx.cases import jobs_of, papers_last, wrapped_alone
from imx.commands.options import Question
from imx.commands.printing import print_one
from imx.commands.progress import progress_bar
from imx.errors import CommandFailed
from imx.named_files import files_in
from ologies.case import read_case
from ologies.confined import Done, Job, wrap_all
from ologies.ecg.classes import ECG_CLASSES
from ologies.errors import Asked, OlogyError
from ologies.recognition import recognise
from ologies.wrapped import Wrapped
from ologies.wrapping import BESIDE_A_SIGNAL, Wrapping
from storage.file_names import as_name

Keep = Callable[[Wrapping, Job], dict[str, Any]]


def wrap_command(
    files: Annotated[
        list[Path], typer.Argument(help="Files, or folders of them; FILE.json beside one is its case.")
    ],
    given: Question,
    case: Annotated[Path | None, typer.Option(help="The case of all of them (docs/wrapping.md).")] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for the DICOM files.", file_okay=False)] = None,
    store: Annotated[bool, typer.Option("--store", help="Keep them here, as if they were sent.")] = False,
    trust: Annotated[str, typer.Option(help="With --store: ODS code of the trust whose they are.")] = "",
    slide: Annotated[
        str | None,
        typer.Option(help="Of annotations: DICOM file of the slide's base level; with --store, or its UID."),
    ] = None,
    order: Annotated[
        str, typer.Option(help="The order they answer: NUMBER[@ISSUER], accession or any of its barcodes.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what they are and what is missing.")
    ] = False,
) -> None:
    """Make DICOM of ECGs, photographs and documents, with nothing of them lost.

    Ends with status 0 when every file became DICOM, and was kept where that was asked for.
    """
    if explain + store + (out is not None) != 1:
        raise CommandFailed("say one of --out FOLDER, --store and --explain")
    shared = read_case(case) if case is not None else None
    jobs, refused = jobs_of(wrapped_alone(files_in(files)), shared)
    with ExitStack() as stack:
        keep: Keep = Written(out) if out is not None else _explained
        if store or order or slide is not None:
            # A command that only writes files does not wait for what a database and an archive need.
            from imx.commands.wrap_store import prepared

            jobs, apart, kept = prepared(
                jobs, stack, given.settings, trust=trust if store else None, order=order, slide=slide
            )
            refused += apart
            keep = kept or keep
        unread = [_row(path, None) | _failed(error) for path, error in refused]
        rows = []
        done = wrap_all(papers_last(jobs), _scratch(out))
        for row in chain(unread, _rows(done, len(jobs), BesideSignals(keep))):
            rows.append(row)
            if given.as_json:
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
                sys.stdout.flush()
    _say(rows, explain, given.as_json)
    if not all(row["is_done"] for row in rows):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class BesideSignals:
    """What is done with the files of one batch, but for ECGs on paper beside the signal of the same study."""

    keep: Keep
    studies: set[str] = field(default_factory=set)  # of which the batch has a signal

    def __call__(self, wrapping: Wrapping, job: Job) -> dict[str, Any]:
        """The papers come last."""
        if wrapping.is_paper_of_an_ecg(job.case) and wrapping.study_uid in self.studies:
            return {"outcome": "refused", "is_done": False, "because": BESIDE_A_SIGNAL}
        if any(each.sop_class_uid in ECG_CLASSES for each in wrapping.objects):
            self.studies.add(wrapping.study_uid)
        return self.keep(wrapping, job)


@dataclass(frozen=True, slots=True)
class Written:
    """Into a folder: STUDY/INSTANCE.dcm."""

    folder: Path

    def __call__(self, wrapping: Wrapping, _: Job) -> dict[str, Any]:
        """Each appears whole, or not at all. Raises CommandFailed where the folder takes no more."""
        written = [str(self._move(wrapped)) for wrapped in wrapping.objects]
        return {"outcome": "written", "is_done": True, "written": written}

    def _move(self, wrapped: Wrapped) -> Path:
        path = self.folder / as_name(wrapped.study_uid) / f"{as_name(wrapped.sop_instance_uid)}.dcm"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with wrapped.file.open("rb") as file:
                os.fsync(file.fileno())
            wrapped.file.replace(path)
        except OSError as error:
            raise CommandFailed(f"{path} cannot be written: {error.strerror}") from error
        return path


def _explained(_: Wrapping, __: Job) -> dict[str, Any]:
    return {"outcome": "it can be wrapped", "is_done": True}


def _scratch(out: Path | None) -> Path:
    """Where objects lie on their way: beside where they go, so that they need only be moved."""
    if out is None:
        return Path(tempfile.gettempdir())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written: {error.strerror}") from error
    return out


def _rows(done: Iterator[Done], number: int, keep: Keep) -> Iterator[dict[str, Any]]:
    with progress_bar() as bar:
        task = bar.add_task("wrapping", total=number)
        for each in done:
            outcome = each.outcome
            row = _row(each.job.path, outcome if isinstance(outcome, Wrapping) else None)
            row |= _failed(outcome) if isinstance(outcome, OlogyError) else keep(outcome, each.job)
            bar.advance(task)
            yield row


def _row(path: Path, wrapping: Wrapping | None) -> dict[str, Any]:
    row: dict[str, Any] = {"file": str(path), "kind": wrapping.kind.value if wrapping else _kind(path)}
    if wrapping is not None:
        row |= {
            "study": wrapping.study_uid,
            "instances": [
                {
                    "sop_class": each.sop_class_uid,
                    "instance": each.sop_instance_uid,
                    "series": each.series_uid,
                    "transfer_syntax": each.transfer_syntax_uid,
                }
                for each in wrapping.objects
            ],
            "notes": list(wrapping.notes),
        }
    return row


def _kind(path: Path) -> str | None:
    try:
        return recognise(path).value
    except OlogyError:
        return None


def _failed(error: OlogyError) -> dict[str, Any]:
    row: dict[str, Any] = {"outcome": type(error).__name__, "is_done": False, "because": str(error)}
    if isinstance(error, Asked):
        row |= {"missing": list(error.missing), "contradicted": list(error.contradicted)}
    return row


def _say(rows: list[dict[str, Any]], explain: bool, as_json: bool) -> None:
    """For people: each file that is to be explained or failed, and the sum."""
    if as_json:
        return
    console = Console(stderr=True)
    for row in rows:
        if explain:
            print_one({name: value for name, value in row.items() if name != "is_done"}, as_json)
        elif not row["is_done"]:
            console.print(escape(f"{row['file']}: {row['because']}"), soft_wrap=True)
    counts = Counter(row["outcome"] for row in rows)
    console.print(", ".join(f"{number} {outcome}" for outcome, number in counts.most_common()) or "no files")
