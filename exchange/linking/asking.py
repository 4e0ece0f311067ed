"""The rules, asked with what the directory holds: of a batch of studies at once, by index."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from exchange.linking.link import Decided, LinkState, StudyIdentity
from exchange.linking.names import written
from exchange.linking.rules import Held, decide, described
from exchange.people.alike import Namesake, alike, namesakes, plain
from exchange.people.directory import people, standings
from exchange.people.person import Identifier, Person


@dataclass(frozen=True, slots=True)
class Asked:
    """What it holds of everybody whom a batch of studies names."""

    connection: Connection[Any]
    held: Held
    namesakes: Mapping[Namesake, Collection[int]]
    people: Mapping[int, Person]  # by any of their records

    @classmethod
    def of(cls, connection: Connection[Any], identities: Sequence[StudyIdentity]) -> "Asked":
        """All that is needed to link those of them that can be."""
        known = dict(standings(connection, {number for each in identities for number in each.identifiers}))
        claimed = {Identifier.nhs(each.claims) for each in known.values() if each.claims}
        known.update(standings(connection, claimed - known.keys()))
        named = people(connection, {each.person_id for each in known.values()})
        held = Held(known, named)
        found = namesakes(connection, {key for each in identities for key in _keys(each, held)})
        others = people(connection, {id for ids in found.values() for id in ids})
        return cls(connection, held, found, {**named, **others})

    def decide(self, identities: Sequence[StudyIdentity]) -> Decided:
        """To link, those of one birth date and family name are enough; to propose, all are asked for."""
        near = {
            person.id: person
            for each in identities
            for key in _keys(each, self.held)
            for id in self.namesakes.get(key, ())
            for person in (self.people[id],)
        }
        decided = decide(identities, self.held, list(near.values()))
        if decided.state is LinkState.LINKED:
            return decided
        for each in identities:
            near.update({person.id: person for person in alike(self.connection, described(each))})
        return decide(identities, self.held, list(near.values()))


def _keys(identity: StudyIdentity, held: Held) -> Iterator[Namesake]:
    """The birth date with the family name in the study, and with that of whom its numbers name."""
    if not identity.birth_date:
        return
    families = {" ".join(each.family) for each in written(identity.name)}
    for number in identity.identifiers:
        if (person := held.named(number)) is not None:
            families.add(plain(person.demographics.name.family))
    yield from (Namesake(identity.birth_date, each) for each in families if each)
