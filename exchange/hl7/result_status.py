"""How sure a report is: what the statuses of a result and of its observations say together. Pure.

A report is no surer than the least sure of its parts, and one of which a part was taken back was corrected.
"""

from collections.abc import Collection, Iterable

from exchange.hl7.errors import BadField, Condition
from exchange.hl7.message import Segment
from exchange.reports.report import OF_OBSERVATION, OF_RESULT, ReportStatus

#: Observations that say nothing of the report: not asked for; a detail of the order.
SILENT = frozenset({"N", "O"})
#: What an observation with these says is no part of the report (any longer).
GONE = frozenset({ReportStatus.ENTERED_IN_ERROR, ReportStatus.CANCELLED})

_CHANGED = (ReportStatus.CORRECTED, ReportStatus.AMENDED, ReportStatus.APPENDED)


def observed(segment: Segment) -> ReportStatus | None:
    """What OBX-11 says; None where it says nothing. Raises BadField."""
    code = segment.text(11).upper()
    if not code or code in SILENT:
        return None
    if code not in OF_OBSERVATION:
        raise BadField(segment.where(11), Condition.TABLE_VALUE_NOT_FOUND, "not a status of an observation")
    return OF_OBSERVATION[code]


def result_status(obr: Segment, observations: Iterable[ReportStatus | None]) -> ReportStatus:
    """Of one OBR with what was observed. Raises BadField where neither says."""
    code = obr.text(25).upper()
    if code and code not in OF_RESULT:
        raise BadField(obr.where(25), Condition.TABLE_VALUE_NOT_FOUND, "not the status of a result")
    seen = [each for each in observations if each is not None]
    if not code:
        if not seen:
            raise BadField(obr.where(25), Condition.REQUIRED_FIELD_MISSING, "required, and empty")
        return together(seen)
    if OF_RESULT[code] is ReportStatus.CANCELLED or not seen:
        return OF_RESULT[code]
    of_observations = together(seen)
    return of_observations if of_observations in GONE else together([OF_RESULT[code], *seen])


def together(statuses: Collection[ReportStatus]) -> ReportStatus:
    """Of a report that has parts of these."""
    kept = set(statuses) - GONE
    withdrawn = ReportStatus.ENTERED_IN_ERROR in statuses
    if not kept:
        return ReportStatus.ENTERED_IN_ERROR if withdrawn else ReportStatus.CANCELLED
    if ReportStatus.PRELIMINARY in kept:
        return ReportStatus.PRELIMINARY
    if kept == {ReportStatus.REGISTERED}:
        return ReportStatus.REGISTERED
    if kept & {ReportStatus.REGISTERED, ReportStatus.PARTIAL}:
        return ReportStatus.PARTIAL
    if withdrawn:
        return ReportStatus.CORRECTED
    return next((each for each in _CHANGED if each in kept), ReportStatus.FINAL)
