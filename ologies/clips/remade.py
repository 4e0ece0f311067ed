"""A clip alone, by the rules that files are wrapped by, for whoever brings the rest of its object."""

import filecmp
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from ologies.clips.clip import Clip
from ologies.clips.reading import read_clip
from ologies.clips.timing import describe_timing
from ologies.codestreams import Picture
from ologies.errors import Damaged
from ologies.recognition import Kind
from ologies.writing import write_frame


@dataclass(frozen=True, slots=True)
class Remade:
    """The stream in a file, and what it says of itself."""

    file: Path
    picture: Picture
    timing: dict[str, Any]  # Cine and Multi-frame, as DICOM JSON
    is_changed: bool  # it is not, to the byte, what came
    is_anew: bool  # encoded anew: perhaps because its camera turned it


def remade(path: Path, into: Path) -> Remade:
    """An MP4 file, in a file of the folder `into`. Raises Damaged and NotInstalled."""
    clip = read_clip(path, Kind.MP4, into)
    frames = list(clip.pixels.frames)
    if len(frames) != 1:
        raise Damaged("its pictures cannot be kept as one stream")
    made = into / "clip"
    with made.open("wb") as file:
        write_frame(file, frames[0])
    timing = Dataset()
    describe_timing(timing, clip.timing)
    is_changed = not filecmp.cmp(path, made, shallow=False)
    return Remade(made, _picture(clip), timing.to_json_dict(), is_changed, clip.history is not None)


def _picture(clip: Clip) -> Picture:
    return Picture(
        clip.transfer_syntax_uid, clip.rows_px, clip.columns_px, clip.samples, clip.bits, clip.photometric,
        is_lossy=True, frames=clip.timing.frames,
    )  # fmt: skip
