"""The folder as a destination."""

from pathlib import Path

import pytest

from dicom_router.deliveries.destinations.folder import UNFINISHED, FolderDestination
from dicom_router.deliveries.destinations.port import Destination, NotReached
from storage.part10 import read_meta
from tests.contracts.destination import DestinationContract
from tests.dicom_router.holdings import Holdings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "out"
    root.mkdir()
    return root


class TestFolder(DestinationContract):
    @pytest.fixture
    def destination(self, holdings: Holdings, root: Path) -> Destination:
        return FolderDestination(root, holdings.reader)


def test_a_file_is_whole_and_says_nothing_of_its_sender(holdings: Holdings, root: Path) -> None:
    leaving = holdings.leaving(holdings.study(2))

    list(FolderDestination(root, holdings.reader).send(leaving))

    files = list(root.rglob("*.dcm"))
    assert len(files) == 2
    for path in files:
        content = path.read_bytes()
        meta = read_meta(content)
        assert meta.origin is None
        assert content[meta.data_offset :] == holdings.received[meta.sop_instance_uid]
        assert path.relative_to(root).parts == (
            leaving[0].stored.study_uid,
            leaving[0].stored.series_uid,
            f"{meta.sop_instance_uid}.dcm",
        )
    assert list((root / UNFINISHED).iterdir()) == []


def test_a_share_that_is_not_mounted_is_not_written_to(holdings: Holdings, tmp_path: Path) -> None:
    with pytest.raises(NotReached, match="mounted"):
        list(FolderDestination(tmp_path / "away", holdings.reader).send(holdings.leaving(holdings.study(1))))

    assert not (tmp_path / "away").exists()
