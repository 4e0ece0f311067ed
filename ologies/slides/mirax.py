"""3DHISTECH's MIRAX: a .mrxs file that is only a preview, and a folder of its name that holds the slide.

`Slidedat.ini` in that folder says of which files the slide consists (openslide.org/formats/mirax).
"""

import configparser
from collections.abc import Iterator
from pathlib import Path

from ologies.errors import Damaged

_SLIDEDAT = "Slidedat.ini"

#: As OpenSlide's.
_SLIDEDAT_LIMIT_BYTES = 1 << 20

#: Data files of one slide.
_FILES_LIMIT = 10_000


def is_preview(path: Path) -> bool:
    """Whether a MIRAX slide lies beside this file, in the folder of its name."""
    try:
        return path.suffix != "" and "HIERARCHICAL" in _slidedat(path)
    except Damaged:
        return False


def files_beside(path: Path) -> tuple[Path, ...]:
    """What the slide consists of besides its preview. Raises Damaged where one is not there."""
    folder = path.with_suffix("")
    found = [folder / _SLIDEDAT, *(folder / name for name in _named(_slidedat(path)))]
    if not all(each.is_file() for each in found):
        raise Damaged("a file that its Slidedat.ini names is not in the slide's folder")
    return tuple(found)


def laid_out(path: Path, scratch: Path) -> Path:
    """The slide under a name that OpenSlide knows it by, and nothing else where it looks."""
    preview, folder = scratch / "slide.mrxs", scratch / "slide"
    folder.mkdir()
    preview.symlink_to(path.resolve())
    for each in files_beside(path):
        (folder / each.name).symlink_to(each.resolve())
    return preview


def _slidedat(path: Path) -> configparser.RawConfigParser:
    try:
        with (path.with_suffix("") / _SLIDEDAT).open("rb") as file:
            text = file.read(_SLIDEDAT_LIMIT_BYTES + 1)
    except OSError as error:
        raise Damaged("the folder of its name holds no Slidedat.ini") from error
    if len(text) > _SLIDEDAT_LIMIT_BYTES:
        raise Damaged(f"its Slidedat.ini is longer than {_SLIDEDAT_LIMIT_BYTES:,} bytes")
    slidedat = configparser.RawConfigParser(strict=False, delimiters=("=",), allow_no_value=True)
    try:
        slidedat.read_string(text.decode("utf-8-sig", "replace"))
    except configparser.Error as error:
        raise Damaged("its Slidedat.ini cannot be read") from error
    return slidedat


def _named(slidedat: configparser.RawConfigParser) -> Iterator[str]:
    try:
        names = [slidedat.get("HIERARCHICAL", "INDEXFILE")]
        count = slidedat.getint("DATAFILE", "FILE_COUNT")
        if not 0 <= count <= _FILES_LIMIT:
            raise Damaged("its Slidedat.ini names more files than any slide has")
        names += [slidedat.get("DATAFILE", f"FILE_{number}") for number in range(count)]
    except (configparser.Error, ValueError, TypeError) as error:
        raise Damaged("its Slidedat.ini does not say which files the slide consists of") from error
    for name in dict.fromkeys(names):
        if not name or name != Path(name).name or name in (".", "..") or "\\" in name:
            raise Damaged("its Slidedat.ini names a file outside of the slide's folder")
        yield name
