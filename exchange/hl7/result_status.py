"""How sure a result is, and its observations: OBR-25 and OBX-11. Pure."""

from collections.abc import Iterable

from exchange.hl7.errors import BadField, Condition
from exchange.hl7.message import Segment
from exchange.reports.report import OF_OBSERVATION, OF_RESULT, ReportStatus
from exchange.reports.sureness import GONE, together

#: Observations that say nothing of the report: not asked for; a detail of the order.
SILENT = frozenset({"N", "O"})


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
