"""What the header of a DICOM object says of a person, a time and a device."""

from datetime import UTC, date, datetime

from pydicom.dataset import Dataset
from pydicom.valuerep import DT, PersonName

from ologies.case import Device, Sex
from ologies.settled import Said

#: What people and programs write where they name nobody.
_NOBODY = frozenset({"anonymous", "anonymized", "anonymised", "anon", "unknown"})


def said_by_header(dataset: Dataset) -> Said:
    """Whose it is, when and by which device it was made."""
    name = dataset.get("PatientName")
    named = name if isinstance(name, PersonName) else None
    family, given = (str(named.family_name), str(named.given_name)) if named else ("", "")
    is_nobody = family.strip().casefold() in _NOBODY or dataset.get("PatientIdentityRemoved") == "YES"
    return Said(
        identifier="" if is_nobody else str(dataset.get("PatientID") or "").strip(),
        family="" if is_nobody else family.strip(),
        given="" if is_nobody else given.strip(),
        birth_date=None if is_nobody else _day(str(dataset.get("PatientBirthDate") or "")),
        sex=None if is_nobody else _SEXES.get(str(dataset.get("PatientSex") or "")),
        at=_moment(
            str(dataset.get("AcquisitionDateTime") or ""), str(dataset.get("TimezoneOffsetFromUTC") or "")
        ),
        device=Device(
            manufacturer=_text(dataset, "Manufacturer"),
            model=_text(dataset, "ManufacturerModelName"),
            serial_number=_text(dataset, "DeviceSerialNumber"),
            software=_text(dataset, "SoftwareVersions"),
        ),
        institution=_text(dataset, "InstitutionName") or "",
    )


_SEXES = {each.value: each for each in Sex}


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _moment(text: str, zone: str) -> datetime | None:
    """DT, with the zone of the data set where it says none itself (PS3.3 §C.12.1)."""
    if len(text.strip()) < 14:
        return None
    try:
        at = datetime.fromisoformat(DT(text.strip()).isoformat())
        return at.replace(tzinfo=datetime.strptime(zone, "%z").tzinfo) if zone and at.tzinfo is None else at
    except ValueError:
        return None


def _text(dataset: Dataset, keyword: str) -> str | None:
    """What LO may hold of it, or nothing."""
    plain = "".join(
        each if each.isprintable() and each != "\\" else " " for each in str(dataset.get(keyword) or "")
    )
    return " ".join(plain.split())[:64] or None
