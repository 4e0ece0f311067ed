"""How sure a report is whose parts are of these statuses. Pure.

A report is no surer than the least sure of its parts, and one of which a part was taken back was corrected.
"""

from collections.abc import Collection

from exchange.reports.report import ReportStatus

#: What a part with these says is no part of the report (any longer).
GONE = frozenset({ReportStatus.ENTERED_IN_ERROR, ReportStatus.CANCELLED})

_CHANGED = (ReportStatus.CORRECTED, ReportStatus.AMENDED, ReportStatus.APPENDED)


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
