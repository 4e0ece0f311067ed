"""Annotations that are wrapped: the slide that they are of, from its file or from what is kept here."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from dicom_router.reading import Reading
from imx.errors import CommandFailed
from ologies.annotations.reading import ANNOTATION_KINDS
from ologies.annotations.slide import within_slide
from ologies.case import Case, SlideFacts
from ologies.confined import Job
from ologies.errors import BadCase, OlogyError
from ologies.recognition import recognise
from viewer_api.kept_slides import with_kept_slide


def read_slide(path: Path) -> Dataset:
    """The header of a slide's base level. Raises CommandFailed."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError, EOFError, ValueError) as error:
        raise CommandFailed(f"{path} is no DICOM file that can be read") from error


def annotated(
    jobs: Iterable[Job], slide: str | None, reading: Reading | None
) -> tuple[list[Job], list[tuple[Path, OlogyError]]]:
    """Each job with its slide, and those whose slide is none or another person's.

    `slide` is a file, or with `reading` the SOP Instance UID of one that is kept.
    """
    found: list[Job] = []
    refused: list[tuple[Path, OlogyError]] = []
    completed = _completing(slide, reading)
    for job in jobs:
        try:
            found.append(replace(job, case=completed(job.case)) if _is_annotations(job.path) else job)
        except OlogyError as error:
            refused.append((job.path, error))
    return found, refused


def _completing(slide: str | None, reading: Reading | None) -> Callable[[Case], Case]:
    if slide is not None and (reading is None or Path(slide).is_file()):
        header = read_slide(Path(slide))
        return lambda case: within_slide(case, header)
    if reading is None:
        return lambda case: case
    named = reading

    def kept(case: Case) -> Case:
        if slide is not None:
            case = case.model_copy(update={"slide": SlideFacts(instance_uid=slide)})
        completed = named.wait_for(with_kept_slide(case, named.archive))
        if slide is not None and completed.slide.columns is None:
            raise BadCase("no such slide is kept here")
        return completed

    return kept


def _is_annotations(path: Path) -> bool:
    try:
        return recognise(path) in ANNOTATION_KINDS
    except OlogyError:
        return False
