"""`imx rejection` and `imx commitments`."""

import json
from pathlib import Path

from imx.pool import open_pool
from storage.commitment import Asker, Reference
from storage.commitments import Commitments
from storage.files import FileObjects
from tests.imx.conftest import Imx
from tests.storage.material import instance
from tests.storage.notes import note
from tests.storage.shelf import Shelf


def test_a_note_is_listed_undone_and_accepted(imx: Imx, database: str, tmp_path: Path) -> None:
    with open_pool(database, 2) as pool:
        shelf = Shelf(pool, FileObjects(tmp_path / "data" / "objects", watermark_bytes=0))
        made = instance()
        for each in (made, note("113001", [made])):
            shelf.send(each)

    [listed] = json.loads(imx("rejection", "list", "--json").stdout)
    assert (listed["standing"], listed["hidden"]) == ("in force", 1)
    number = str(listed["number"])
    [undone] = json.loads(imx("rejection", "undo", number, "--by", "ann", "--json").stdout)
    assert (undone["standing"], undone["decided_by"], undone["hidden"]) == ("undone", "ann", 0)
    [accepted] = json.loads(imx("rejection", "accept", number, "--json").stdout)
    assert accepted["standing"] == "accepted"
    changed = imx("rejection", "view", "113001", "--show-instances", "--show-note", "--json")
    assert json.loads(changed.stdout)[0]["instances"] == "shown"
    assert len(json.loads(imx("rejection", "views", "--json").stdout)) == 4
    assert imx("rejection", "undo", "99").exit_code == 1
    assert imx("rejection", "view", "113030", "--show-instances", "--show-note").exit_code == 1


def test_commitments_are_listed(imx: Imx, database: str, tmp_path: Path) -> None:
    assert json.loads(imx("commitments", "--json").stdout) == []
    with open_pool(database, 2) as pool:
        shelf = Shelf(pool, FileObjects(tmp_path / "data" / "objects", watermark_bytes=0))
        asker = Asker(0, "CT1", "RBN", "IMX", on_association=False)
        Commitments(pool, shelf.objects).ask("1.2.3", [Reference("1.2", "1.2.3.4")], asker)

    [listed] = json.loads(imx("commitments", "--json").stdout)

    assert (listed["state"], listed["peer"], listed["instances"]) == ("settling", "CT1 of RBN", 1)
    assert imx("commitments").exit_code == 0
