"""`imx reports`: which reports belong to no study yet, and a person's word on where one does."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer

from exchange.policy import Action
from exchange.reports.deciding import Listed, PostgresReports
from imx.commands.console_audit import note_at_console
from imx.commands.options import ByOption, ConfigOption, DataOption, JsonOption, settings_from, who
from imx.commands.printing import print_rows
from imx.database import open_database
from imx.settings import Settings

commands = typer.Typer(
    help="Reports that came by HL7 or lie in studies: to which study each belongs.", no_args_is_help=True
)

Id = Annotated[UUID, typer.Argument(help="Its id, as `imx reports waiting` prints it.", metavar="ID")]
StudyOption = Annotated[str, typer.Option(help="Study Instance UID.")]


@contextmanager
def reports_of(settings: Settings) -> Iterator[PostgresReports]:
    """Those of the set-up that the options name."""
    with open_database(settings) as pool:
        yield PostgresReports(pool)


@commands.command("waiting")
def waiting(
    trust: Annotated[str, typer.Option(help="Only this trust's (ODS code).")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reports that belong to no study: those in doubt, then those whose study is not here."""
    with reports_of(settings_from(data, config)) as reports:
        found = reports.waiting(trust.strip().upper(), limit)
    _print(found, as_json)


@commands.command("of")
def of_study(
    study: Annotated[str, typer.Argument(help="Study Instance UID.")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The reports that belong to a study."""
    with reports_of(settings_from(data, config)) as reports:
        note_at_console(reports.pool, Action.SEE_RECORD, study, {"by": "imx reports of"})
        found = reports.of_study(study)
    _print(found, as_json)


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
                "changed_at": each.changed_at.isoformat(timespec="seconds"),
            }
            for each in found
        ],
        as_json,
    )


@commands.command("history")
def history(
    report: Id, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """When what was said of a report: its status each time, and by which message or document."""
    with reports_of(settings_from(data, config)) as reports:
        found = reports.history(report)
    rows = [
        {
            "said_at": each.at.isoformat(timespec="seconds"),
            "status": each.status,
            "by": each.by,
            "kept_at": each.kept_at.isoformat(timespec="seconds"),
        }
        for each in found
    ]
    print_rows(rows, as_json)


@commands.command("match")
def match(
    report: Id,
    study: StudyOption,
    by: ByOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """It belongs to this study, whatever the rules say, until either of them changes."""
    with reports_of(settings_from(data, config)) as reports:
        reports.match(report, study, who(by))
        _say(reports, report, f"report {report} belongs to study {study}", as_json)


@commands.command("dismiss")
def dismiss(
    report: Id,
    by: ByOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """It belongs to none of the studies that it may name."""
    with reports_of(settings_from(data, config)) as reports:
        reports.dismiss(report, who(by))
        _say(reports, report, f"report {report} belongs to no study", as_json)


@commands.command("reconsider")
def reconsider(
    report: Id, data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """What a person said of it no longer counts: the rules decide."""
    with reports_of(settings_from(data, config)) as reports:
        reports.reconsider(report)
        _say(reports, report, f"report {report} is decided by the rules again", as_json)


def _say(reports: PostgresReports, report: UUID, words: str, as_json: bool) -> None:
    if as_json:
        _print([reports.listed(report)], as_json)
    else:
        sys.stdout.write(f"{words}\n")
