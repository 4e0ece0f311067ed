"""Whom the small PDS of these tests holds: the five cases of its sandbox, under test numbers."""

from exchange.people.person import Demographics, PersonName, Sensitivity, Sex
from imx.demo.pds.records import Records

JANE = Demographics(
    (PersonName("Smith", ("Jane", "Marie"), "Mrs", use="usual"), PersonName("Brown", ("Jane",), use="old")),
    "20101022", Sex.FEMALE, ("1 Trevelyan Square", "Leeds"), "LS1 6AE", "Y12345",
)  # fmt: skip
JANET = Demographics(
    (PersonName("Smythe", ("Janet",), use="usual"),),
    "20101022",
    Sex.FEMALE,
    ("2 Hill Road",),
    "LS1 6AE",
    "Y12345",
)
NOBODY_MUCH = Demographics()

NORMAL, BEFORE, RESTRICTED, INVALIDATED, MINIMAL, MISSING = (
    "9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069",
)  # fmt: skip


def sandbox() -> Records:
    """Normal, superseded, restricted, invalidated, minimal; and one that it has not."""
    records = Records()
    records.hold(NORMAL, JANE)
    records.supersede(BEFORE, NORMAL)
    records.hold(RESTRICTED, JANET, Sensitivity.RESTRICTED)
    records.hold(INVALIDATED, JANE)
    records.invalidated.add(INVALIDATED)
    records.hold(MINIMAL, NOBODY_MUCH)
    return records
