"""For whom each number stands: one pure function over everything that was said of some numbers.

It looks at what was said and when, never at what came first, so that every order of the same statements, and
every repetition of them, comes to the same end (ADR 0059).

1. A number that was merged stands for what it was merged into, and so on. What was said last of a number
   counts: one that was later named as surviving, or set apart, stands for itself again.
2. That stands for the NHS number which its source holds as verified (status 01, a right check digit), or for
   the one by which that was superseded. A number of which its source said nothing yet (it is new, A47) stands
   for the one that was held for what gave way to it, where that is one.
3. Numbers that are linked stand together where that contradicts nothing: for the one NHS number that any of
   them stands for, or, where none does, for the least of them. Where they stand for two, links unite nobody.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from exchange.people.person import Identifier, Said
from exchange.people.statements import Apart, Linked, Merged, Relation, Unlinked, names


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of some numbers: all that any of them depends on."""

    #: The NHS number that the source of each holds as verified; "": none that is; None: it said nothing yet.
    claims: Mapping[Identifier, str | None]
    relations: Sequence[tuple[Relation, Said]] = field(default=())


def standing(facts: Facts) -> Mapping[Identifier, Identifier]:
    """Each number, and for which one it stands."""
    numbers = {*facts.claims, *(each for relation, _ in facts.relations for each in names(relation))}
    into = _merged(facts.relations)
    survivors = {each: _followed(each, into) for each in numbers}
    held = {each: _held(each, facts.claims, into) for each in numbers}
    left: dict[Identifier, set[Identifier]] = {each: set() for each in survivors.values()}
    for each, survivor in survivors.items():
        if (one := held[each]) is not None:
            left[survivor].add(one)
    people = {each: _person(each, facts.claims, held[each], left[each]) for each in left}
    for group in _linked(facts.relations, survivors):
        named = {people[each] for each in group if people[each].is_nhs}
        if len(named) <= 1:
            one = next(iter(named), min(group))
            people.update(dict.fromkeys(group, one))
    return {each: people[survivor] for each, survivor in survivors.items()}


def survivors_of(relations: Iterable[tuple[Relation, Said]]) -> Mapping[Identifier, Identifier]:
    """The numbers that gave way, and to which each did in the end."""
    into = _merged(relations)
    return {number: _followed(number, into) for number in into}


def _merged(relations: Iterable[tuple[Relation, Said]]) -> Mapping[Identifier, Identifier]:
    """What each number gave way to, by what was said of it last.

    In one breath, giving way goes before surviving, so that a message may merge A into B and B into C.
    """
    last: dict[Identifier, tuple[Said, bool, Identifier]] = {}
    for relation, said in relations:
        match relation:
            case Merged(gone, into):
                told = [(gone, (said, True, into)), (into, (said, False, into))]
            case Apart(number):
                told = [(number, (said, False, number))]
            case _:
                told = []
        for number, what in told:
            last[number] = max(what, last.get(number, what))
    return {number: into for number, (_, is_gone, into) in last.items() if is_gone}


def _followed(number: Identifier, into: Mapping[Identifier, Identifier]) -> Identifier:
    """Where the chain ends; in a ring, which only one breath can say, the least of it."""
    line = [number]
    while (following := into.get(line[-1])) is not None:
        if following in line:
            return min(line[line.index(following) :])
        line.append(following)
    return line[-1]


def _held(
    number: Identifier, claims: Mapping[Identifier, str | None], into: Mapping[Identifier, Identifier]
) -> Identifier | None:
    """The NHS number by which its source verified it, as that stands now."""
    claim = None if number.is_nhs else claims.get(number)
    return _followed(Identifier.nhs(claim), into) if claim else None


def _person(
    survivor: Identifier,
    claims: Mapping[Identifier, str | None],
    held: Identifier | None,
    left: Set[Identifier],
) -> Identifier:
    """For whom a number that gave way to none stands, but for links. `left` is what was held for all that did
    give way to it."""
    if survivor.is_nhs or held is not None or claims.get(survivor) is not None:
        return held or survivor
    return next(iter(left)) if len(left) == 1 else survivor


def _links(relations: Iterable[tuple[Relation, Said]]) -> Sequence[Linked]:
    """Those in force. In one breath, unlinking goes before linking: in doubt, two people."""
    last: dict[Linked, tuple[Said, bool]] = {}
    for relation, said in relations:
        match relation:
            case Linked(one, other) | Unlinked(one, other):
                pair = Linked(min(one, other), max(one, other))
                what = (said, isinstance(relation, Unlinked))
                last[pair] = max(what, last.get(pair, what))
            case _:
                pass
    return sorted(pair for pair, (_, is_off) in last.items() if not is_off)


def _linked(
    relations: Iterable[tuple[Relation, Said]], survivors: Mapping[Identifier, Identifier]
) -> Sequence[frozenset[Identifier]]:
    """The groups that links make of survivors."""
    groups: dict[Identifier, frozenset[Identifier]] = {}
    for pair in _links(relations):
        ends = [survivors[pair.one], survivors[pair.other]]
        joined = frozenset().union(*(groups.get(end, {end}) for end in ends))
        groups.update(dict.fromkeys(joined, joined))
    return sorted(set(groups.values()), key=min)
