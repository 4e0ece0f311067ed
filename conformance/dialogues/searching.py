"""Dialogues about searches: QIDO-RS (PS3.18 §10.6, §8.3.4)."""

from datetime import date, timedelta
from urllib.parse import quote

from conformance.dialogues.verdicts import Dialogue, NotAsked, NotOffered, hold
from conformance.dialogues.web_peer import JSON, WebPeer, value

_NOBODY = "2.25.1"  # a UID that nothing has
#: What every answer about a study holds, with or without a value (PS3.18 Table 10.6.3-3, of those required).
_OF_STUDY = "00080020 00080030 00080050 00080061 00080090 00100010 00100020 0020000D 00200010".split()
_OF_SERIES = "00080060 0020000E 00200011".split()
_OF_INSTANCE = "00080016 00080018 00200013".split()


def form(peer: WebPeer) -> None:
    """DICOM JSON."""
    answer = peer.get("/studies?limit=1")
    if answer.status_code != 204:
        media = answer.headers.get("content-type", "").partition(";")[0]
        hold(media == JSON, f"the content type is {media}")
        hold(isinstance(answer.json(), list), "the answer is no JSON array")


def attributes_of_study(peer: WebPeer) -> None:
    """Those that every answer holds."""
    _all_in(peer.example().study, _OF_STUDY)


def attributes_of_series(peer: WebPeer) -> None:
    """The same."""
    _all_in(peer.example().series, _OF_SERIES)


def attributes_of_instance(peer: WebPeer) -> None:
    """The same."""
    _all_in(peer.example().instance, _OF_INSTANCE)


def _all_in(match: object, tags: list[str]) -> None:
    missing = [tag for tag in tags if tag not in dict(match)]  # type: ignore[call-overload]
    hold(not missing, f"without {', '.join(missing)}")


def counts(peer: WebPeer) -> None:
    """Series and instances of a study are as many as it says."""
    example = peer.example()
    (study,) = peer.search(
        f"/studies?StudyInstanceUID={example.study_uid}&includefield=00201206&includefield=00201208"
    )
    for tag, below in (("00201206", "series"), ("00201208", "instances")):
        if tag not in study:
            raise NotOffered(f"{tag} is not answered")
        found = peer.search(f"/studies/{example.study_uid}/{below}?limit=5000")
        hold(
            int(value(study, tag)) == len(found),
            f"it says {value(study, tag)} {below}, and finds {len(found)}",
        )


def by_uid(peer: WebPeer) -> None:
    """Exactly one study by its UID."""
    example = peer.example()
    hold(_studies(peer, f"StudyInstanceUID={example.study_uid}") == [example.study_uid], "not the one study")


def by_list(peer: WebPeer) -> None:
    """Any of a list of UIDs (PS3.4 §C.2.2.2.2)."""
    uid = peer.example().study_uid
    for separator in ("%5C", ","):
        if _studies(peer, f"StudyInstanceUID={_NOBODY}{separator}{uid}") == [uid]:
            return
    hold(False, "a list of two UIDs does not find the one that is there")


def by_tag(peer: WebPeer) -> None:
    """An attribute by its number means the same as by its name."""
    uid = peer.example().study_uid
    hold(_studies(peer, f"0020000D={uid}") == [uid], "not the one study")


def by_wildcard(peer: WebPeer) -> None:
    """* and ? (PS3.4 §C.2.2.2.4)."""
    example = peer.example()
    patient = value(example.study, "00100020")
    for pattern in (patient[:-1] + "*", patient[:-1] + "?"):
        key = f"PatientID={quote(pattern, safe='*?')}&StudyInstanceUID={example.study_uid}"
        hold(_studies(peer, key) == [example.study_uid], f"the pattern's {pattern[-1]} finds nothing")
    hold(
        not _studies(peer, f"PatientID=no-such-*&StudyInstanceUID={example.study_uid}"),
        "a pattern that does not match finds the study",
    )


def percent_encoded(peer: WebPeer) -> None:
    """What is percent-encoded means the same (RFC 3986 §2.1)."""
    example = peer.example()
    encoded = "".join(f"%{ord(each):02X}" for each in example.study_uid)
    hold(_studies(peer, f"StudyInstanceUID={encoded}") == [example.study_uid], "not the one study")


