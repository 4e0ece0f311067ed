"""What recorders and people say of an ECG in words that have a code (PS3.16 CID 3415, 3230, 3677).

Only a whole statement is one of these: "possible left bundle branch block" says something else, and stays
text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """How one statement is coded."""

    value: str
    scheme: str
    meaning: str


def _rhythm(number: int, meaning: str) -> Finding:
    return Finding(f"10:{number}", "MDC", meaning)


def _finding(value: str, meaning: str) -> Finding:
    return Finding(value, "SCT", meaning)


_FIRST_DEGREE = _rhythm(9632, "First Degree AV Block")
_WENCKEBACH = _rhythm(9664, "Second Degree AV Block Type I (Wenckebach, or Mobitz Type I)")
_MOBITZ_II = _rhythm(9680, "Second Degree AV Block Type II (Mobitz Type II)")
_THIRD_DEGREE = _rhythm(9696, "Third Degree AV Block (complete AV block)")
_WPW = _rhythm(10112, "Wolf-Parkinson-White syndrome")
_RIGHT = _finding("59118001", "Right bundle branch block")
_LEFT = _finding("63467002", "Left bundle branch block")
_VENTRICULAR = _finding("251175005", "Ventricular premature contraction")
_ATRIAL = _finding("284470004", "Atrial premature contraction")
_NONSPECIFIC = _finding("428750005", "Nonspecific ST-T abnormality")

#: By the statement in small letters, its words parted by single blanks.
FINDINGS: Mapping[str, Finding] = {
    "sinus rhythm": _rhythm(9216, "Sinus Rhythm"),
    "normal sinus rhythm": _rhythm(9232, "Normal Sinus Rhythm"),
    "sinus bradycardia": _rhythm(9248, "Sinus Bradycardia"),
    "sinus tachycardia": _rhythm(9264, "Sinus Tachycardia"),
    "sinus arrhythmia": _rhythm(9280, "Sinus Arrhythmia"),
    "atrial fibrillation": _rhythm(9472, "Atrial fibrillation"),
    "atrial flutter": _rhythm(9456, "Atrial flutter"),
    "ectopic atrial rhythm": _rhythm(9360, "Atrial Ectopic Rhythm"),
    "junctional rhythm": _rhythm(9536, "AV junctional (nodal) rhythm"),
    "supraventricular tachycardia": _rhythm(9504, "Supraventricular Tachycardia (atrial or junctional)"),
    "first degree av block": _FIRST_DEGREE,
    "1st degree av block": _FIRST_DEGREE,
    "second degree av block type i": _WENCKEBACH,
    "2nd degree av block mobitz i": _WENCKEBACH,
    "second degree av block type ii": _MOBITZ_II,
    "2nd degree av block mobitz ii": _MOBITZ_II,
    "third degree av block": _THIRD_DEGREE,
    "3rd degree av block": _THIRD_DEGREE,
    "complete av block": _THIRD_DEGREE,
    "complete heart block": _THIRD_DEGREE,
    "wolff parkinson white": _WPW,
    "wolff parkinson white syndrome": _WPW,
    "ventricular fibrillation": _rhythm(10016, "Ventricular Fibrillation"),
    "right bundle branch block": _RIGHT,
    "rbbb": _RIGHT,
    "left bundle branch block": _LEFT,
    "lbbb": _LEFT,
    "incomplete right bundle branch block": _finding("251124007", "Incomplete Right bundle branch block"),
    "incomplete left bundle branch block": _finding("251120003", "Incomplete Left bundle branch block"),
    "left anterior fascicular block": _finding("37760005", "Left anterior fascicular block"),
    "left posterior fascicular block": _finding("62026008", "Left posterior fascicular block"),
    "bifascicular block": _finding("74021003", "Bifascicular Block"),
    "premature ventricular complexes": _VENTRICULAR,
    "ventricular premature complexes": _VENTRICULAR,
    "ventricular premature contraction": _VENTRICULAR,
    "premature atrial complexes": _ATRIAL,
    "atrial premature complexes": _ATRIAL,
    "atrial premature contraction": _ATRIAL,
    "ventricular tachycardia": _finding("25569003", "Ventricular tachycardia"),
    "early repolarization": _finding("428417006", "Early repolarization"),
    "early repolarisation": _finding("428417006", "Early repolarization"),
    "nonspecific st t abnormality": _NONSPECIFIC,
    "nonspecific st and t wave abnormality": _NONSPECIFIC,
    "nonspecific st t wave abnormality": _NONSPECIFIC,
    "normal ecg": _finding("164854000", "Normal"),
    "borderline ecg": _finding("251135002", "Borderline Normal ECG"),
    "abnormal ecg": _finding("102594003", "Abnormal ECG"),
}

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def finding_of(statement: str) -> Finding | None:
    """The code of a statement; None where it says anything that has none here."""
    words = _BETWEEN_WORDS.sub(" ", statement.casefold()).replace("a v block", "av block")
    return FINDINGS.get(words.strip())
