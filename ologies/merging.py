"""Two cases of one file, such as an order's and the JSON beside it, as one: pure."""

from typing import Any

from ologies.case import Case
from ologies.errors import BadCase
from ologies.settled import plain

#: Whose it is and of which encounter, and where on the body: where both say it, they agree.
MUST_AGREE = (
    "person.identifier", "person.issuer", "person.nhs_number", "person.name", "person.birth_date",
    "person.sex", "encounter.number", "encounter.accession", "encounter.issuer", "encounter.study_uid",
    "body_site", "laterality", "specimen.container", "specimen.identifier",
)  # fmt: skip


def merged(case: Case, over: Case) -> Case:
    """What `over` says goes before what `case` says. Raises BadCase, which names what they disagree about."""
    ours, theirs = _said(case), _said(over)
    contradicted = [path for path in MUST_AGREE if _differ(_at(ours, path), _at(theirs, path))]
    if contradicted:
        raise BadCase(f"the case and its order disagree about {', '.join(contradicted)}")
    return Case.model_validate(_over(ours, theirs))


def _said(case: Case) -> dict[str, Any]:
    said: dict[str, Any] = case.model_dump(exclude_unset=True, exclude_none=True)
    return said


def _at(said: Any, path: str) -> Any:
    for name in path.split("."):
        said = said.get(name) if isinstance(said, dict) else None
    return said


def _differ(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return False
    match ours, theirs:
        case {"family": mine}, {"family": other}:  # a name is written in many ways
            return plain(mine) != plain(other)
        case {"value": mine, **our_rest}, {"value": other, **their_rest}:
            return (mine, our_rest.get("scheme")) != (other, their_rest.get("scheme"))
    return bool(ours != theirs)


def _over(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """A name and a code are one thing; what else has parts is put together part by part."""
    found = dict(ours)
    for name, value in theirs.items():
        mine = ours.get(name)
        has_parts = isinstance(mine, dict) and isinstance(value, dict)
        is_one = has_parts and ("family" in value or "value" in value)
        found[name] = _over(mine, value) if isinstance(mine, dict) and has_parts and not is_one else value
    return found
