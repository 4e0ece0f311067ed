"""What lies in a watched folder, what goes together, and how it goes away."""

import json
from pathlib import Path

import pytest

from imx.watching.folder import DONE, FAILED, Unit, WatchedFolder, belonging, look_at, units
from imx.watching.sightings import Look
from tests.ologies.material import PDF

CASE = '{"person": {"nhs_number": "9990000018"}}'


@pytest.fixture
def folder(tmp_path: Path) -> WatchedFolder:
    return WatchedFolder(tmp_path)


def put(folder: WatchedFolder, name: str, content: bytes | str = PDF) -> Path:
    path = folder.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names(folder: WatchedFolder) -> set[str]:
    return {str(path.relative_to(folder.root)) for path in folder.root.rglob("*") if path.is_file()}


def test_only_what_may_be_taken_one_day_is_seen(folder: WatchedFolder) -> None:
    seen = {put(folder, "a.pdf"), put(folder, "case 1/b.pdf")}
    for name in (".hidden", ".git/x", "a.pdf.part", "B.TMP", "c~", "done/old.pdf", "failed/old.pdf"):
        put(folder, name)
    folder.root.joinpath("link.pdf").symlink_to(folder.root / "done" / "old.pdf")
    folder.root.joinpath("outside").symlink_to("/")

    assert set(folder.looks()) == seen
    with pytest.raises(OSError, match="No such file"):
        WatchedFolder(folder.root / "away").looks()


def test_a_file_goes_with_its_case_and_its_mark(folder: WatchedFolder) -> None:
    slide, case, mark = put(folder, "a.pdf"), put(folder, "a.pdf.json", CASE), put(folder, "a.pdf.ready", "")
    early = put(folder, "later.pdf.json", CASE)
    alone = put(folder, "notes.json", '{"type": "FeatureCollection"}')

    found = units([slide, case, mark, early, alone, put(folder, "later.svs.ready")], belonging)
    assert found == [Unit(slide, (case, mark)), Unit(alone, ())], "a case may come before its file"


def test_a_record_of_several_files_is_one(folder: WatchedFolder) -> None:
    header = put(folder, "r1.hea", "r1 2 500 3\nr1.dat 16 200 16 0 0 0 0 I\nr1.dat 16 200 16 0 0 0 0 II\n")
    signals = put(folder, "r1.dat", bytes(12))
    [unit] = units([header, signals], belonging)
    assert (unit.file, [each.name for each in unit.others]) == (header, ["r1.dat"])


def test_what_goes_together_goes_once_whatever_dies(
    folder: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = {path: look_at(path) for path in (put(folder, "x/a.pdf"), put(folder, "x/a.pdf.json", CASE))}
    rename = Path.rename

    def dies(path: Path, target: Path) -> Path:
        if path.suffix == ".json":
            raise SystemExit
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", dies)
        with pytest.raises(SystemExit):
            folder.move(DONE, looks)
    assert "x/a.pdf.json" in names(folder), "another a.pdf would take this case for its own"

    folder.finish_moves()
    folder.finish_moves()
    assert names(folder) == {"done/x/a.pdf", "done/x/a.pdf.json"}


def test_what_changed_since_stays(folder: WatchedFolder) -> None:
    file = put(folder, "a.pdf")
    folder.move(DONE, {file: Look(1, 1)})
    assert names(folder) == {"a.pdf"}


def test_a_note_that_was_not_written_whole_moves_nothing(folder: WatchedFolder) -> None:
    put(folder, "a.pdf")
    put(folder, ".imx-move-0", '{"where": "done", "files": [["a.p')
    folder.finish_moves()
    assert names(folder) == {"a.pdf"}


def test_nobody_moves_what_lies_elsewhere(
    folder: WatchedFolder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    secret = elsewhere / "secret"
    secret.write_text("x")
    look = look_at(secret)
    folder.root.joinpath("link").symlink_to(elsewhere)
    for where, name in (
        (DONE, str(secret)),
        (DONE, f"../{elsewhere.name}/secret"),
        (DONE, "link/secret"),
        ("..", "a.pdf"),
        ("/etc", "a.pdf"),
    ):
        files = [[name, look.size, look.modified_ns]]
        put(folder, ".imx-move-1", json.dumps({"where": where, "files": files}))
        folder.finish_moves()
        assert secret.exists()
    for said in ("[]", "{}", '{"where": "done", "files": 7}', '{"where": "done", "files": [[1]]}'):
        put(folder, ".imx-move-1", said)
        folder.finish_moves()
    assert names(folder) == set()

    folder.root.joinpath(FAILED).symlink_to(elsewhere)
    file = put(folder, "a.pdf")
    with pytest.raises(PermissionError):
        folder.say(file, "why")
    with pytest.raises(PermissionError):
        folder.move(FAILED, {file: look_at(file)})
    assert [each.name for each in elsewhere.iterdir()] == ["secret"]


def test_nothing_is_overwritten(folder: WatchedFolder) -> None:
    for content in (b"first", b"second", b"third"):
        file = put(folder, "a.pdf", content)
        folder.move(DONE, {file: look_at(file)})
    assert names(folder) == {"done/a.pdf", "done/a (2).pdf", "done/a (3).pdf"}
    assert folder.root.joinpath("done/a.pdf").read_bytes() == b"first"


def test_why_it_failed_stands_beside_it_until_it_is_done(folder: WatchedFolder) -> None:
    file = put(folder, "x/a.pdf")
    folder.say(file, "say person.sex")
    folder.move(FAILED, {file: look_at(file)})
    assert names(folder) == {"failed/x/a.pdf", "failed/x/a.pdf.reason.txt"}
    assert folder.root.joinpath("failed/x/a.pdf.reason.txt").read_text() == "say person.sex\n"
    folder.say(file, None)
    assert names(folder) == {"failed/x/a.pdf"}


def test_a_move_that_is_not_allowed_keeps_no_other_waiting(folder: WatchedFolder) -> None:
    put(folder, "done", "a file stands in its place")
    file = put(folder, "a.pdf")
    with pytest.raises(OSError, match="exists"):
        folder.move(DONE, {file: look_at(file)})
    folder.finish_moves()
    assert file.exists()
    folder.root.joinpath("done").unlink()
    folder.finish_moves()
    assert names(folder) == {"done/a.pdf"}
