"""Heads of files, from files that are whole and from bytes that are nothing."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imx.named_files import files_in
from imx.part10 import NotPart10, Part10, head_of, read_head, split
from storage.part10 import write_meta


def test_a_file_is_its_head_and_its_data_set(mr_files: list[tuple[Path, Part10]]) -> None:
    path, head = mr_files[0]
    content = path.read_bytes()
    again, data_set = split(content)
    assert again == head
    assert content[: head.data_set_at] + bytes(data_set) == content
    assert head.sop_class_uid == "1.2.840.10008.5.1.4.1.1.4"
    assert head.transfer_syntax_uid == "1.2.840.10008.1.2.5"


@given(
    st.one_of(st.binary(max_size=400), st.binary(max_size=200).map(lambda tail: bytes(128) + b"DICM" + tail))
)
@pytest.mark.filterwarnings("ignore")
def test_other_bytes_are_said_to_be_none(content: bytes) -> None:
    try:
        head = read_head(BytesIO(content))
    except NotPart10:
        return
    assert all((head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid))


def test_a_file_that_names_no_transfer_syntax_is_none() -> None:
    whole = write_meta("1.2.3", "1.2.3.4", "1.2.840.10008.1.2.1")
    assert read_head(BytesIO(whole)) == Part10("1.2.3", "1.2.3.4", "1.2.840.10008.1.2.1", len(whole))
    with pytest.raises(NotPart10, match="transfer syntax"):
        read_head(BytesIO(write_meta("1.2.3", "1.2.3.4", "")))


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotPart10, match="No such file"):
        head_of(tmp_path / "none")


def test_folders_are_searched_in_order_and_hidden_files_left(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a", ".hidden", "c/.d/3"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in files_in([tmp_path])]
    assert found == ["a", "b/1", "b/2"]
