"""What a C-GET or C-MOVE asks for (PS3.4 §C.4.2.2, §C.4.3.2): unique keys, as a search. Pure.

Only unique keys count. A list of UIDs may stand at the level that is asked for, and those above may be left
out where a UID names something: that is a relational retrieve (PS3.4 §C.4.2.2.2), which needs no more here.
"""

from collections.abc import Mapping

from dicom_router.contexts import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE
from dicom_router.services.identifier import BadIdentifier, Identifier
from exchange.namespaces import ISSUER_OF_PATIENT_ID, within_issuer
from storage.columns import INSTANCE_UID, PATIENT_ID, SERIES_UID, STUDY_UID
from storage.query import AnyOf, Anything, Exactly, Level, Match, Path, Query

#: The unique key of each Query/Retrieve Level (0008,0052), outermost first (PS3.4 §C.6.1.1, §C.6.2.1).
UNIQUE_KEYS: Mapping[str, Path] = {
    "PATIENT": PATIENT_ID,
    "STUDY": STUDY_UID,
    "SERIES": SERIES_UID,
    "IMAGE": INSTANCE_UID,
}
_PATIENT_ROOTS = frozenset({PATIENT_ROOT_GET, PATIENT_ROOT_MOVE})


def instances_asked(identifier: Identifier, sop_class_uid: str, issuer: str) -> Query:
    """The search for the instances that an identifier means; a bare Patient ID counts under `issuer`.

    Raises BadIdentifier.
    """
    has_patient = sop_class_uid in _PATIENT_ROOTS
    levels = list(UNIQUE_KEYS) if has_patient else [level for level in UNIQUE_KEYS if level != "PATIENT"]
    if identifier.level not in levels:
        why = "is missing" if not identifier.level else f"is none of {', '.join(levels)}"
        raise BadIdentifier(f"the Query/Retrieve Level {why}")
    named = levels[: levels.index(identifier.level) + 1]
    matches: dict[Path, Match] = {}
    for level in named:
        path = UNIQUE_KEYS[level]
        match identifier.matches.get(path, Anything()):
            case Anything() if level == identifier.level:
                raise BadIdentifier(f"the unique key of the {level} level is missing")
            case Anything():
                continue
            case AnyOf(texts) as listed if len(texts) == 1 or level == identifier.level != "PATIENT":
                matches[path] = listed
            case Exactly() as exact if level == "PATIENT":
                matches[path] = exact
            case _:
                raise BadIdentifier(f"the unique key of the {level} level is not a single value")
    if PATIENT_ID in matches and ISSUER_OF_PATIENT_ID in identifier.matches:
        matches[ISSUER_OF_PATIENT_ID] = identifier.matches[ISSUER_OF_PATIENT_ID]
    return within_issuer(Query(Level.INSTANCE, matches), issuer)
