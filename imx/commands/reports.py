"""`imx reports`: which reports belong to no study yet, and a person's word on where one does."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer

from exchange.linking.reviews import Decider, said
from exchange.policy import Action
from exchange.reports.deciding import Listed, PostgresReports
from imx.commands.console_audit import note_at_console
from imx.commands.group import Group
from imx.commands.options import Decision, Question
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.settings import Settings

commands = Group("Reports that came by HL7 or lie in studies: to which study each belongs.")

Id = Annotated[UUID, typer.Argument(help="Its id, as `imx reports waiting` prints it.", metavar="ID")]
Reason = Annotated[str, typer.Option(help="Why: it is kept with the decision.")]
StudyOption = Annotated[str, typer.Option(help="Study Instance UID.")]


@contextmanager
def reports_of(settings: Settings) -> Iterator[PostgresReports]:
    """Those of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresReports(pool)


@commands.command("waiting")
def waiting(
    given: Question,
    trust: Annotated[str, typer.Option(help="Only this trust's (ODS code).")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
) -> None:
    """Reports that belong to no study: those in doubt, then those whose study is not here."""
    with reports_of(given.settings()) as reports:
        found = reports.waiting(trust.strip().upper(), limit)
    _print(found, given.as_json)


@commands.command("of")
def of_study(study: Annotated[str, typer.Argument(help="Study Instance UID.")], given: Question) -> None:
    """The reports that belong to a study."""
    with reports_of(given.settings()) as reports:
        note_at_console(reports.pool, Action.SEE_RECORD, study, {"by": "imx reports of"})
        found = reports.of_study(study)
    _print(found, given.as_json)


def _print(found: Sequence[Listed], as_json: bool) -> None:
    print_rows(
        [
            {
                "id": str(each.id),
                "trust": each.trust,
                "source": each.source,
                "number": each.number,
                "accession": each.accession,
                "status": each.status,
                "state": each.state,
                "study": each.study_uid or (each.study_uids if as_json else ", ".join(each.study_uids)),
                "because": each.because,
                "decided_by": each.decided_by,
                "same_as": str(each.same_as) if each.same_as else None,
                "changed_at": each.changed_at,
            }
            for each in found
        ],
        as_json,
    )


@commands.command("history")
def history(report: Id, given: Question) -> None:
    """When what was said of a report: its status each time, and by which message or document."""
    with reports_of(given.settings()) as reports:
        found = reports.history(report)
    rows = [
        {
            "said_at": each.at,
            "status": each.status,
            "by": each.by,
            "kept_at": each.kept_at,
        }
        for each in found
    ]
    print_rows(rows, given.as_json)


@commands.command("match")
def match(report: Id, study: StudyOption, reason: Reason, given: Decision) -> None:
    """It belongs to this study, whatever the rules say, until either of them changes."""
    with reports_of(given.settings()) as reports:
        reports.match(report, study, _by(given, reason))
        _say(reports, report, f"report {report} belongs to study {study}", given.as_json)


@commands.command("dismiss")
def dismiss(report: Id, reason: Reason, given: Decision) -> None:
    """It belongs to none of the studies that it may name."""
    with reports_of(given.settings()) as reports:
        reports.dismiss(report, _by(given, reason))
        _say(reports, report, f"report {report} belongs to no study", given.as_json)


@commands.command("reconsider")
def reconsider(report: Id, reason: Reason, given: Decision) -> None:
    """What a person said of it no longer counts: the rules decide."""
    with reports_of(given.settings()) as reports:
        reports.reconsider(report, _by(given, reason))
        _say(reports, report, f"report {report} is decided by the rules again", given.as_json)


def _by(given: Decision, reason: str) -> Decider:
    return Decider(given.who(), "", said(reason))


def _say(reports: PostgresReports, report: UUID, words: str, as_json: bool) -> None:
    if as_json:
        _print([reports.listed(report)], as_json)
    else:
        sys.stdout.write(f"{words}\n")
