"""Which documents of the archive are reports: what somebody concluded, not a dose, a mark or a measurement.

A structured report is one by its template where it names one of PS3.16, else by its title. A PDF or CDA is
one by what it is coded as, else by its title in words.
"""

import re
from collections.abc import Mapping

from exchange.record.study import Coded
from exchange.reports.report import ReportSource

_STORAGE = "1.2.840.10008.5.1.4.1.1."
BASIC_TEXT = f"{_STORAGE}88.11"
#: SOP classes that may be reports (PS3.4 §B.5). No other can: dose (88.67, 88.68, 88.73 to 88.76), CAD
#: (88.50, 88.65, 88.69), procedure log (88.40), key objects (88.59), implantation plan (88.70), acquisition
#: context (88.71), simplified adult echo (88.72).
SOURCES: Mapping[str, ReportSource] = {
    BASIC_TEXT: ReportSource.SR,
    f"{_STORAGE}88.22": ReportSource.SR,  # Enhanced
    f"{_STORAGE}88.33": ReportSource.SR,  # Comprehensive
    f"{_STORAGE}88.34": ReportSource.SR,  # Comprehensive 3D
    f"{_STORAGE}88.35": ReportSource.SR,  # Extensible
    f"{_STORAGE}104.1": ReportSource.PDF,
    f"{_STORAGE}104.2": ReportSource.CDA,
}

#: Basic and Transcribed Diagnostic Imaging Report, the same with radiation exposure, Cardiac Catheterization
#: Report, Breast Imaging Report (PS3.16 §A). Every other template measures, marks, logs or doses.
REPORT_TEMPLATES = frozenset({"2000", "2005", "2006", "3800", "4200"})

#: CID 7000 but for what the ultrasound templates measure under; pathology, endoscopy and reports as such.
_TITLES: Mapping[str, str] = {
    "LN": "18745-0 18746-8 18748-4 18750-0 18751-8 18752-6 18754-2 18756-7 11522-0 11525-3 11526-1 11528-7"
    " 11529-5 22637-3 24534-0 24590-2 24601-7 24606-6 24616-5 24627-2 24725-4 24733-8 24859-1 24884-9"
    " 24907-8 24990-4 25002-7 25010-0 25045-6 25056-3 25061-3 28010-7 28012-3 28014-9 28018-0 28614-6"
    " 30695-1 38036-0 38269-7 39036-9 39445-2 39448-6 39453-6 41806-1 42148-7 43468-8 43771-5 44136-0"
    " 44174-1 46375-2 47048-4 49118-3 49512-7 60567-5 60568-3 68604-8",
    "DCM": "111400",
    "SCT": "48526000 371525003 722124004 4201000179104 371528001",
}
_IS_TITLE = {(code, scheme) for scheme, codes in _TITLES.items() for code in codes.split()}

_REPORT = re.compile(r"\breports?\b", re.IGNORECASE)
#: Words by which a document says that it is none, whatever else it calls itself.
_NONE = re.compile(
    r"\b(dose|dosage|cad|computer.aided|measurements?|log|quantitative|calibration|quality|protocol|worksheet"
    r"|analysis|request|referral|consent|ecg|ekg|electrocardiogram|tracing)\b",
    re.IGNORECASE,
)


def is_structured_report(
    sop_class_uid: str, template: str, title: Coded | None, *, texts: int, numbers: int
) -> bool:
    """Whether an SR is a report. `texts` and `numbers` are how many content items are TEXT and NUM."""
    if template:
        return template in REPORT_TEMPLATES
    if not texts or numbers > texts or title is None or _NONE.search(title.meaning):
        return False
    return sop_class_uid == BASIC_TEXT or _is_report(title)


def is_document(concept: Coded | None, title: str) -> bool:
    """Whether a PDF or CDA is a report."""
    if _NONE.search(title) or (concept is not None and _NONE.search(concept.meaning)):
        return False
    return _is_report(concept) if concept is not None else bool(_REPORT.search(title))


def _is_report(title: Coded) -> bool:
    return (title.value, title.scheme) in _IS_TITLE or bool(_REPORT.search(title.meaning))
