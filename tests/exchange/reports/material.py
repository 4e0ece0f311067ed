"""Reports as tests tell of them."""

from datetime import UTC, datetime, timedelta

from exchange.people.person import Identifier, Said
from exchange.reports.report import Content, ReportKey, ReportSource, ReportStatus, Section, Told

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
OF_WIRRAL = Identifier("123456", "RBL")
NUMBER = Identifier.nhs("9990000018")


def key(number: str = "R1") -> ReportKey:
    return ReportKey("RBL", ReportSource.HL7, "CRIS", number)


def told(
    status: ReportStatus = ReportStatus.FINAL, text: str = "No fracture.", minutes: int = 0, by: str = "1"
) -> Told:
    """Of one report, so many minutes later."""
    sections = (Section("Findings", text),) if text else ()
    content = Content(
        patients=(OF_WIRRAL, NUMBER), birth_date="19710304", accessions=("A1",), accession_issuer="RBL",
        sections=sections,
    )  # fmt: skip
    return Told(key(), status, Said(AT + timedelta(minutes=minutes), by), content)
