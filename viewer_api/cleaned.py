"""What a sender's picture was, where what is kept of it is less: its original, as of a wrapped file."""

import hashlib
from collections.abc import Sequence
from functools import partial

from ologies.recognition import Kind
from storage.dicom_json import Member
from storage.origin import Origin
from storage.original import Original
from storage.originals import Originals
from viewer_api.pixels_in import Bulk, FrameIn

_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"


def keep_originals(
    originals: Originals,
    members: dict[str, Member],
    pixels: Sequence[Bulk],
    came: Sequence[FrameIn],
    origin: Origin,
) -> None:
    """Before their instance goes through the door, which sets aside what has no UIDs. Raises Unavailable."""
    study, series, instance = (
        str((members.get(tag, {}).get("Value") or [""])[0]) for tag in (_STUDY, _SERIES, _INSTANCE)
    )
    if not (study and series and instance):
        return
    kind, suffix = (Kind.MP4, "mp4") if pixels[0].media_type == "video/mp4" else (Kind.JPEG, "jpg")
    original = Original(
        kind=kind.value,
        name=f"{instance}.{suffix}",
        kept_by=origin.peer,
        study_uid=study,
        series_uids=(series,),
        instance_uids=(instance,),
    )
    for bulk, frame in zip(pixels, came, strict=True):
        if frame.is_cleaned:
            read = partial(bulk.value.read, 0, bulk.value.size)
            digest = hashlib.sha256()
            for piece in read():
                digest.update(piece)
            originals.keep(original, read, digest.hexdigest(), origin)
