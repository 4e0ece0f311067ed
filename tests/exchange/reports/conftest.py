"""An archive, a desk for messages, and the worker's part of both."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from exchange.hl7.desk import HANDLERS, Desk
from exchange.hl7.senders import PostgresSenders, Sender
from exchange.reports.considering import consider, consider_waiting
from storage.changes import ChangeFeed, follow
from storage.files import FileObjects
from tests.exchange.hl7.material import answer_of
from tests.storage.shelf import Shelf, origin


class Region:
    """One trust's messages and studies."""

    def __init__(self, pool: ConnectionPool, folder: Path) -> None:
        self.pool = pool
        self.shelf = Shelf(pool, FileObjects(folder / "objects", watermark_bytes=0))
        PostgresSenders(pool).add(Sender("10.1.2.0/24", "RBL"))
        self.desk = Desk(pool, HANDLERS)

    def hear(self, raw: bytes) -> None:
        """A message that is taken."""
        assert answer_of(self.desk.take(raw, "10.1.2.3"))[0] == "AA"

    def keep(
        self, study: str = "1.2.1", patient: str = "123456", trust: str = "RBL", **attributes: object
    ) -> None:
        """A CT of the patient of whom messages speak, or of somebody else."""
        made = Dataset()
        made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, f"{study}.1.1"
        made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study, f"{study}.1", "CT"
        made.PatientID, made.PatientName, made.PatientBirthDate = patient, "O'Neil^Zoe", "19500102"
        made.StudyDate, made.AccessionNumber = "20260302", "RBL0001"
        for name, value in attributes.items():
            setattr(made, name, value)
        self.shelf.send(made, origin=origin(trust))

    def settle(self) -> None:
        """What the worker does, until nothing is left to do."""
        follow(ChangeFeed(self.pool), "reports", lambda changes: consider(self.pool, changes))
        consider_waiting(self.pool)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Of the database."""
        with self.pool.connection() as connection:
            return connection.execute(query).fetchall()

    def places(self) -> list[tuple[Any, ...]]:
        """Where each report belongs."""
        return self.rows(
            "select number, state, study_uid from report where merged_into is null order by number"
        )


@pytest.fixture
def region(pool: ConnectionPool, tmp_path: Path) -> Region:
    return Region(pool, tmp_path)
