"""All that a subscriber could be told of a study, read at one moment; and whether it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.manifests.manifest import Here, Manifest, Material, manifest_of
from exchange.manifests.reading import material_for
from exchange.people.person import Person
from exchange.record.study import SharedStudy
from exchange.reports.reading import reports_of
from exchange.reports.report import Report, ReportStatus
from exchange.trusts import Trust


@dataclass(frozen=True, slots=True)
class Story:
    """A study of which something shows, the verified person whose it is, and what was reported."""

    material: Material
    reports: Sequence[Report]  # the oldest first

    @property
    def assigners(self) -> Mapping[str, Trust]:
        """Trusts, by the issuer of their numbers."""
        return self.material.assigners

    @property
    def study(self) -> SharedStudy:
        """What it holds."""
        return self.material.study

    @property
    def person(self) -> Person:
        """Whose it is."""
        known = self.material.known
        assert known is not None
        return known

    @property
    def here(self) -> Here:
        """How it is got from us."""
        return self.material.here

    @property
    def manifest(self) -> Manifest:
        """Of the study, as it stands."""
        return manifest_of(self.material)


def story_of(connection: Connection[Any], study_uid: str, here: Here) -> Story | None:
    """None where the record is to hold nothing of it: it is nobody's, or of nobody with a verified NHS
    number, or nothing of it shows.

    All of it is of one moment: what is read of a person is never told with the study of before. A report that
    is only to come is left out.
    """
    connection.execute("set transaction isolation level repeatable read, read only")
    material = material_for(connection, study_uid, here)
    if material is None or material.known is None:
        return None
    reports = reports_of(connection, [study_uid]).get(study_uid, ())
    return Story(
        material,
        [each for each in reports if each.status is not ReportStatus.REGISTERED],
    )
