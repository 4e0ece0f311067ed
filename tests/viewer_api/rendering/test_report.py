from html.parser import HTMLParser

import pytest
from pydicom.dataset import Dataset

from storage.errors import Unreadable
from viewer_api.rendering.report import as_html, as_plain


def code(meaning: str) -> list[Dataset]:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = "1", "99", meaning
    return [made]


def content(kind: str, concept: str, **values: object) -> Dataset:
    made = Dataset()
    made.ValueType, made.RelationshipType = kind, "CONTAINS"
    made.ConceptNameCodeSequence = code(concept)
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def report() -> Dataset:
    size, unit = Dataset(), code("millimetre")
    unit[0].CodeValue = "mm"
    size.NumericValue, size.MeasurementUnitsCodeSequence = "12.5", unit
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName, made.PatientID, made.PatientBirthDate = "Müller^Jo", "123", "19700102"
    made.ContentDate, made.ContentTime = "20260102", "0910"
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.ConceptNameCodeSequence = code("Chest report")
    made.ContentSequence = [
        content("CONTAINER", "Findings", ContentSequence=[
            content("TEXT", "Finding", TextValue="Nodule <b>left</b>\nupper lobe"),
            content("NUM", "Diameter", MeasuredValueSequence=[size]),
            content("CODE", "Side", ConceptCodeSequence=code("Left")),
        ]),
        content("PNAME", "Observer", PersonName="Reader^Ann"),
        content("DATE", "Seen", Date="20260102"),
    ]  # fmt: skip
    return made


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_report_is_a_page_that_holds_no_markup_of_its_authors() -> None:
    parser = _Balanced()
    parser.feed(as_html(report()))
    assert not parser.open
    assert {"b", "script"}.isdisjoint(parser.seen)
    assert "Nodule &lt;b&gt;left&lt;/b&gt;" in as_html(report())
    assert "MÜLLER, Jo" in as_html(report())


def test_the_same_as_text() -> None:
    assert as_plain(report()).splitlines() == [
        "Chest report", "", "MÜLLER, Jo", "ID 123", "Born 02-Jan-1970", "02-Jan-2026 09:10",
        "Complete, Unverified", "", "Findings", "  Finding: Nodule <b>left</b>", "upper lobe",
        "  Diameter: 12.5 mm", "  Side: Left", "Observer: Reader Ann", "Seen: 02-Jan-2026",
    ]  # fmt: skip


def test_a_tree_beyond_all_sense_is_refused() -> None:
    deepest = made = content("CONTAINER", "0")
    for number in range(40):
        inner = content("CONTAINER", str(number))
        deepest.ContentSequence = [inner]
        deepest = inner
    whole = Dataset()
    whole.ContentSequence = [made]
    with pytest.raises(Unreadable):
        as_html(whole)


def test_a_report_that_says_nothing_is_still_a_page() -> None:
    assert "<h1>Report</h1>" in as_html(Dataset())
