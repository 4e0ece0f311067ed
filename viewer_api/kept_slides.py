"""The slide that annotations are of, found in the archive by its SOP Instance UID."""

import orjson
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ologies.annotations.slide import within_slide
from ologies.case import Case
from storage.archive import Archive
from storage.query import AnyOf, Level, Query

_UID = (Tag("SOPInstanceUID"),)


async def with_kept_slide(case: Case, archive: Archive) -> Case:
    """The case with what the slide says, identity as corrected; as it was where no such slide is kept.

    Whoever calls has let the person see the slide's study. Raises BadCase and Asked as `within_slide` does.
    """
    uid = case.slide.instance_uid
    if uid is None:
        return case
    instances = await archive.stored_matching(Query(Level.INSTANCE, {_UID: AnyOf((uid,))}))
    async for page in archive.metadata(instances[:1], ""):
        for each in page:
            if each.json is not None:
                return within_slide(case, Dataset.from_json(orjson.loads(each.json)))
    return case
