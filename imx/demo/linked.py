"""Whose study each is, and why: what the linker came to."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg_pool import ConnectionPool
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from exchange.linking.link import Decided, Link, LinkState, Verdict
from exchange.linking.links import link_of, studies_of
from exchange.people.directory import people, person_known_as
from exchange.people.person import Identifier, Person
from exchange.record.reading import shared_studies
from exchange.record.study import SharedStudy
from imx.errors import SetupError

PATIENCE_S = 120.0


class NotLinked(SetupError):
    """The linker has not come to all studies in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A study, its link, and the person it is linked to."""

    study: SharedStudy
    link: Link
    person: Person | None


def outcomes(pool: ConnectionPool) -> list[Outcome]:
    """Of every study, once the linker has looked at it. Raises NotLinked."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with pool.connection() as connection:
            study_uids = [uid for (uid,) in connection.execute("select uid from study order by uid")]
            links = [link_of(connection, uid) for uid in study_uids]
            found = [link for link in links if link is not None]
            if len(found) == len(study_uids):
                studies = shared_studies(connection, study_uids)
                ids = [link.decided.person_id for link in found if link.decided.person_id is not None]
                whose = people(connection, ids)
                return [
                    Outcome(studies[link.study_uid], link, whose.get(link.decided.person_id or 0))
                    for link in found
                ]
        time.sleep(0.2)
    raise NotLinked(f"not every study was looked at after {PATIENCE_S:.0f} seconds")


def wait_for(pool: ConnectionPool, nhs_numbers: Sequence[str]) -> None:
    """Until the PDS has borne these out, and studies are linked to whose they are. Raises NotLinked."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with pool.connection() as connection:
            known = [person_known_as(connection, Identifier.nhs(number)) for number in nhs_numbers]
            if all(each is not None and studies_of(connection, each.id) for each in known):
                return
        time.sleep(0.2)
    raise NotLinked(f"the small PDS bore nobody out within {PATIENCE_S:.0f} seconds")


def person_of(pool: ConnectionPool, nhs_number: str) -> Person | None:
    """By NHS number."""
    with pool.connection() as connection:
        return person_known_as(connection, Identifier.nhs(nhs_number))


def why(decided: Decided) -> str:
    """In short: what agrees of a study that is linked, else the first two things that stand against it."""
    facts = {verdict: [each for each in decided.evidence if each.verdict is verdict] for verdict in Verdict}
    if decided.state is LinkState.LINKED:
        return f"{', '.join(each.fact for each in facts[Verdict.AGREES])} agree"
    against = facts[Verdict.DISAGREES] or facts[Verdict.UNKNOWN]
    return "; ".join(each.words for each in against[:2])


def table_of(found: Iterable[Outcome]) -> Table:
    """Each study; those of one trust and person that came to the same end share a row."""
    table = Table(
        "trust", "studies", "say they are of", "link", "to", "why",
        title="Whose study is it", title_justify="left", box=SIMPLE,
    )  # fmt: skip
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for one in found:
        study, decided = one.study, one.link.decided
        row = (
            study.trust,
            f"{study.patient_name.partition('=')[0]}, {study.patient_id}",
            decided.state.value,
            one.person.demographics.name.dicom if one.person else "",
            why(decided),
        )
        rows[row].append("/".join(study.modalities) or "?")
    for (trust, *cells), modalities in sorted(rows.items()):
        style = "" if cells[1] == LinkState.LINKED.value else "yellow"
        table.add_row(trust, " ".join(sorted(modalities)), *map(escape, cells), style=style)
    return table
