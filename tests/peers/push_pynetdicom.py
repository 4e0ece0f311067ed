"""Sends files by C-STORE with pynetdicom: PORT FILE..., re-encoded by it, or as they are with `--as-is`."""

import sys
import warnings
from itertools import groupby
from pathlib import Path

from pydicom import FileDataset, dcmread
from pynetdicom import _config
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

_Read = tuple[Path, FileDataset]


def push(port: int, syntax: str, files: list[_Read], as_is: bool) -> None:
    """All on one association while it stands; a data set that cannot be encoded is left out."""
    entity = ApplicationEntity("PYNETDICOM")
    for sop_class in {data_set.file_meta.MediaStorageSOPClassUID for _, data_set in files}:
        entity.add_requested_context(sop_class, syntax)
    association = _associated(entity, port)
    for path, data_set in files:
        if not association.is_established:  # some break it off after a data set that they cannot read
            association = _associated(entity, port)
        try:
            association.send_c_store(path if as_is else data_set)
        except Exception as error:  # whatever it says: the recorder knows what was sent
            print(f"not sent: {path.name}: {error}")
    association.release()


def _associated(entity: ApplicationEntity, port: int) -> Association:
    return entity.associate("127.0.0.1", port, ae_title="IMX")


def main(port: int, files: list[Path], as_is: bool) -> None:
    """Everything, one transfer syntax after the other."""
    warnings.simplefilter("ignore")  # many of the files are malformed on purpose
    _config.STORE_SEND_CHUNKED_DATASET = as_is
    for syntax, group in groupby(sorted(map(_read, files), key=_syntax), _syntax):
        push(port, syntax, list(group), as_is)


def _read(path: Path) -> _Read:
    return path, dcmread(path)


def _syntax(file: _Read) -> str:
    return str(file[1].file_meta.TransferSyntaxUID)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    names = [argument for argument in arguments[1:] if argument != "--as-is"]
    main(int(arguments[0]), [Path(name) for name in names], as_is="--as-is" in arguments)
