"""`python -m imx.demo`: what `make demo` runs."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from exchange.people.person import Person
from exchange.policy import Role
from imx.configuration import read
from imx.database import open_database
from imx.demo import linked, patient_index, play, service
from imx.demo.cargo import PEOPLE, TRAVELLER, load
from imx.demo.pds.running import fhir_url
from imx.demo.pds.running import running as pds
from imx.demo.pds.server import SmallPds
from imx.demo.people import crowd
from imx.demo.region import TRUSTS
from imx.demo.service import USUAL_DICOM_PORT, USUAL_HL7_PORT, USUAL_HTTP_PORT, Service
from imx.dicomweb import DicomWeb, DicomWebError
from imx.errors import SetupError
from storage.errors import ArchiveError

FOLDER = Path(".demo")
READER = "reader"  # who signs in at the pages
LOG_WIDTH = 140  # columns, where nobody's terminal says how many there are


def main() -> int:
    """The exit status: 0 when everything that was sent is kept, found and identical."""
    parser = argparse.ArgumentParser(prog="imx.demo", description="A region at work, on this machine.")
    parser.add_argument("--once", action="store_true", help="end after the table")
    once = parser.parse_args().once
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        return run(console, once=once)
    except KeyboardInterrupt:
        console.print("\nstopped")
        return 0 if not once else 130
    except (SetupError, ArchiveError, DicomWebError) as error:
        Console(stderr=True).print(
            f"demo: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        return 1


def run(console: Console, *, once: bool) -> int:
    """Start the service, play the region on it, show what came of it, and stay."""
    folder = FOLDER.resolve()
    people = crowd(PEOPLE, TRUSTS)
    with (
        pds(SmallPds(patient_index.held_by_the_pds(people))) as pds_at,
        service.running(folder, fhir_url(pds_at)) as running,
    ):
        console.print(
            f"starting the service on {folder / 'data'}; meanwhile the modalities make their pictures"
        )
        _say_ports(console, running)
        cargo = load(folder / "outbox")
        running.wait_until_ready()
        service.register(running)
        token = service.token_for(running, Role.READER, folder / "reader.token")
        console.print(
            f"{len(TRUSTS)} trusts and {len(cargo.files)} of their modalities are registered; "
            f"{cargo.size} instances go out by C-STORE"
        )
        told = patient_index.tell(people, running.hl7_port)
        console.print(f"their patient administration systems tell who everybody is: {told} messages by HL7")
        heard = play.push(cargo, running.dicom, console)
        played = play.look_back(heard, running.dicomweb, token, console)
        with DicomWeb(running.dicomweb, token) as reader:
            are_two, in_words = play.two_people(reader)

        console.print("who is not verified is traced at a small PDS of the demo's own, five a second")
        with open_database(read({"data": running.data}, {})) as pool:
            linked.wait_for(pool, [people[place].nhs_number for place in patient_index.TRACED_HERE])
            found = linked.outcomes(pool)
            shown = linked.person_of(pool, people[TRAVELLER].nhs_number)

        console.print(play.table_of(played))
        console.print(linked.table_of(found))
        all_right = all(one.is_right for one in played) and are_two
        if not all_right:
            console.print(play.wrong_ones(played))
        console.print(in_words, style="" if are_two else "red")
        console.print("\nTest files of pydicom that no modality can push:", style="bold")
        for line in play.left_out_lines(cargo.left_out):
            console.print(f"  {escape(line)}", highlight=False)
        console.print(
            "\nEverybody here is invented. Each run sends the same instances: what is kept already is "
            "welcomed again and adds nothing.\n"
        )
        if once:
            return 0 if all_right else 1
        service.token_for(running, Role.AUDITOR, folder / "auditor.token")
        password = service.first_password(running, READER, folder / "reader.password")
        _say_addresses(console, running, folder, token, password, shown)
        running.watch()
    return 1


def _say_ports(console: Console, running: Service) -> None:
    for what, usual, port in (
        ("DICOM", USUAL_DICOM_PORT, running.dicom_port),
        ("HL7", USUAL_HL7_PORT, running.hl7_port),
        ("HTTP", USUAL_HTTP_PORT, running.http_port),
    ):
        if port != usual:
            console.print(f"port {usual} is in use: {what} listens on {port} instead", style="yellow")


def _say_addresses(
    console: Console, running: Service, folder: Path, token: str, password: str, shown: Person | None
) -> None:
    lines = (
        ("studies", f"{running.http}/studies (in a browser; each opens in the viewer)"),
        *((("record", f"{running.http}/record/{shown.uid} (one person's, across trusts)"),) if shown else ()),
        ("sign in", f"as {READER}, with {password}; you then choose a password of your own"),
        ("DICOM", f"{running.dicom} (known peers only: imx peer add)"),
        ("DICOMweb", running.dicomweb),
        ("health", f"{running.http}/health/ready"),
        ("metrics", f"{running.http}/metrics (with the token in {folder / 'auditor.token'})"),
        ("token", f"{token} (a reader's, also in {folder / 'reader.token'})"),
    )
    for name, text in lines:
        console.print(f"  {name:<9} {escape(text)}", highlight=False, soft_wrap=True)
    console.print("\nSuch as:", style="bold")
    imx = Path(sys.executable).parent / "imx"
    console.print(
        f"  curl -H 'Authorization: Bearer {token}' '{running.dicomweb}/studies?ModalitiesInStudy=CT'\n"
        f"  {imx} find --at {running.dicomweb} --token-file {folder / 'reader.token'} 'PatientName=*Zoë*'\n\n"
        "Ctrl-C stops it; the data stay in .demo and the next run goes on with them.",
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip


def _as_ctrl_c(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
