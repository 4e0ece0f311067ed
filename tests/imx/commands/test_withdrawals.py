"""`imx withdrawals`."""

import json
from pathlib import Path

from imx.pool import open_pool
from storage.files import FileObjects
from storage.stored import Resource
from storage.withdrawals import Withdrawals
from tests.imx.conftest import Imx
from tests.storage.material import instance
from tests.storage.shelf import Shelf


def test_a_withdrawal_is_listed_approved_and_undone(imx: Imx, database: str, tmp_path: Path) -> None:
    with open_pool(database, 2) as pool:
        shelf = Shelf(pool, FileObjects(tmp_path / "data" / "objects", watermark_bytes=0))
        made = instance()
        shelf.send(made)
        Withdrawals(pool, shelf.objects).ask(Resource(made.StudyInstanceUID), "the wrong patient", "ann")

    [listed] = json.loads(imx("withdrawals", "list", "--waiting", "--json").stdout)
    assert (listed["standing"], listed["asked_by"], listed["because"]) == (
        "waiting",
        "ann",
        "the wrong patient",
    )
    number = str(listed["number"])
    assert imx("withdrawals", "approve", number, "--by", "ann").exit_code == 1
    [approved] = json.loads(imx("withdrawals", "approve", number, "--by", "bob", "--json").stdout)
    assert (approved["standing"], approved["instances"]) == ("approved", 1)
    undo = imx("withdrawals", "undo", number, "--because", "it was right", "--by", "bob", "--json")
    [asked] = json.loads(undo.stdout)
    assert asked["asks"] == f"undo {number}"
    assert imx("withdrawals", "reject", str(asked["number"]), "--by", "ann").exit_code == 0
    assert imx("withdrawals", "list").exit_code == 0
    assert imx("withdrawals", "approve", "99").exit_code == 1
