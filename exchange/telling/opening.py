"""The adapter of each kind of subscriber."""

from exchange.manifests.manifest import Here
from exchange.telling.adt import AdtReceiver
from exchange.telling.fhir import FhirListener
from exchange.telling.hl7 import Hl7Listener
from exchange.telling.mhd import MhdListener
from exchange.telling.mllp import Mllp
from exchange.telling.nrl import NrlListener
from exchange.telling.port import Listener
from exchange.telling.subscriber import Kind, Subscriber
from exchange.telling.web import Web


def open_subscriber(subscriber: Subscriber, here: Here) -> Listener | AdtReceiver:
    """Ready to be told of studies that are got here, or of patients. Raises NotHeard."""
    if subscriber.kind is Kind.ADT:
        return AdtReceiver(subscriber, Mllp(subscriber))
    return open_listener(subscriber, here)


def open_listener(subscriber: Subscriber, here: Here) -> Listener:
    """Ready to be told of what is got here. Raises NotHeard."""
    match subscriber.kind:
        case Kind.FHIR:
            return FhirListener(Web(subscriber), here)
        case Kind.MHD:
            return MhdListener(Web(subscriber), here)
        case Kind.NRL:
            return NrlListener(Web(subscriber), subscriber.manner)
        case Kind.HL7:
            return Hl7Listener(Mllp(subscriber), subscriber.manner)
        case Kind.ADT:
            raise ValueError("one of kind ADT is told of patients, not of studies")
