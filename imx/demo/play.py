"""Play a region: push everything, then look for it and fetch it back, and compare."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from pydicom.uid import UID
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from imx.commands.find import text_of
from imx.demo.cargo import Cargo
from imx.demo.region import SHARED_BY, SHARED_NUMBER, Modality
from imx.demo.restamp import LeftOut
from imx.destination import Destination
from imx.dicomweb import DicomWeb, DicomWebError
from imx.part10 import NotPart10, Part10, split
from imx.scu import Sent, send

SENDERS = 4
READERS = 4


@dataclass(frozen=True, slots=True)
class Played:
    """One instance: what its sender heard, and whether it was found and came back the same."""

    modality: Modality
    sent: Sent
    is_found: bool = False
    is_identical: bool = False
    why: str = ""

    @property
    def is_right(self) -> bool:
        return self.sent.is_kept and self.is_found and self.is_identical


def push(cargo: Cargo, to: Destination, console: Console) -> list[tuple[Modality, Sent]]:
    """Every modality sends its files by C-STORE, several at a time, each in its own association."""
    heard: list[tuple[Modality, Sent]] = []
    with _progress(console) as progress, ThreadPoolExecutor(SENDERS) as pool:
        tasks = {
            modality: progress.add_task(f"{modality.ae_title:<12} sends", total=len(files))
            for modality, files in cargo.files.items()
        }

        def play(modality: Modality) -> list[Sent]:
            answers = []
            for sent in send(cargo.files[modality], to, modality.ae_title):
                answers.append(sent)
                progress.advance(tasks[modality])
            return answers

        waiting = {pool.submit(play, modality): modality for modality in cargo.files}
        for done in as_completed(waiting):
            heard += [(waiting[done], sent) for sent in done.result()]
    return heard


def look_back(heard: Sequence[tuple[Modality, Sent]], at: str, token: str, console: Console) -> list[Played]:
    """Find each instance by QIDO-RS and fetch it by WADO-RS, in the transfer syntax it was sent in."""
    shares = [heard[start::READERS] for start in range(READERS)]
    with _progress(console) as progress, ThreadPoolExecutor(READERS) as pool:
        task = progress.add_task("found and fetched   ", total=len(heard))

        def read(share: Sequence[tuple[Modality, Sent]]) -> list[Played]:
            played = []
            with DicomWeb(at, token) as service:
                for modality, sent in share:
                    played.append(look_for(service, modality, sent))
                    progress.advance(task)
            return played

        return [played for share in pool.map(read, shares) for played in share]


def look_for(service: DicomWeb, modality: Modality, sent: Sent) -> Played:
    """Whether one instance is found, once, and comes back with the data set that went over the wire."""
    uid = sent.head.sop_instance_uid
    try:
        matches = service.search("instances", [("SOPInstanceUID", uid)]).matches
    except DicomWebError as error:
        return Played(modality, sent, why=f"search: {error}")
    if len(matches) != 1:
        return Played(modality, sent, why=f"{len(matches)} instances found")
    path = "studies/{}/series/{}/instances/{}".format(
        text_of(matches[0], "0020000D"), text_of(matches[0], "0020000E"), uid
    )
    try:
        parts = list(service.retrieve(path, sent.head.transfer_syntax_uid))
        if len(parts) != 1:
            return Played(modality, sent, is_found=True, why=f"{len(parts)} parts came back")
        head, data_set = split(parts[0].body)
    except (DicomWebError, NotPart10) as error:
        return Played(modality, sent, is_found=True, why=f"retrieve: {error}")
    if head.transfer_syntax_uid != sent.head.transfer_syntax_uid:
        return Played(modality, sent, is_found=True, why=f"came back in {UID(head.transfer_syntax_uid).name}")
    if hashlib.sha256(data_set).hexdigest() != sent.digest:
        return Played(modality, sent, is_found=True, why="its data set came back different")
    return Played(modality, sent, is_found=True, is_identical=True)


def two_people(service: DicomWeb) -> tuple[bool, str]:
    """Whether the number that two trusts gave to two people still means two people; and in words."""
    keys = [("PatientID", SHARED_NUMBER), ("includefield", "IssuerOfPatientID")]
    matches = service.search("studies", keys).matches
    people = {(text_of(match, "00100010"), text_of(match, "00100030")) for match in matches}
    where = " and ".join(trust.ods_code for trust in SHARED_BY)
    if len(people) == len(matches) == len(SHARED_BY):
        return True, f"Patient ID {SHARED_NUMBER} of {where}: two people, as it should be"
    return (
        False,
        f"Patient ID {SHARED_NUMBER} of {where}: {len(people)} people, {len(matches)} studies, not two each",
    )


def table_of(played: Iterable[Played]) -> Table:
    """A row for each trust, modality, SOP class and transfer syntax."""
    table = Table(
        "trust",
        "modality",
        "SOP class",
        "transfer syntax",
        title="What was sent",
        title_justify="left",
        box=SIMPLE,
    )
    for heading in ("sent", "kept", "found", "identical"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows: dict[tuple[str, ...], Counter[str]] = {}
    for one in played:
        trust, head = one.modality.trust, one.sent.head
        place = f"{trust.ods_code} {trust.place}"
        row = (place, one.modality.ae_title, _class(head), UID(head.transfer_syntax_uid).keyword)
        rows.setdefault(row, Counter()).update(
            sent=1, kept=int(one.sent.is_kept), found=int(one.is_found), identical=int(one.is_identical)
        )
    total: Counter[str] = Counter()
    for cells, tally in sorted(rows.items()):
        total.update(tally)
        table.add_row(*(escape(cell) for cell in cells), *_numbers(tally), style=_style(tally))
    table.add_section()
    table.add_row("all", "", "", "", *_numbers(total), style=f"bold {_style(total)}".strip())
    return table


def wrong_ones(played: Iterable[Played]) -> Table:
    """What went wrong, instance by instance."""
    table = Table("file", "kind", "answer", "afterwards", title="Wrong", title_justify="left", style="red")
    for one in played:
        if not one.is_right:
            path = one.sent.path
            table.add_row(
                escape(f"{path.parent.name}/{path.name}"),
                f"{_class(one.sent.head)}, {UID(one.sent.head.transfer_syntax_uid).keyword}",
                escape(one.sent.meaning),
                escape(one.why),
            )
    return table


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """The test files that no modality could push, by reason."""
    reasons: dict[str, Counter[str]] = {}
    for one in left_out:
        reasons.setdefault(one.because, Counter())[one.name] += 1
    return [
        f"{reason}: "
        + ", ".join(name if count == 1 else f"{name} ({count})" for name, count in sorted(names.items()))
        for reason, names in sorted(reasons.items())
    ]


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _class(head: Part10) -> str:
    """Short enough for a table."""
    return UID(head.sop_class_uid).name.removesuffix(" Storage")


def _numbers(tally: Counter[str]) -> list[str]:
    return [str(tally[name]) for name in ("sent", "kept", "found", "identical")]


def _style(tally: Counter[str]) -> str:
    return "" if tally["sent"] == tally["kept"] == tally["found"] == tally["identical"] else "red"
