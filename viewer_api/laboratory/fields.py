"""What the page asks about a case: each field, where its value stands, and how it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ologies.case import DocumentOf, EyeDevice, Immersion, Laterality, ScaleUnit, Sex, View


class Kind(Enum):
    """How a value is written in the case."""

    TEXT = "text"
    DATE = "date"
    MOMENT = "moment"  # with the browser's zone
    NUMBER = "number"
    CHOICE = "choice"
    ANSWER = "answer"  # yes, no, or nothing
    SITE = "site"  # a coded concept


@dataclass(frozen=True, slots=True)
class Field:
    """One question."""

    path: str  # in the case (ologies.case)
    label: str
    ask: str  # said where it is missing
    kind: Kind = Kind.TEXT
    hint: str = ""
    width: int = 20  # characters
    is_number: bool = False  # a phone shows digits
    needs: str = ""  # it counts only with the value of that path

    @property
    def id(self) -> str:
        """In the page."""
        return self.path.replace(".", "-").replace("_", "-")


SEXES: Mapping[Sex, str] = {Sex.FEMALE: "Female", Sex.MALE: "Male", Sex.OTHER: "Other"}
SIDES: Mapping[Laterality, str] = {
    Laterality.LEFT: "Left",
    Laterality.RIGHT: "Right",
    Laterality.BOTH: "Both",
    Laterality.UNPAIRED: "Not one of a pair",
}
VIEWS: Mapping[View, str] = {
    View.PHOTOGRAPH: "Photograph or video",
    View.DERMOSCOPY: "Dermoscopy",
    View.ENDOSCOPY: "Endoscopy",
    View.EYE: "Eye",
    View.ULTRASOUND: "Ultrasound or echo clip",
    View.MICROSCOPE: "Microscope clip",
}
EYE_DEVICES: Mapping[EyeDevice, str] = {
    EyeDevice.FUNDUS_CAMERA: "Fundus camera",
    EyeDevice.SLIT_LAMP: "Slit lamp",
    EyeDevice.LASER_OPHTHALMOSCOPE: "Scanning laser ophthalmoscope",
    EyeDevice.EXTERNAL_CAMERA: "External camera",
}
IMMERSIONS: Mapping[Immersion, str] = {
    Immersion.GEL: "Gel",
    Immersion.ALCOHOL: "Alcohol",
    Immersion.WATER: "Water",
    Immersion.OIL: "Oil",
    Immersion.CAP: "Plastic cap",
}
DOCUMENTS: Mapping[DocumentOf, str] = {
    DocumentOf.ECG: "An ECG",
    DocumentOf.ECG_WITHOUT_SIGNAL: "An ECG whose recorder gives no signal",
    DocumentOf.SCAN: "Scanned paper, in a picture file",
}
UNITS: Mapping[ScaleUnit, str] = {
    ScaleUnit.MICROMETRE: "Micrometres",
    ScaleUnit.MILLIMETRE: "Millimetres",
    ScaleUnit.CENTIMETRE: "Centimetres",
    ScaleUnit.METRE: "Metres",
}


PERSON: Sequence[Field] = (
    Field(
        "person.nhs_number", "NHS number", "Enter the NHS number, or a hospital number",
        hint="10 digits. Leave it empty if you have only a hospital number", width=10, is_number=True,
    ),
    Field("person.identifier", "Hospital number", "Enter a hospital number, or the NHS number", width=10),
    Field(
        "person.issuer", "Hospital number given by", "Enter the code of the trust that gave the number",
        hint="The trust’s code", width=10, needs="person.identifier",
    ),
    Field("person.name.family", "Last name", "Enter the last name"),
    Field("person.name.given", "First name", "Enter the first name", needs="person.name.family"),
    Field("person.birth_date", "Date of birth", "Enter the date of birth", Kind.DATE, width=10),
    Field("person.sex", "Sex", "Choose the sex", Kind.CHOICE),
)  # fmt: skip

VISIT: Sequence[Field] = (
    Field(
        "encounter.accession", "Accession number", "Enter an accession number, or a visit number", width=10,
    ),
    Field(
        "encounter.number", "Visit number", "Enter a visit number, or an accession number",
        hint="Of the clinic or admission. Files of one visit come together", width=10,
    ),
    Field(
        "encounter.issuer", "Visit or accession number given by",
        "Enter the code of the trust that gave the number", hint="The trust’s code", width=10,
    ),
    Field("encounter.at", "When", "Enter the day and time of the visit", Kind.MOMENT, width=20),
    Field("encounter.description", "What was done", "Enter what was done", hint="Such as resting ECG"),
)  # fmt: skip

PICTURE: Sequence[Field] = (
    Field("view", "Kind of picture", "Choose the kind of picture", Kind.CHOICE),
    Field("body_site", "Part of the body", "Choose the part of the body", Kind.SITE),
    Field("laterality", "Side", "Choose the side", Kind.CHOICE),
    Field("lesion.number", "Lesion", "Enter the lesion’s number", hint="The same at each visit", width=10),
    Field("dermoscopy.polarized", "Dermoscope: polarised light", "Say whether it was", Kind.ANSWER),
    Field("dermoscopy.contact", "Dermoscope: touching the skin", "Say whether it did", Kind.ANSWER),
    Field("dermoscopy.immersion", "Dermoscope: immersion", "Choose the immersion", Kind.CHOICE),
    Field("eye_device", "Eye: taken with", "Choose what the eye was photographed with", Kind.CHOICE),
    Field("burned_in", "Clip: shows the patient’s name", "Say whether the clip shows names", Kind.ANSWER),
)  # fmt: skip

GLASS: Sequence[Field] = (
    Field("specimen.container", "Slide’s barcode", "Scan or type the slide’s barcode"),
    Field("specimen.block", "Block", "Enter the block", width=10),
    Field(
        "scan.microns_per_pixel", "Microns per pixel", "Enter the microns per pixel of the scan", Kind.NUMBER,
        hint="Only if the scanner did not write it into the file", width=5,
    ),
    Field("title", "Title of the document or model", "Enter the title", hint="Such as clinic letter"),
    Field("document", "Document: what it is of", "Choose what the document is of", Kind.CHOICE),
    Field("units", "Model: its numbers are in", "Choose the unit of the model’s numbers", Kind.CHOICE),
)  # fmt: skip

#: All of them.
FIELDS: Sequence[Field] = (*PERSON, *VISIT, *PICTURE, *GLASS)

#: Of each choice, what the case says, and its words.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "person.sex": {each.value: label for each, label in SEXES.items()},
    "laterality": {each.value: label for each, label in SIDES.items()},
    "view": {each.value: label for each, label in VIEWS.items()},
    "eye_device": {each.value: label for each, label in EYE_DEVICES.items()},
    "document": {each.value: label for each, label in DOCUMENTS.items()},
    "units": {each.value: label for each, label in UNITS.items()},
    "dermoscopy.immersion": {each.value: label for each, label in IMMERSIONS.items()},
}
