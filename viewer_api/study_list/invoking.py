"""Invoke Image Display, as another system asks for it (IHE RAD TF-2 §4.106). Pure.

An identifier counts with its issuer (the assigning authority behind ^^^). An NHS number is everybody's: it
means the studies that are linked to whoever has it, of any trust, whatever number they bear. Days are what is
looked for: the times of lowerDateTime and upperDateTime are left out, so that no clock hides a study.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from exchange.outgoing import NATIONAL
from storage.errors import BadQuery
from viewer_api.study_list.criteria import Criteria
from viewer_api.study_list.rows import Row

#: How it is to be shown: heard, and without effect. Every image is shown, in full quality, by the one viewer.
_HOW = frozenset({"viewerType", "diagnosticQuality", "keyImagesOnly"})
_OF_PATIENT = frozenset({
    "patientID", "patientName", "patientBirthDate", "lowerDateTime", "upperDateTime", "mostRecentResults",
    "modalitiesInStudy",
})  # fmt: skip
_OF_STUDY = frozenset({"studyUID", "accessionNumber"})

_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T?\d{2}.*)?")
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is asked for, and whose it is said to be."""

    criteria: Criteria
    name: str = ""
    birth_date: str = ""  # YYYYMMDD

    def opens_for(self, own_issuer: str) -> bool:
        """Whether a match can be nothing else than what was meant: by a UID, or by a number and who gave it.

        A bare number is the asker's own trust's; of an asker who belongs to none it may be anybody's.
        """
        asked = self.criteria
        return bool(asked.study_uid or asked.issuer or asked.accession_issuer or own_issuer)

    @property
    def nhs_number(self) -> str:
        """Ten digits, where a person is named by their NHS number."""
        asked = self.criteria
        return asked.patient_id.replace(" ", "") if asked.issuer in NATIONAL else ""

    def differs_from(self, row: Row) -> bool:
        """Whether the study names another birth date, or shares no word of the name."""
        if self.birth_date and row.birth_date and self.birth_date != row.birth_date:
            return True
        given, held = _words(self.name), _words(row.whole_name)
        return bool(given and held) and not given & held


def invoked(pairs: Iterable[tuple[str, str]]) -> Invocation:
    """What a URL asks for. Raises BadQuery."""
    named: dict[str, str] = {}
    for name, text in pairs:
        if name in named:
            raise BadQuery(
                f"{name if name in _OF_PATIENT | _OF_STUDY | _HOW else 'a parameter'} is given twice"
            )
        named[name] = text.strip()
    match named.get("requestType"):
        case "PATIENT":
            return _of_patient({name: text for name, text in named.items() if name in _OF_PATIENT})
        case "STUDY":
            return _of_study({name: text for name, text in named.items() if name in _OF_STUDY})
    raise BadQuery("requestType is PATIENT or STUDY")


def _of_patient(named: dict[str, str]) -> Invocation:
    number, issuer = _identifier(named.get("patientID", ""))
    if not number:
        raise BadQuery("patientID is required: 12345^^^TRUST")
    most = named.get("mostRecentResults", "")
    if most and not (re.fullmatch(r"\d{1,6}", most) and int(most) > 0):
        raise BadQuery("mostRecentResults is a number from 1")
    criteria = Criteria(
        patient_id=number,
        issuer=issuer,
        first_day=_day(named, "lowerDateTime"),
        last_day=_day(named, "upperDateTime"),
        modality="\\".join(_listed(named.get("modalitiesInStudy", ""))),
        most=str(min(int(most), _MOST)) if most else "",
    )
    return Invocation(
        criteria, named.get("patientName", ""), _day(named, "patientBirthDate").replace("-", "")
    )


def _of_study(named: dict[str, str]) -> Invocation:
    uids, numbers = _listed(named.get("studyUID", "")), _listed(named.get("accessionNumber", ""))
    if bool(uids) == bool(numbers):
        raise BadQuery("a study is named by studyUID or by accessionNumber, one of the two")
    if uids:
        return Invocation(Criteria(study_uid="\\".join(uids)))
    found = [_identifier(each) for each in numbers]
    issuers = {issuer for _, issuer in found}
    if len(issuers) > 1:
        raise BadQuery("the accession numbers of one request have one issuer")
    accession = "\\".join(number for number, _ in found)
    return Invocation(Criteria(accession=accession, accession_issuer=issuers.pop()))


def _identifier(text: str) -> tuple[str, str]:
    """A number, and whose it is: HL7 CX (ITI TF-2 Appendix E), 12345^^^TRUST or 12345^^^TRUST&1.2.3&ISO."""
    number, *others = text.split("^")
    authority = others[2] if len(others) > 2 else ""
    name, *universal = authority.split("&")
    return number.strip(), (name or (universal[0] if universal else "")).strip()


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _day(named: dict[str, str], name: str) -> str:
    text = named.get(name, "")
    if not text:
        return ""
    found = _DATE.fullmatch(text)
    if not found:
        raise BadQuery(f"{name} is written as 2026-01-31 or 2026-01-31T10:15:00")
    return "-".join(found.groups())


def _words(text: str) -> set[str]:
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each)
    )
    return {word for word in re.split(r"[\W_]+", plain) if len(word) > 1 or not word.isascii()} - {""}
