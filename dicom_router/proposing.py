"""What we propose to a peer that we send to, and how each instance then leaves. Pure.

A peer that takes several syntaxes in one context chooses among them, and may choose to have a picture
decompressed that it could have had as it is. So the stored syntax stands in a context of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dicom_router.contexts import Context
from dicom_router.negotiation import CONTEXT_LIMIT
from storage.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from storage.transcoding import can_transcode_instance


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context as we propose it."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


def proposals_for(kinds: Iterable[tuple[str, str]]) -> list[tuple[Proposal, ...]]:
    """What is proposed on each association, for instances of these SOP classes and stored syntaxes.

    For each class and stored syntax one context with that syntax alone, and for each class one with Explicit
    and Implicit VR Little Endian. More than 128 contexts need more associations; those of a class stay
    together.
    """
    syntaxes: dict[str, dict[str, None]] = {}
    for sop_class, syntax in kinds:
        syntaxes.setdefault(sop_class, {})[syntax] = None
    associations: list[tuple[Proposal, ...]] = []
    proposed: list[Proposal] = []
    for group in _groups(syntaxes):
        if len(proposed) + len(group) > CONTEXT_LIMIT:
            associations.append(tuple(proposed))
            proposed = []
        proposed += group
    return [*associations, tuple(proposed)] if proposed else associations


def _groups(syntaxes: dict[str, dict[str, None]]) -> Iterator[list[Proposal]]:
    for sop_class, stored in syntaxes.items():
        either = Proposal(sop_class, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))
        alone = [Proposal(sop_class, (syntax,)) for syntax in stored]
        for start in range(0, len(alone), CONTEXT_LIMIT - 1):
            yield [*alone[start : start + CONTEXT_LIMIT - 1], either]


def context_for(wish: str, stored: str, contexts: Sequence[Context]) -> Context | None:
    """In which of the contexts that a peer took for its SOP class an instance leaves.

    In the syntax that is wished for, usually the stored one, if that can be; else in one without compression,
    where it can be decoded. Nothing is compressed that nobody asked to be. None where it cannot leave.
    """
    by_syntax = {context.transfer_syntax: context for context in contexts}
    for syntax in (wish, EXPLICIT_LITTLE, IMPLICIT_LITTLE):
        if syntax in by_syntax and can_transcode_instance(stored, syntax):
            return by_syntax[syntax]
    return None