def by_range(peer: WebPeer) -> None:
    """Days from, to and between (PS3.4 §C.2.2.2.5)."""
    example = peer.example()
    text = value(example.study, "00080020").replace(".", "")
    day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    before, after = (f"{day + timedelta(days=days):%Y%m%d}" for days in (-1, 1))
    uid = f"&StudyInstanceUID={example.study_uid}"
    for wanted in (f"{before}-{after}", f"{text}-", f"-{text}", text):
        hold(_studies(peer, f"StudyDate={wanted}{uid}"), "a range with the day in it does not find the study")
    for other in (f"{after}-", f"-{before}", before):
        hold(not _studies(peer, f"StudyDate={other}{uid}"), "a range without the day finds the study")


def by_modality(peer: WebPeer) -> None:
    """Modalities in Study: any of them (PS3.18 §10.6.1.2.3)."""
    example = peer.example()
    modality = value(example.series, "00080060")
    found = _studies(peer, f"ModalitiesInStudy={modality}&StudyInstanceUID={example.study_uid}")
    hold(found == [example.study_uid], "the study is not found by a modality it has")
    other = _studies(peer, f"ModalitiesInStudy=ZZ&StudyInstanceUID={example.study_uid}")
    hold(not other, "the study is found by a modality that it lacks")


def of_nothing(peer: WebPeer) -> None:
    """No match is no error: 204, or 200 with an empty array."""
    answer = peer.get(f"/studies?StudyInstanceUID={_NOBODY}")
    is_empty = answer.status_code == 204 or (answer.status_code == 200 and answer.json() == [])
    hold(is_empty, f"status {answer.status_code} for nothing found")


def include_one(peer: WebPeer) -> None:
    """An attribute that is asked for by name or number, with a value or without."""
    uid = peer.example().study_uid
    for name in ("StudyDescription", "00081030"):
        (study,) = peer.search(f"/studies?StudyInstanceUID={uid}&includefield={name}")
        if "00081030" not in study:
            raise NotOffered("Study Description (0008,1030) is not answered")


def include_several(peer: WebPeer) -> None:
    """A list after one `includefield`, and several of them, mean the same (PS3.18 §8.3.4.3)."""
    uid = peer.example().study_uid
    answers = [
        peer.search(f"/studies?StudyInstanceUID={uid}&{fields}")
        for fields in ("includefield=00081030,00100030", "includefield=00081030&includefield=00100030")
    ]
    hold(answers[0] == answers[1], "a list of two is answered otherwise than two parameters")


def include_all(peer: WebPeer) -> None:
    """`all` answers at least what no `includefield` does."""
    uid = peer.example().study_uid
    (few,) = peer.search(f"/studies?StudyInstanceUID={uid}")
    (every,) = peer.search(f"/studies?StudyInstanceUID={uid}&includefield=all")
    hold(set(few) <= set(every), "less is answered with includefield=all than without")


def limit_and_offset(peer: WebPeer) -> None:
    """Pages of an answer (PS3.18 §8.3.4.4)."""
    path = f"{peer.example().series_path}/instances"
    whole = [value(each, "00080018") for each in peer.search(path)]
    if len(whole) < 2:
        raise NotAsked("its series has one instance")
    hold(len(peer.search(f"{path}?limit=1")) == 1, "limit=1 gives another number")
    pages = [value(each, "00080018") for n in range(2) for each in peer.search(f"{path}?limit=1&offset={n}")]
    hold(pages == whole[:2], "two pages of one are not the first two of all")
    hold(not peer.search(f"{path}?offset={len(whole)}"), "an offset behind the last finds something")


def relational(peer: WebPeer) -> None:
    """Series and instances of everything there is, by a key of a level above (PS3.18 Table 10.6.1-1)."""
    example = peer.example()
    answer = peer.get(f"/series?StudyInstanceUID={example.study_uid}")
    if answer.status_code in (400, 404, 501):
        raise NotOffered(f"status {answer.status_code}")
    series = {value(each, "0020000E") for each in answer.json()}
    hold(value(example.series, "0020000E") in series, "its series is not found below /series")
    uid = value(example.instance, "00080018")
    found = peer.search(f"/instances?SOPInstanceUID={uid}")
    hold([value(each, "00080018") for each in found] == [uid], "an instance is not found below /instances")


def within(peer: WebPeer) -> None:
    """Below a study and a series there is what belongs to them, and no more."""
    example = peer.example()
    found = peer.search(f"/studies/{example.study_uid}/instances?limit=5000")
    hold({value(each, "0020000D") for each in found} <= {example.study_uid}, "instances of other studies")
    ours = {value(each, "00080018") for each in example.instances}
    hold(
        ours <= {value(each, "00080018") for each in found},
        "not all instances of the series are in the study",
    )


