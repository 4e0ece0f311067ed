"""The case: whose a file is, and what it was made for.

It comes as JSON beside the file, from a form, or from an order; docs/wrapping.md shows one. Everything but
the file's own bytes is here, so that a converter invents nothing.
"""

from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ologies.errors import BadCase
from ologies.nhs_number import NHS_NUMBER_ISSUER, is_nhs_number

#: A case is a page of text.
CASE_LIMIT_BYTES = 256 * 1024

#: LO without what PS3.5 §6.2 forbids in it: no backslash, no control character.
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\\\x00-\x1f\x7f]*$"),
]
LongText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1024, pattern=r"^[^\\\x00-\x1f\x7f]*$"),
]

#: UI (PS3.5 §9.1).
Uid = Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9]+(\.[0-9]+)+$")]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class Sex(Enum):
    """Patient's Sex (0010,0040)."""

    MALE = "M"
    FEMALE = "F"
    OTHER = "O"


class Laterality(Enum):
    """Laterality (0020,0060), Image Laterality (0020,0062)."""

    RIGHT = "R"
    LEFT = "L"
    BOTH = "B"
    UNPAIRED = "U"


class View(Enum):
    """What a picture was taken with."""

    PHOTOGRAPH = "photograph"
    DERMOSCOPY = "dermoscopy"
    ENDOSCOPY = "endoscopy"
    EYE = "eye"
    ULTRASOUND = "ultrasound"  # a clip: an echo
    MICROSCOPE = "microscope"  # a clip


class DocumentOf(Enum):
    """What a document is of, where that matters."""

    ECG = "ecg"
    ECG_WITHOUT_SIGNAL = "ecg without signal"  # its recorder gives no other file of it
    SCAN = "scan"  # a picture file of paper


class ScaleUnit(Enum):
    """What one is worth in a model: PS3.16 CID 7063, by its UCUM code."""

    MICROMETRE = "um"
    MILLIMETRE = "mm"
    CENTIMETRE = "cm"
    METRE = "m"


class EyeDevice(Enum):
    """Acquisition Device Type (0022,0015), PS3.16 CID 4202; the value is how a case says it."""

    FUNDUS_CAMERA = "fundus camera"
    SLIT_LAMP = "slit lamp"
    LASER_OPHTHALMOSCOPE = "scanning laser ophthalmoscope"
    EXTERNAL_CAMERA = "external camera"


class Immersion(Enum):
    """Immersion Media (0016,1004)."""

    GEL = "ULTRASOUND_GEL"
    ALCOHOL = "ALCOHOL"
    WATER = "WATER"
    OIL = "MINERAL_OIL"
    CAP = "PLASTIC_CAP"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(_Part):
    """A coded concept (PS3.3 §8.8)."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]+$")]
    scheme: Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]+$")] = "SCT"
    meaning: Text


class Name(_Part):
    """A person's name in its components (PS3.5 §6.2.1)."""

    family: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\\^=\x00-\x1f]*$")
    ]
    given: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\\^=\x00-\x1f]*$")
    ] = ""

    def as_pn(self) -> str:
        """As DICOM writes it."""
        return f"{self.family}^{self.given}"


class Identifier(_Part):
    """What somebody is called, and by whom."""

    value: Text
    issuer: Text


class Person(_Part):
    """Whose it is: an identifier counts only with its issuer, an NHS number by itself."""

    identifier: Text | None = None
    issuer: Text | None = None
    nhs_number: str | None = None
    goes_by: Identifier | None = None  # what the study that it joins calls them
    name: Name | None = None
    birth_date: date | None = None
    sex: Sex | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if self.nhs_number is not None and not is_nhs_number(self.nhs_number):
            raise ValueError("nhs_number is not one: ten digits, the last of which checks the others")
        if (self.identifier is None) != (self.issuer is None):
            raise ValueError("an identifier counts only with its issuer: give both, or neither")
        return self

    def identifiers(self) -> tuple[tuple[str, str], ...]:
        """Each with its issuer; first the Patient ID: what their study, else their trust calls them."""
        goes_by = (self.goes_by.value, self.goes_by.issuer) if self.goes_by else None
        own = (self.identifier, self.issuer) if self.identifier and self.issuer else None
        nhs = (self.nhs_number, NHS_NUMBER_ISSUER) if self.nhs_number else None
        return tuple(dict.fromkeys(each for each in (goes_by, own, nhs) if each))

    def patient_id(self) -> tuple[str, str] | None:
        """Patient ID and its issuer."""
        return next(iter(self.identifiers()), None)


class Encounter(_Part):
    """What it was made for. One encounter makes one study; a later file of it joins that study."""

    number: Text | None = None  # of the visit or admission, in the trust that `issuer` names
    accession: Annotated[Text, StringConstraints(max_length=16)] | None = None
    issuer: Text | None = None  # of both numbers; the trust's ODS code
    study_uid: Uid | None = None
    at: datetime | None = None
    description: Text | None = None
    reason: LongText | None = None
    requested_by: Name | None = None
    requesting_department: Text | None = None
    performed_by: Name | None = None
    institution: Text | None = None
    department: Text | None = None

    @model_validator(mode="after")
    def _numbers_count_somewhere(self) -> Self:
        if (self.number or self.accession) and not self.issuer:
            raise ValueError("a visit or accession number counts only with its issuer")
        return self


