"""Before a resource leaves: whether its reader may see it, and that they did (exchange.policy, audit)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from exchange.policy import Subject, may
from viewer_api.readers import Reader


def may_see(reader: Reader, study_uid: str | None, person: UUID | None) -> bool:
    """Whether they may see what is known of a study, or of a person."""
    look = reader.look
    return may(look.actor, look.action, look.purpose, Subject(study_uid, person)).allowed


async def record_seen(
    reader: Reader, resource: str, keys: Iterable[str], seen: Sequence[tuple[str | None, UUID | None]]
) -> None:
    """One record for each study and person that is answered (IHE BALP); one where there is nothing."""
    detail: dict[str, str | int | list[str]] = {"of": resource, "keys": sorted(set(keys))}
    looks = [
        replace(reader.look, study_uid=study_uid, person=person, detail=detail)
        for study_uid, person in dict.fromkeys(seen)
    ]
    await reader.audit.record_all(looks or [replace(reader.look, detail=detail)])
