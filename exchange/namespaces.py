"""In whose namespace an identifier counts: a bare Patient ID or accession number is the asker's own.

Two trusts' "123456" are two people. Only an issuer or a UID names something of another trust.
"""

from dataclasses import replace

from storage.columns import ACCESSION, INSTANCE_UID, PATIENT_ID, SERIES_UID, STUDY_UID
from storage.query import Anything, Empty, Exactly, Match, Path, Query

ISSUER_OF_PATIENT_ID: Path = (0x00100021,)

#: Of the Issuer of Accession Number Sequence (0008,0051): the local and the universal entity ID.
ISSUERS_OF_ACCESSION: tuple[Path, ...] = ((0x00080051, 0x00400031), (0x00080051, 0x00400032))

#: Bare identifiers, and the keys of which one says whose they are; the first takes the asker's issuer.
_NAMESPACES: tuple[tuple[Path, tuple[Path, ...]], ...] = (
    (PATIENT_ID, (ISSUER_OF_PATIENT_ID,)),
    (ACCESSION, ISSUERS_OF_ACCESSION),
)
_UIDS = (STUDY_UID, SERIES_UID, INSTANCE_UID)


def within_issuer(query: Query, issuer: str, accession_issuer: str = "") -> Query:
    """The query as its asker means it, whose bare identifiers count in the namespace of `issuer`.

    A Patient ID or accession number that comes with a UID stays as it is: the UID says which study is
    meant, of whatever trust, and many workstations repeat the identifier they were told without its issuer.
    An asker without a namespace ("") sees what every trust calls so. One that names patients by NHS number
    still numbers orders as its trust does, in `accession_issuer`.
    """
    if not issuer or any(_is_named(query, uid) for uid in _UIDS):
        return query
    namespaces = {PATIENT_ID: issuer, ACCESSION: accession_issuer or issuer}
    own: dict[Path, Match] = {
        issuers[0]: Exactly(namespaces[identifier])
        for identifier, issuers in _NAMESPACES
        if _is_named(query, identifier) and not any(_is_named(query, each) for each in issuers)
    }
    return replace(query, matches={**query.matches, **own}) if own else query


def _is_named(query: Query, path: Path) -> bool:
    return not isinstance(query.matches.get(path, Anything()), Anything | Empty)
