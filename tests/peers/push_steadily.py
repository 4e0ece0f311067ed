"""A modality that never gives up: PORT TITLE LOG. It sends until it is ended, and notes what is kept.

A failed instance is sent again until it is kept, on a new association when the old one is gone.
"""

import hashlib
import sys
import tempfile
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from pydicom import dcmread
from pynetdicom import _config
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from benchmarks.phantoms import SMALL, Study, Template, new_uid

PER_STUDY = 20
PAUSE_S = 0.1


class Modality:
    """One application entity on one association at a time."""

    def __init__(self, port: int, title: str) -> None:
        self._port = port
        self._entity = ApplicationEntity(title)
        self._entity.add_requested_context(SMALL.sop_class_uid, "1.2.840.10008.1.2.1")
        self._entity.connection_timeout = self._entity.acse_timeout = 5
        self._entity.dimse_timeout = 30
        self._association: Association | None = None

    def send(self, file: Path) -> None:
        """Return when the file is kept, however long that takes."""
        while not self._is_kept(file):
            time.sleep(PAUSE_S)

    def _is_kept(self, file: Path) -> bool:
        if self._association is None or not self._association.is_established:
            self._association = self._entity.associate("127.0.0.1", self._port, ae_title="IMX")
        try:
            return bool(self._association.send_c_store(file).get("Status") == 0x0000)
        except RuntimeError:  # the association went away in between
            return False


def main(port: int, title: str, log: Path) -> None:
    """Send, and note."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    templates = cycle(
        [Template.of(SMALL)] * 3 + [Template.of(replace(SMALL, side_px=256))]
    )  # 8 KB, and 128 KB
    modality = Modality(port, title)
    file = Path(tempfile.mkdtemp(), "instance.dcm")
    with log.open("a", buffering=1) as noted:
        while True:
            study = Study.new()
            for _ in range(PER_STUDY):
                uid = new_uid()
                file.write_bytes(next(templates).with_identity(study, uid))
                digest = _digest(file)
                modality.send(file)
                noted.write(f"{study.uid} {study.series_uid} {uid} {digest}\n")


def _digest(file: Path) -> str:
    """Of the data set: what goes over the wire."""
    length = dcmread(file, specific_tags=[]).file_meta.FileMetaInformationGroupLength
    return hashlib.sha256(file.read_bytes()[144 + length :]).hexdigest()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
