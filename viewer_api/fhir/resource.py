"""What each resource can be asked for, as a table: parameters are read by it, and capabilities told by it."""

from dataclasses import dataclass, field
from enum import Enum


class ParameterType(Enum):
    """FHIR R4 §3.1.1.4.3."""

    TOKEN = "token"  # noqa: S105 -- a kind of parameter
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something to search by."""

    name: str
    type: ParameterType
    says: str  # for those who write clients
    definition: str = ""  # canonical of its SearchParameter; "" for FHIR's own
    chains: tuple[str, ...] = ()  # of a reference: what of its target may be named, such as `identifier`
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """An extended operation (FHIR R4 §3.2)."""

    name: str  # without the dollar sign
    definition: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of resource, as it is served."""

    type: str
    says: str
    profiles: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    includes: tuple[str, ...] = ()  # such as "ImagingStudy:endpoint"
    reverse_includes: tuple[str, ...] = ()  # such as "DiagnosticReport:patient", of a Patient
    sorts: tuple[str, ...] = ()  # by which parameters a search may be sorted
    interactions: tuple[str, ...] = ("read", "search-type")
    operations: tuple[Operation, ...] = field(default=())
    conditional_update: bool = False  # PUT by a search, never by an id

    def parameter(self, name: str) -> Parameter | None:
        """The one that is called so."""
        return next((each for each in self.parameters if each.name == name), None)


#: Of every resource (FHIR R4 §3.1.1.4.2).
ID = Parameter("_id", ParameterType.TOKEN, "The id of a resource of ours; several after commas")
LAST_UPDATED = Parameter(
    "_lastUpdated",
    ParameterType.DATE,
    "When what we know of it changed last; let a poll look back a minute further than the last one",
)

#: Whom a resource is about.
PATIENT = Parameter(
    "patient",
    ParameterType.REFERENCE,
    "Whose it is: by the id of a Patient, or by a number with its system (patient.identifier,"
    " patient:identifier); an NHS number that is superseded finds whom it stands for now",
    chains=("identifier",),
)
SUBJECT = Parameter("subject", ParameterType.REFERENCE, "The same as patient", chains=("identifier",))
