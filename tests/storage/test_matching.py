"""One data set matches a key exactly where a search of the index finds it."""

import asyncio
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from storage.answers import read_members
from storage.archive import Archive
from storage.columns import INSTANCE_UID
from storage.connecting import open_pool
from storage.errors import BadQuery
from storage.matching import is_match, texts_at, values_at
from storage.query import Exactly, Level, Match, Path, Query, parse_match, vr_of
from tests.storage.material import instance
from tests.storage.shelf import Shelf

_numbers = count(1)

#: Attributes that both look at, with values that senders send and keys that people ask.
SENT: dict[str, st.SearchStrategy[str]] = {
    "BodyPartExamined": st.sampled_from(["HEAD", "HAND", "head", "", "HE AD", "H.AD"]),
    "PatientName": st.sampled_from(
        ["Smith^John", "SMITH^JOHN^^", "Smith^Ann=史密斯^安", "Smithers", "", "O'B*"]
    ),
    "StudyDate": st.sampled_from(["20260102", "2026.01.02", "20251231", ""]),
    "StudyTime": st.sampled_from(["101530", "1015", "10", "101530.5", "235959.999999", ""]),
    "SeriesNumber": st.sampled_from(["1", "01", "+1", "12", "-3", ""]),
    "StudyDescription": st.sampled_from(["CT HEAD", "CT_HEAD", "CT%HEAD", "50%", "", "a\\b"]),
    "AccessionNumber": st.sampled_from(["A1", "a1", "0012", ""]),
}
ASKED = st.one_of(
    st.sampled_from(
        ["HEAD", "H*", "H?AD", "*", "", '""', "HEAD\\HAND", "smith*", "Smith^John", "smith^*", "史*", "*^安",
         "20260102", "20260101-", "-20260102", "20251231-20260102", "1015", "10-1015", "-10", "101530-",
         "1", "12\\1", "-3", "CT?HEAD", "CT_HEAD", "50%", "*%*", "A1", "0012", "00*", "O'B*", "a\\b"]
    ),
    st.text("HEADhead*?^=\\%_ 0123456789-", max_size=8),
)  # fmt: skip
TAGS: dict[str, Path] = {
    "BodyPartExamined": (0x00180015,), "PatientName": (0x00100010,), "StudyDate": (0x00080020,),
    "StudyTime": (0x00080030,), "SeriesNumber": (0x00200011,), "StudyDescription": (0x00081030,),
    "AccessionNumber": (0x00080050,),
}  # fmt: skip


@given(data=st.data())
def test_it_is_what_a_search_finds(shelf_of_module: Shelf, data: st.DataObject) -> None:
    shelf = shelf_of_module
    keyword = data.draw(st.sampled_from(sorted(SENT)))
    value = data.draw(SENT[keyword])
    match = data.draw(ASKED.map(lambda text: _parsed(keyword, text)).filter(lambda found: found is not None))
    assert match is not None
    uid = f"1.2.{next(_numbers)}"
    sent = instance(
        SpecificCharacterSet="ISO_IR 192",
        SOPInstanceUID=uid,
        StudyInstanceUID=f"{uid}.1",
        SeriesInstanceUID=f"{uid}.2",
        **{keyword: value},
    )
    shelf.send(sent)

    found = asyncio.run(
        _search(shelf, Query(Level.INSTANCE, {INSTANCE_UID: Exactly(uid), TAGS[keyword]: match}))
    )
    pieces = shelf.rows(
        "select i.json, n.json_before, n.json_patient, n.json_after from instance n"
        " join identity i on i.id = n.identity_id where n.uid = %s",
        uid,
    )[0]

    assert is_match(match, read_members(*pieces), TAGS[keyword]) == (found == 1)


def _parsed(keyword: str, text: str) -> Match | None:
    try:
        return parse_match(vr_of(TAGS[keyword]), text)
    except BadQuery:
        return None


async def _search(shelf: Shelf, query: Query) -> int:
    async with open_pool(str(shelf.pool.conninfo), 2, 5) as pool:
        answer = await Archive(pool).search(query)
        return sum([len(page) async for page in answer.pages])


def test_attributes_within_sequences_are_of_every_item() -> None:
    members = {
        "00081032": {
            "vr": "SQ",
            "Value": [{"00080100": {"vr": "SH", "Value": ["A"]}}, {"00080100": {"vr": "SH", "Value": ["B"]}}],
        }
    }
    path = (0x00081032, 0x00080100)

    assert values_at(members, path) == ["A", "B"]
    assert is_match(Exactly("B"), members, path)
    assert not is_match(Exactly("C"), members, path)
    assert texts_at(members, (0x00080008,)) == []
