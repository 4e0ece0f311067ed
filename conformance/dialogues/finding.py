"""Dialogues about associations and queries: C-ECHO, C-FIND, worklist (PS3.8 §9.3, PS3.4 §A, §C, §K)."""

from datetime import date, timedelta

from pydicom.dataset import Dataset

from conformance.dialogues.dimse_peer import SUCCESS, DimsePeer, keys
from conformance.dialogues.verdicts import Dialogue, NotAsked, NotOffered, hold
from dicom_router.contexts import PATIENT_ROOT_FIND, VERIFICATION
from dicom_router.services.worklist import WORKLIST

_NOBODY = "2.25.1"
_NO_CLASS = "1.2.826.0.1.3680043.9.3811.999"  # which is nobody's SOP class


def echo(peer: DimsePeer) -> None:
    """Success."""
    with peer.association([VERIFICATION]) as association:
        status = association.send_c_echo()
        hold("Status" in status and status.Status == SUCCESS, "C-ECHO without success")


def twice(peer: DimsePeer) -> None:
    """Several messages on one association."""
    with peer.association([VERIFICATION]) as association:
        for _ in range(3):
            status = association.send_c_echo()
            hold(
                "Status" in status and status.Status == SUCCESS, "not every C-ECHO of an association succeeds"
            )


def unknown_class(peer: DimsePeer) -> None:
    """A SOP class that nobody knows is refused alone; the others are taken (PS3.8 §9.3.3.2)."""
    made = peer.request([VERIFICATION, _NO_CLASS])
    try:
        hold(made.is_established, "one unknown SOP class and there is no association")
        hold(
            [str(each.abstract_syntax) for each in made.accepted_contexts] == [VERIFICATION],
            "not Verification alone",
        )
        hold(made.rejected_contexts[0].result in (3, 4), "not refused for its abstract syntax")
    finally:
        if made.is_established:
            made.release()


def other_title(peer: DimsePeer) -> None:
    """An AE title that is not its own (PS3.8 §9.3.4: called AE title not recognized)."""
    made = peer.request([VERIFICATION], called="NOT-ITS-TITLE")
    if made.is_established:
        made.release()
        raise NotOffered("it answers to any title")
    hold(made.is_rejected, "the association is broken off, not rejected")


def study_level(peer: DimsePeer) -> None:
    """A study by its UID, with what was asked for."""
    example = peer.example()
    found = peer.matches(
        keys("STUDY", StudyInstanceUID=example.StudyInstanceUID, PatientID="", PatientName="", StudyDate="")
    )
    hold(len(found) == 1, f"{len(found)} answers for one study")
    missing = [
        each for each in ("PatientID", "PatientName", "StudyDate", "StudyInstanceUID") if each not in found[0]
    ]
    hold(not missing, f"answers without {', '.join(missing)}")


def level_is_said(peer: DimsePeer) -> None:
    """Answers name their level (PS3.4 §C.4.1.1.3.2)."""
    found = peer.matches(keys("STUDY", StudyInstanceUID=peer.example().StudyInstanceUID))
    hold(found and found[0].get("QueryRetrieveLevel") == "STUDY", "an answer without its level")


def where_from(peer: DimsePeer) -> None:
    """Where it can be retrieved from: Retrieve AE Title (PS3.4 §C.4.1.1.3.2)."""
    (found,) = peer.matches(
        keys("STUDY", StudyInstanceUID=peer.example().StudyInstanceUID, RetrieveAETitle="")
    )
    hold(found.get("RetrieveAETitle"), "an answer without Retrieve AE Title (0008,0054)")


def series_level(peer: DimsePeer) -> None:
    """The series of a study."""
    example = peer.example()
    found = peer.matches(keys("SERIES", StudyInstanceUID=example.StudyInstanceUID, SeriesInstanceUID=""))
    hold(example.SeriesInstanceUID in [each.SeriesInstanceUID for each in found], "the series is not found")


def image_level(peer: DimsePeer) -> None:
    """The instances of a series."""
    found = peer.matches(
        keys(
            "IMAGE",
            StudyInstanceUID=peer.example().StudyInstanceUID,
            SeriesInstanceUID=peer.example().SeriesInstanceUID,
            SOPInstanceUID="",
        )
    )
    hold(
        peer.example().SOPInstanceUID in [each.SOPInstanceUID for each in found], "the instance is not found"
    )


def patient_root(peer: DimsePeer) -> None:
    """The patient of a study (PS3.4 §C.6.1)."""
    patient = _patient(peer)
    found = peer.matches(keys("PATIENT", PatientID=patient), PATIENT_ROOT_FIND)
    hold(patient in [each.PatientID for each in found], "the patient is not found")


def by_list(peer: DimsePeer) -> None:
    """Any of a list of UIDs (PS3.4 §C.2.2.2.2)."""
    example = peer.example()
    found = peer.matches(keys("STUDY", StudyInstanceUID=f"{_NOBODY}\\{example.StudyInstanceUID}"))
    hold(
        [each.StudyInstanceUID for each in found] == [example.StudyInstanceUID],
        "not the one of two that is there",
    )


