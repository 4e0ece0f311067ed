"""What somebody looks for, as they typed it; and the query that it means. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime

from exchange.namespaces import ISSUER_OF_PATIENT_ID, ISSUERS_OF_ACCESSION
from storage.columns import ACCESSION, PATIENT_ID, STUDY_UID
from storage.errors import BadQuery
from storage.query import Between, Level, Match, Path, Query, parse_match

_NAME: Path = (0x00100010,)
_DATE: Path = (0x00080020,)
_MODALITIES: Path = (0x00080061,)
#: What a row of the list shows.
SHOWN = frozenset[Path](
    (int(tag, 16),)
    for tag in (
        "00080020 00080030 00080050 00080061 00081030 00100010 00100020 00100021 00100030 00100040 0020000D"
        " 00201208"
    ).split()
)

#: Kinds of pictures that can be chosen, by their code (PS3.3 §C.7.3.1.1.1).
MODALITIES: Mapping[str, str] = {
    "CR\\DX": "X-ray", "CT": "CT", "MR": "MRI", "US": "Ultrasound", "NM": "Nuclear medicine", "PT": "PET",
    "MG": "Mammography", "XA": "Angiography", "RF": "Fluoroscopy", "ECG": "Electrocardiogram",
    "SM": "Microscope slides", "ES": "Endoscopy", "OP\\OPT": "Eye", "XC": "Photograph", "DOC": "Document",
}  # fmt: skip

#: Whose studies are meant where the directory does not know the number that was given.
NOBODY = "nobody"

_LONGEST = 64
_WRITTEN = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d %m %Y",
    "%d %B %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%Y%m%d",
)


@dataclass(frozen=True, slots=True)
class Criteria:
    """The fields of the search, empty where nothing was typed; each as text, as it is shown again."""

    name: str = ""
    patient_id: str = ""
    issuer: str = ""
    accession: str = ""
    first_day: str = ""
    last_day: str = ""
    modality: str = ""
    # From links alone (viewer_api.study_list.invoking); several with a backslash between them.
    study_uid: str = ""
    person: str = ""  # id in the directory of whom the studies are linked to; NOBODY where it knows none
    accession_issuer: str = ""
    most: str = ""  # how many studies at most, the newest
    differs: str = ""  # "yes" where the name or birth date that came along is not the study's

    def as_json(self) -> dict[str, str]:
        """Those that are filled in."""
        return {name: text for name, text in asdict(self).items() if text}

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> "Criteria":
        """From what the form sent: its own fields and no others."""
        return cls(**{name: form[name].strip() for name in FIELDS if name in form})

    @classmethod
    def kept(cls, as_json: Mapping[str, str]) -> "Criteria":
        """From what `as_json` made, in this version of ours or another."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: text for name, text in as_json.items() if name in known})


#: Of the form.
FIELDS = ("name", "patient_id", "issuer", "accession", "first_day", "last_day", "modality")


@dataclass(frozen=True, slots=True)
class Meant:
    """What criteria mean: a query, or what is wrong with each field, in words."""

    criteria: Criteria
    matches: Mapping[Path, Match] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def query(self, limit: int, offset: int = 0) -> Query:
        """For that many studies, if as many are wanted at all."""
        most = int(self.criteria.most or limit + offset)
        limit = max(min(limit, most - offset), 0)
        return Query(Level.STUDY, dict(self.matches), SHOWN, limit=limit, offset=offset, fuzzy=True)


def mean(criteria: Criteria) -> Meant:
    """What somebody means by what they typed."""
    errors: dict[str, str] = {}
    days = {}
    for name in ("first_day", "last_day"):
        try:
            days[name] = _day(getattr(criteria, name))
        except ValueError:
            errors[name] = "Enter a date such as 27/3/2026"
    first, last = days.get("first_day"), days.get("last_day")
    if first and last and first > last:
        errors["last_day"] = "The last day must be the same as or after the first day"
    texts: dict[str, tuple[Path, str]] = {
        "name": (_NAME, _name_pattern(criteria.name)),
        "patient_id": (PATIENT_ID, criteria.patient_id),
        "issuer": (ISSUER_OF_PATIENT_ID, criteria.issuer),
        "accession": (ACCESSION, criteria.accession),
        "accession_issuer": (ISSUERS_OF_ACCESSION[0], criteria.accession_issuer),
        "modality": (_MODALITIES, criteria.modality),
        "study_uid": (STUDY_UID, criteria.study_uid),
    }
    if criteria.issuer and not criteria.patient_id:
        errors["patient_id"] = "Enter the patient number that this trust gave"
    matches: dict[Path, Match] = {}
    for name, (path, text) in texts.items():
        if name in FIELDS and len(text) > _LONGEST:
            errors[name] = f"Enter no more than {_LONGEST} characters"
            continue
        try:
            match = parse_match("UI" if name == "study_uid" else "LO", text)
        except BadQuery:
            errors[name] = "Check this: it holds characters that cannot be looked for"
            continue
        if text:
            matches[path] = match
    if first or last:
        matches[_DATE] = Between(_dicom(first), _dicom(last))
    return Meant(_shown(criteria, first, last), {} if errors else matches, errors)


def _shown(criteria: Criteria, first: date | None, last: date | None) -> Criteria:
    """The same, with days as a browser's date field takes them."""
    named = {"first_day": first, "last_day": last}
    return replace(criteria, **{name: day.isoformat() for name, day in named.items() if day})


def _name_pattern(text: str) -> str:
    """Each word begins a part of the name: "smith, zo" finds Zoë Smith."""
    words = [word for word in re.split(r"[\s,^]+", text) if word]
    return "^".join(word if word.endswith("*") else f"{word}*" for word in words)


def _day(text: str) -> date | None:
    if not text:
        return None
    for form in _WRITTEN:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 -- a day, wherever it is
        except ValueError:
            continue
    raise ValueError(text)


def _dicom(day: date | None) -> str | None:
    return f"{day:%Y%m%d}" if day else None
