"""People and reports as a page says them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from exchange.people.person import Demographics, Person, Sensitivity, Sex
from exchange.reports.report import Form, Report, ReportStatus
from viewer_api.written import spaced, written_day, written_name

_SEXES: Mapping[Sex, str] = {Sex.FEMALE: "Female", Sex.MALE: "Male", Sex.OTHER: "Other"}

#: In a word or two, and the colour of their tag (NHS.UK frontend).
_STATUSES: Mapping[ReportStatus, tuple[str, str]] = {
    ReportStatus.REGISTERED: ("Report to come", "grey"),
    ReportStatus.PARTIAL: ("In part, not verified", "yellow"),
    ReportStatus.PRELIMINARY: ("Not verified", "yellow"),
    ReportStatus.FINAL: ("Final", "green"),
    ReportStatus.AMENDED: ("Amended", "blue"),
    ReportStatus.CORRECTED: ("Corrected", "blue"),
    ReportStatus.APPENDED: ("Added to", "blue"),
    ReportStatus.CANCELLED: ("Cancelled", "grey"),
    ReportStatus.ENTERED_IN_ERROR: ("Withdrawn", "red"),
}


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """Who it is, for the head of a page or a row."""

    uid: str
    name: str
    nhs_number: str  # 999 000 0018; "" where none is verified
    born: str
    sex: str
    died: str  # "" for whoever lives
    is_restricted: bool


def shown_person(person: Person) -> ShownPerson:
    """As the NHS writes names and numbers. Nothing says where somebody lives."""
    said = person.demographics
    return ShownPerson(
        str(person.uid),
        written_name(said.name.dicom) or "No name",
        spaced(person.identifier.value) if person.is_verified else "",
        written_day(said.birth_date) or "Not known",
        _SEXES.get(said.sex, "Not known"),
        _died(said),
        person.sensitivity is not Sensitivity.NORMAL,
    )


def _died(said: Demographics) -> str:
    return written_day(said.died) or "on a day that is not known" if said.died or said.is_dead else ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A report as a document, where it can be opened here."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownReport:
    """A report: how it stands, and what it says where that may be read."""

    status: str
    colour: str
    by: str
    issued: str
    sections: tuple[tuple[str, str], ...]
    conclusion: str
    papers: tuple[Paper, ...]
    elsewhere: int  # documents that cannot be opened here


def shown_report(report: Report, study_uid: str, day: str) -> ShownReport:
    """`day` is when it was issued, in words. Of one that was withdrawn nothing is said but that it was."""
    status, colour = _STATUSES[report.status]
    if not report.status.is_readable:
        return ShownReport(status, colour, "", day, (), "", (), 0)
    content = report.content
    papers = tuple(
        Paper(each.title or "The report as a document", _address(each, report, study_uid, number))
        for number, each in enumerate(content.forms, 1)
    )
    opened = tuple(each for each in papers if each.url)
    return ShownReport(
        status,
        colour,
        ", ".join(dict.fromkeys(each.name for each in content.performers if each.name)),
        day,
        tuple((each.heading, each.text) for each in content.sections),
        content.conclusion,
        opened,
        len(papers) - len(opened),
    )


def _address(form: Form, report: Report, study_uid: str, number: int) -> str:
    """Of what lies in the archive, or came in the report's own message; "" for what lies elsewhere."""
    if form.digest:
        return f"/reports/{report.id}/forms/{number}"
    if not (form.instance_uid and form.series_uid):
        return ""
    parts = (study_uid, "series", form.series_uid, "instances", form.instance_uid)
    return "/dicom-web/studies/" + "/".join(quote(each, safe="") for each in parts) + "/rendered"
