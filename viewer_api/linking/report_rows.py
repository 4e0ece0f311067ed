"""A report and a study side by side, as people read them. Pure."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exchange.linking.link import Verdict
from exchange.people.person import NHS
from exchange.reports.case import Side
from viewer_api.written import written_day, written_name


@dataclass(frozen=True, slots=True)
class Row:
    """One fact, as each side says it."""

    fact: str
    report: tuple[str, ...]
    study: tuple[str, ...]
    verdict: Verdict


def beside(report: Side, study: Side) -> Sequence[Row]:
    """Number by number, then name, birth date, accession number, and when it was done."""
    named = (*report.identifiers, *study.identifiers)
    issuers = dict.fromkeys([NHS, *(each.issuer for each in named)])
    rows = [
        _row("NHS number" if issuer == NHS else f"Number of {issuer}", report, study, _numbers_of(issuer))
        for issuer in issuers
        if any(each.issuer == issuer for each in named)
    ]
    rows += [
        _row("Name", report, study, lambda side: tuple(map(written_name, side.names)), _folded),
        _row("Born", report, study, lambda side: tuple(map(written_day, side.birth_dates))),
        _row("Accession number", report, study, lambda side: side.accessions),
        _row("Done", report, study, lambda side: (written_day(side.date),) if side.date else ()),
    ]
    if report.study_uid:
        rows.append(_row("Study Instance UID", report, study, lambda side: (side.study_uid,)))
    return rows


def _numbers_of(issuer: str) -> Callable[[Side], tuple[str, ...]]:
    return lambda side: tuple(each.value for each in side.identifiers if each.issuer == issuer)


def _row(
    fact: str,
    report: Side,
    study: Side,
    what: Callable[[Side], tuple[str, ...]],
    key: Callable[[str], str] = str,
) -> Row:
    ours, theirs = what(report), what(study)
    if not (ours and theirs):
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.AGREES if {*map(key, ours)} & {*map(key, theirs)} else Verdict.DISAGREES
    return Row(fact, ours, theirs, verdict)


def _folded(written: str) -> str:
    """Family name and first given name, without the accents that some systems cannot hold."""
    family, _, given = written.partition(", ")
    name = unicodedata.normalize("NFKD", f"{family} {given.partition(' ')[0]}")
    return "".join(each for each in name if not unicodedata.combining(each)).casefold()
