"""What somebody asks about links: checked, and turned into what the desk takes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from exchange.linking.link import LinkState
from exchange.linking.reviews import Decider, said
from exchange.linking.same_patient import in_order
from storage.errors import BadInput, BadQuery, NotHeld
from storage.uids import is_uid
from viewer_api.readers import Reader

#: Rows in one answer.
LIMIT = 1000


def study_uid(text: str) -> str:
    """Of a path. Raises NotHeld."""
    if not is_uid(text):
        raise NotHeld("a study by that name: it is no UID")
    return text


def also(texts: object, first: str) -> Sequence[str]:
    """Studies that are decided about together with the first. Raises BadInput."""
    if not isinstance(texts, list) or not all(isinstance(each, str) and is_uid(each) for each in texts):
        raise BadInput('also is a list of Study Instance UIDs: {"also": ["1.2.3", …]}')
    return [each for each in in_order(first, texts) if each != first]


def person_uid(text: object) -> UUID:
    """Of a path, a form or a body. Raises BadInput."""
    try:
        return UUID(str(text))
    except ValueError as error:
        raise BadInput("person is the uid of somebody in the directory") from error


def decider(reader: Reader, reason: object) -> Decider:
    """Who decides, and why. Raises BadInput."""
    if not isinstance(reason, str):
        raise BadInput('say why: {"reason": "…"}')
    return Decider(reader.look.actor.name, reader.look.actor.trust, said(reason))


def seen(value: object) -> int:
    """What was shown with the case. Raises BadInput."""
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadInput("seen is the number that came with the case")
    return int(text)


def state(named: Mapping[str, str]) -> LinkState | None:
    """Which part of the worklist. Raises BadQuery."""
    text = named.get("state", "")
    if not text:
        return None
    try:
        return LinkState(text)
    except ValueError as error:
        raise BadQuery(f"state is one of {', '.join(each.value for each in LinkState)}") from error


def number(named: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    """A whole number of the query. Raises BadQuery."""
    text = named.get(name, str(otherwise))
    if not (text.isascii() and text.isdigit()) or not 0 <= int(text) <= most:
        raise BadQuery(f"{name} is a number from 0 to {most}")
    return int(text)