class Device(_Part):
    """What made it."""

    manufacturer: Text | None = None
    model: Text | None = None
    serial_number: Text | None = None
    software: Text | None = None


class Lesion(_Part):
    """One that is followed over visits (PS3.3 §C.8.12.12): the same number each time."""

    number: Text
    uid: Uid | None = None


class Dermoscopy(_Part):
    """How a dermoscope was used; empty where nobody says."""

    polarized: bool | None = None
    contact: bool | None = None
    immersion: Immersion | None = None
    magnification: Annotated[float, Field(gt=0, le=1000)] | None = None
    recognizable: bool = False  # a face, a tattoo: Recognizable Visual Features (0016,0004)


class Specimen(_Part):
    """What lies on the glass (PS3.3 §C.7.6.22); `issuer` names the laboratory whose numbers these are."""

    container: Text | None = None  # the slide's own barcode
    identifier: Text | None = None  # of the section on it; the slide's where nobody says another
    issuer: Text | None = None  # the encounter's where nobody says another
    block: Text | None = None  # that it was cut from
    kind: Code | None = None
    stains: tuple[Code, ...] = ()
    description: Text | None = None


class Scan(_Part):
    """How a slide was scanned, where its file does not say."""

    microns_per_pixel: Annotated[float, Field(gt=0.001, le=100)] | None = None  # of the largest level
    objective: Annotated[float, Field(gt=0, le=1000)] | None = None  # its power


class SlideFacts(_Part):
    """The base level of the slide that annotations are of; its header says all but the last."""

    study_uid: Uid | None = None
    series_uid: Uid | None = None
    instance_uid: Uid | None = None
    columns: Annotated[int, Field(gt=0, lt=2**32)] | None = None  # of the total pixel matrix
    rows: Annotated[int, Field(gt=0, lt=2**32)] | None = None
    microns_per_pixel: tuple[_Positive, _Positive] | None = None  # across, down
    #: Hamamatsu: of the picture's centre from the slide's, in nanometres across and down.
    centre_offset_nm: tuple[_Finite, _Finite] | None = None


class Property(_Part):
    """What a class of annotations is (PS3.16 CID 7150 and 7151)."""

    category: Code
    type: Code


class Algorithm(_Part):
    """The program that found what no person drew (PS3.3 §10.16, PS3.16 CID 7162)."""

    name: Text
    version: Text
    family: Code


class Annotations(_Part):
    """What is known of a file of annotations besides itself."""

    label: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_ ]{1,16}$")] | None = None
    classes: dict[str, Property] = {}  # by the name that the file has
    algorithm: Algorithm | None = None


class Case(_Part):
    """All that is said of a file, or of several of one encounter."""

    person: Person = Person()
    encounter: Encounter = Encounter()
    body_site: Code | None = None
    laterality: Laterality | None = None
    view: View = View.PHOTOGRAPH
    burned_in: bool | None = None  # whether a clip shows names: Burned In Annotation (0028,0301)
    lesion: Lesion | None = None
    dermoscopy: Dermoscopy = Dermoscopy()
    eye_device: EyeDevice | None = None
    device: Device = Device()
    specimen: Specimen = Specimen()
    scan: Scan = Scan()
    title: Text | None = None  # of a document, or of a model
    document: DocumentOf | None = None
    units: ScaleUnit | None = None  # of a model
    slide: SlideFacts = SlideFacts()
    annotations: Annotations = Annotations()


def read_case(path: Path) -> Case:
    """The JSON beside a file. Raises BadCase, which names fields and never their values."""
    try:
        with path.open("rb") as file:
            text = file.read(CASE_LIMIT_BYTES + 1)
    except OSError as error:
        raise BadCase(f"{path}: {error.strerror}") from error
    if len(text) > CASE_LIMIT_BYTES:
        raise BadCase(f"{path} is longer than a case is ({CASE_LIMIT_BYTES:,} bytes)")
    return parse_case(text)


def parse_case(text: bytes) -> Case:
    """A case from JSON. Raises BadCase."""
    try:
        return Case.model_validate_json(text)
    except ValidationError as error:
        raise BadCase("; ".join(_said(each["loc"], each["msg"]) for each in error.errors())) from None


def _said(where: tuple[int | str, ...], what: str) -> str:
    return f"{'.'.join(map(str, where)) or 'the case'}: {what.removeprefix('Value error, ')}"


def moment_text(at: datetime) -> tuple[str, str, str | None]:
    """DA, TM, and Timezone Offset From UTC (0008,0201) where the time says it (PS3.5 §6.2)."""
    offset = at.strftime("%z")[:5] if at.tzinfo is not None else None
    if at.tzinfo is UTC:
        offset = "+0000"
    fraction = f".{at.microsecond:06}" if at.microsecond else ""
    return at.strftime("%Y%m%d"), at.strftime("%H%M%S") + fraction, offset
