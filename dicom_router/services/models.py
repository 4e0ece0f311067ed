"""The information models of Query/Retrieve (PS3.4 §C.6), as data: their levels, and what each level asks for.

The conformance statement prints these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_router.contexts import PATIENT_ROOT_FIND, PATIENT_STUDY_ONLY_FIND, STUDY_ROOT_FIND
from dicom_router.services.identifier import BadIdentifier, Identifier
from storage.columns import INSTANCE_UID, PATIENT_COUNTS, PATIENT_ID, SERIES_UID, STUDY_INSTANCES, STUDY_UID
from storage.facts import IDENTITY, SERIES, STUDY
from storage.query import AnyOf, Exactly, Level, Match, Path

#: The levels of each model, outermost first (PS3.4 §C.6.1.1, §C.6.2.1; §C.6.3 of editions before 2007).
FIND_LEVELS: Mapping[str, tuple[Level, ...]] = {
    PATIENT_ROOT_FIND: (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE),
    STUDY_ROOT_FIND: (Level.STUDY, Level.SERIES, Level.INSTANCE),
    PATIENT_STUDY_ONLY_FIND: (Level.PATIENT, Level.STUDY),
}

UNIQUE_KEYS: Mapping[Level, Path] = {
    Level.PATIENT: PATIENT_ID,
    Level.STUDY: STUDY_UID,
    Level.SERIES: SERIES_UID,
    Level.INSTANCE: INSTANCE_UID,
}


@dataclass(frozen=True, slots=True)
class Extended:
    """What was agreed on an association for one SOP class of C-FIND (PS3.4 Table C.5-1)."""

    relational: bool
    joins_date_and_time: bool

    @classmethod
    def of(cls, agreed: bytes) -> "Extended":
        """From the application information of the A-ASSOCIATE-AC; none was agreed where there is none."""
        information = agreed.ljust(2, b"\0")
        return cls(relational=information[0] == 1, joins_date_and_time=information[1] == 1)


def check_keys(model: str, level: Level, identifier: Identifier, extended: Extended) -> None:
    """Whether a query may be asked so (PS3.4 §C.4.1.1.3). Raises BadIdentifier.

    In the hierarchy, one value of the unique key of each level above is given.
    """
    levels = FIND_LEVELS[model]
    if level not in levels:
        raise BadIdentifier("no Query/Retrieve Level of this information model", 0x00080052)
    if extended.relational:
        return
    for above in levels[: levels.index(level)]:
        path = UNIQUE_KEYS[above]
        if not _is_one_value(identifier.matches.get(path)):
            raise BadIdentifier(
                f"the {above.value} level's unique key wants one value: queries are not relational", path[-1]
            )


def _is_one_value(match: Match | None) -> bool:
    return isinstance(match, Exactly) or (isinstance(match, AnyOf) and len(match.texts) == 1)


def _paths(*tags: int) -> frozenset[int]:
    return frozenset(tags)


def _numbers(tags: frozenset[str]) -> frozenset[int]:
    return frozenset(int(tag, 16) for tag in tags)


_ALWAYS = _paths(0x00080005, 0x00080052, 0x00080054, 0x00080056)
_OF_STUDY = _numbers(STUDY | IDENTITY) | _paths(0x00080061, 0x00201206, STUDY_INSTANCES[0])

#: What an answer at each level can hold; at the instance level, whatever its header does.
RETURNED: Mapping[Level, frozenset[int]] = {
    Level.PATIENT: _ALWAYS | _numbers(IDENTITY) | frozenset(path[0] for path in PATIENT_COUNTS),
    Level.STUDY: _ALWAYS | _OF_STUDY,
    Level.SERIES: _ALWAYS | _OF_STUDY | _numbers(SERIES) | _paths(0x00201209),
}


def unsupported(level: Level, asked: frozenset[Path]) -> bool:
    """Whether attributes are asked for that answers at this level never hold."""
    returned = RETURNED.get(level)
    return returned is not None and not returned.issuperset(path[0] for path in asked)
