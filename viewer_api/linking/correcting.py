"""A correction of several studies, asked for: each is admitted, and every look at one is written down."""

from collections.abc import Sequence
from uuid import UUID

from starlette.requests import Request

from exchange.linking.desk import LinkDesk
from exchange.linking.preview import Preview
from exchange.linking.same_patient import Other
from exchange.policy import Action
from viewer_api.linking import asked
from viewer_api.parts import Working
from viewer_api.readers import Reader


async def admit_also(work: Working, request: Request, texts: object, first: str) -> Sequence[str]:
    """Studies besides the first. Raises BadInput, and what `Readers.admit` raises of any of them."""
    also = asked.also(texts, first)
    for each in also:
        await work.readers.admit(request, Action.DECIDE_LINK, each)
    return also


async def previewed(
    work: Working, desk: LinkDesk, reader: Reader, uid: str, person: UUID, also: Sequence[str]
) -> tuple[Preview, Sequence[Other]]:
    """What a correction would do, and what could be corrected with it."""
    for each in (uid, *also):
        await reader.record(each, {"did": "previewed a correction"}, person=person)
    shown = await work.desk.ask(desk.preview, uid, person, reader.trust, also)
    for one in shown.all:
        if one.was is not None:
            await reader.record(one.study.uid, {"did": "previewed a correction"}, person=one.was.uid)
    others = await work.desk.ask(desk.others, uid, reader.trust)
    for other in others:
        await reader.record(other.study_uid, {"of": "studies of the same patient"})
    return shown, others