def bad_query(peer: WebPeer) -> None:
    """What cannot be understood is a bad request, and no empty answer (PS3.18 §10.6.3.1)."""
    answer = peer.get("/studies?limit=abc")
    hold(answer.status_code == 400, f"status {answer.status_code} for limit=abc")


def fuzzy(peer: WebPeer) -> None:
    """Matching of names by their sound, or a warning that it was not done (PS3.18 §8.3.4.2)."""
    example = peer.example()
    names = example.study.get("00100010", {}).get("Value")
    if not names or "Alphabetic" not in names[0]:
        raise NotAsked("its study has no name")
    name = quote(names[0]["Alphabetic"])
    answer = peer.get(f"/studies?PatientName={name}&fuzzymatching=true&StudyInstanceUID={example.study_uid}")
    hold(answer.status_code == 200, f"status {answer.status_code} for a name that it has")


def unacceptable(peer: WebPeer) -> None:
    """A media type that no search can have (PS3.18 §8.7.5)."""
    answer = peer.get("/studies?limit=1", "image/png")
    hold(answer.status_code == 406, f"status {answer.status_code} for image/png")


def accept_parameter(peer: WebPeer) -> None:
    """The query parameter `accept` stands for the header (PS3.18 §8.3.3.1)."""
    answer = peer.get(f"/studies?limit=1&accept={quote(JSON)}", "*/*")
    hold(answer.status_code in (200, 204), f"status {answer.status_code}")


def as_xml(peer: WebPeer) -> None:
    """Native DICOM Model in multipart (PS3.18 §10.6.3.3.1)."""
    wanted = f"/studies?StudyInstanceUID={peer.example().study_uid}"
    answer = peer.offered(wanted, 'multipart/related; type="application/dicom+xml"')
    media = answer.headers.get("content-type", "")
    hold("application/dicom+xml" in media, f"the content type is {media.partition(';')[0]}")
    hold(b"<NativeDicomModel" in answer.content, "a part without NativeDicomModel")


def _studies(peer: WebPeer, query: str) -> list[str]:
    return [value(each, "0020000D") for each in peer.search(f"/studies?{query}")]


SEARCHING = (
    Dialogue("search answers DICOM JSON", "PS3.18 §10.6.3.3", form),
    Dialogue("attributes of a study", "PS3.18 Table 10.6.3-3", attributes_of_study),
    Dialogue("attributes of a series", "PS3.18 Table 10.6.3-4", attributes_of_series),
    Dialogue("attributes of an instance", "PS3.18 Table 10.6.3-5", attributes_of_instance),
    Dialogue("numbers of series and instances", "PS3.18 Table 10.6.3-3", counts),
    Dialogue("by UID", "PS3.4 §C.2.2.2.1", by_uid),
    Dialogue("by a list of UIDs", "PS3.4 §C.2.2.2.2", by_list),
    Dialogue("by tag number", "PS3.18 §8.3.4.1", by_tag),
    Dialogue("by a value that is percent-encoded", "PS3.18 §8.2", percent_encoded),
    Dialogue("by wildcard", "PS3.4 §C.2.2.2.4", by_wildcard),
    Dialogue("by range of days", "PS3.4 §C.2.2.2.5", by_range),
    Dialogue("by modalities in study", "PS3.4 §C.2.2.2.1", by_modality),
    Dialogue("nothing found", "PS3.18 §10.6.3.1", of_nothing),
    Dialogue("includefield of one", "PS3.18 §8.3.4.3", include_one),
    Dialogue("includefield of several", "PS3.18 §8.3.4.3", include_several),
    Dialogue("includefield=all", "PS3.18 §8.3.4.3", include_all),
    Dialogue("limit and offset", "PS3.18 §8.3.4.4", limit_and_offset),
    Dialogue("all series, all instances", "PS3.18 Table 10.6.1-1", relational),
    Dialogue("what is below a study", "PS3.18 Table 10.6.1-1", within),
    Dialogue("fuzzymatching", "PS3.18 §8.3.4.2", fuzzy),
    Dialogue("a query that cannot be understood", "PS3.18 §10.6.3.1", bad_query),
    Dialogue("search as image/png", "PS3.18 §8.7.5", unacceptable),
    Dialogue("accept as a parameter", "PS3.18 §8.3.3.1", accept_parameter),
    Dialogue("search as XML", "PS3.18 §10.6.3.3.1", as_xml),
)
