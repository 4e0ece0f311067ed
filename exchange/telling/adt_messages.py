"""HL7 v2.5.1 messages that tell an archive of a patient: ADT^A08 (§3.3.8), ADT^A40 (§3.3.40). Pure.

As IHE RAD TF-2 §4.12 has them (Patient Update, PIR): one patient a message, the number with the authority
that gave it out, and for a merge the number that gave way.
"""

from exchange.linking.announcing import Announcement, Trigger
from exchange.telling.hl7_segments import header, identifier, message, now, patient, segment


def adt(said: Announcement, facility: str, receiver: tuple[str, str], control_id: str) -> bytes:
    """The number is the one that the archive has; `receiver` is MSH-5 and MSH-6, `facility` MSH-4."""
    pid = patient([said.number], said.person.demographics)
    event = segment("EVN", {1: said.trigger.value, 2: now()})
    match said.trigger:
        case Trigger.UPDATE:
            kind, last = "ADT^A08^ADT_A01", segment("PV1", {2: "N"})
        case Trigger.MERGE:
            assert said.gone is not None
            kind, last = "ADT^A40^ADT_A39", segment("MRG", {1: identifier(said.gone)})
    return message([header(kind, facility, receiver, control_id), event, pid, last])
