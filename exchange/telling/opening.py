"""The adapter of each kind of subscriber."""

from dataclasses import dataclass

from exchange.telling.fhir import FhirListener
from exchange.telling.port import Listener
from exchange.telling.subscriber import Kind, Subscriber
from exchange.telling.web import Web


@dataclass(frozen=True, slots=True)
class Here:
    """Under which address readers reach this service."""

    public_url: str

    @property
    def dicomweb(self) -> str:
        """Its DICOMweb service."""
        return f"{self.public_url.rstrip('/')}/dicom-web"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Opens whoever is to be told."""

    here: Here

    def open(self, subscriber: Subscriber) -> Listener:
        """Ready to be told. Raises NotHeard."""
        match subscriber.kind:
            case Kind.FHIR:
                return FhirListener(Web(subscriber), self.here.dicomweb)