def by_wildcard(peer: DimsePeer) -> None:
    """* and ? (PS3.4 §C.2.2.2.4)."""
    example, patient = peer.example(), _patient(peer)
    for pattern in (patient[:-1] + "*", patient[:-1] + "?"):
        found = peer.matches(keys("STUDY", StudyInstanceUID=example.StudyInstanceUID, PatientID=pattern))
        hold(found, f"the pattern's {pattern[-1]} finds nothing")
    found = peer.matches(keys("STUDY", StudyInstanceUID=example.StudyInstanceUID, PatientID="no-such-*"))
    hold(not found, "a pattern that does not match finds the study")


def by_range(peer: DimsePeer) -> None:
    """Days from, to and between (PS3.4 §C.2.2.2.5)."""
    example = peer.example()
    text = str(example.get("StudyDate") or "")
    if len(text) != 8:
        raise NotAsked("its study has no date")
    day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    before, after = (f"{day + timedelta(days=days):%Y%m%d}" for days in (-1, 1))
    for wanted in (f"{before}-{after}", f"{text}-", f"-{text}"):
        hold(_on(peer, example, wanted), "a range with the day in it does not find the study")
    for other in (f"{after}-", f"-{before}"):
        hold(not _on(peer, example, other), "a range without the day finds the study")


def _on(peer: DimsePeer, example: Dataset, days: str) -> list[Dataset]:
    return peer.matches(keys("STUDY", StudyInstanceUID=example.StudyInstanceUID, StudyDate=days))


def by_modality(peer: DimsePeer) -> None:
    """Modalities in Study (PS3.4 §C.2.2.2.1)."""
    example = peer.example()
    for modality, wanted in ((str(example.Modality), 1), ("ZZ", 0)):
        found = peer.matches(
            keys("STUDY", StudyInstanceUID=example.StudyInstanceUID, ModalitiesInStudy=modality)
        )
        hold(len(found) == wanted, f"{len(found)} answers for a modality that is in {wanted} study")


def of_nothing(peer: DimsePeer) -> None:
    """No match is success without answers (PS3.4 §C.4.1.3)."""
    hold(peer.matches(keys("STUDY", StudyInstanceUID=_NOBODY)) == [], "something is found by an unknown UID")


def without_level(peer: DimsePeer) -> None:
    """A query without Query/Retrieve Level fails, and says so (PS3.4 Table C.4-1)."""
    asked = Dataset()
    asked.PatientID = "no-such-patient"
    _found, last = peer.find(asked)
    hold(last == 0xA900 or last >> 12 == 0xC, f"the last status is {last:#06x}")


def below_nothing(peer: DimsePeer) -> None:
    """Series without the UID of their study fail, or are relational (PS3.4 §C.4.1.2.1)."""
    _found, last = peer.find(keys("SERIES", SeriesInstanceUID=_NOBODY))
    if last == SUCCESS:
        raise NotOffered("it searches as if relational queries had been negotiated")
    hold(last == 0xA900 or last >> 12 == 0xC, f"the last status is {last:#06x}")


def worklist(peer: DimsePeer) -> None:
    """A query for what is scheduled (PS3.4 §K)."""
    asked, step = Dataset(), Dataset()
    asked.PatientName = asked.PatientID = ""
    step.Modality, step.ScheduledStationAETitle, step.ScheduledProcedureStepStartDate = "ZZ", "", ""
    asked.ScheduledProcedureStepSequence = [step]
    _found, last = peer.find(asked, WORKLIST)
    if last == 0x0124:
        raise NotOffered("not authorised: the peer's entry does not let us")
    hold(last == SUCCESS, f"the last status is {last:#06x}")


def _patient(peer: DimsePeer) -> str:
    text = str(peer.example().get("PatientID") or "")
    if len(text) < 2:
        raise NotAsked("its study has no Patient ID to speak of")
    return text


FINDING = (
    Dialogue("C-ECHO", "PS3.4 §A.4", echo),
    Dialogue("several messages on an association", "PS3.7 §9.3.5", twice),
    Dialogue("a SOP class that nobody knows", "PS3.8 §9.3.3.2", unknown_class),
    Dialogue("another called AE title", "PS3.8 §9.3.4", other_title),
    Dialogue("C-FIND of a study", "PS3.4 §C.4.1", study_level),
    Dialogue("answers name their level", "PS3.4 §C.4.1.1.3.2", level_is_said),
    Dialogue("Retrieve AE Title", "PS3.4 §C.4.1.1.3.2", where_from),
    Dialogue("C-FIND of series", "PS3.4 §C.4.1", series_level),
    Dialogue("C-FIND of instances", "PS3.4 §C.4.1", image_level),
    Dialogue("C-FIND of a patient", "PS3.4 §C.6.1", patient_root),
    Dialogue("by a list of UIDs", "PS3.4 §C.2.2.2.2", by_list),
    Dialogue("by wildcard", "PS3.4 §C.2.2.2.4", by_wildcard),
    Dialogue("by range of days", "PS3.4 §C.2.2.2.5", by_range),
    Dialogue("by modalities in study", "PS3.4 §C.2.2.2.1", by_modality),
    Dialogue("nothing found", "PS3.4 §C.4.1.3", of_nothing),
    Dialogue("a query without a level", "PS3.4 Table C.4-1", without_level),
    Dialogue("series without a study", "PS3.4 §C.4.1.2.1", below_nothing),
    Dialogue("modality worklist", "PS3.4 §K.4", worklist),
)
