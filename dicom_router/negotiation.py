"""Reading an A-ASSOCIATE-RQ and writing its A-ASSOCIATE-AC (PS3.8 §9.3.2, §9.3.3), by pynetdicom's codecs."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from dicom_router.contexts import EXTENSIONS, Context, accepted, supported_contexts
from dicom_router.errors import AbortReason, ProtocolBroken
from storage.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

#: DICOM Application Context Name (PS3.7 §A.2.1).
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

#: An A-ASSOCIATE-RQ is kept whole in memory. 128 contexts with every syntax there is are 190 KB.
REQUEST_LIMIT = 256 * 1024

#: Presentation contexts have odd numbers up to 255 (PS3.8 §9.3.2.2).
CONTEXT_LIMIT = 128

#: What pynetdicom's own SCU takes, and so for a peer that does not say (PS3.8 §D.1 makes it mandatory).
UNSAID_MAX_PDU = 16382

UserInformation = (
    MaximumLengthNotification | ImplementationClassUIDNotification | ImplementationVersionNameNotification
)

FIXED_PART = 68  # from the protocol version to the reserved field before the items
_AE_TITLES = slice(10, 42)
_KNOWN_ITEMS = frozenset({0x10, 0x20, 0x21, 0x50})
_KNOWN_USER_ITEMS = frozenset(range(0x51, 0x5A))


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What a peer asks for."""

    calling: str
    called: str
    protocol_version: int
    application_context: str
    contexts: tuple[PresentationContext, ...]
    roles: dict[UID, tuple[bool | None, bool | None]]  # SOP class to (SCU, SCP), as proposed
    extended: dict[str, bytes]  # SOP class to application information, as proposed
    max_pdu: int  # the peer's Maximum Length Received, 0 for any
    implementation: str  # its version name, or class UID


def read_request(pdu: bytes) -> AssociationRequest:
    """The request in an A-ASSOCIATE-RQ PDU, header included. Raises ProtocolBroken."""
    if len(pdu) < 6 + FIXED_PART:
        raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "an A-ASSOCIATE-RQ shorter than its fixed fields")
    try:
        decoded = A_ASSOCIATE_RQ()
        decoded.decode(as_the_standard_has_it(pdu))
        primitive = decoded.to_primitive()
        contexts = tuple(primitive.presentation_context_definition_list)
        return AssociationRequest(
            calling=decoded.calling_ae_title.strip(),
            called=decoded.called_ae_title.strip(),
            protocol_version=decoded.protocol_version,
            application_context=str(decoded.application_context_name or "").rstrip("\0 "),
            contexts=_checked(contexts),
            roles=_roles(primitive),
            extended=_extended(primitive),
            max_pdu=_max_pdu(primitive),
            implementation=_implementation(primitive),
        )
    except ProtocolBroken:
        raise
    except (
        Exception
    ) as error:  # pynetdicom raises whatever its decoders meet: KeyError, AssertionError, struct.error …
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, f"an A-ASSOCIATE-RQ that cannot be read ({type(error).__name__})"
        ) from error


def negotiate(
    request: AssociationRequest, services: tuple[str, ...], private_classes: tuple[str, ...], max_pdu: int
) -> tuple[dict[int, Context], bytes]:
    """The contexts that both sides take, and the A-ASSOCIATE-AC PDU that says so."""
    results, roles = negotiate_as_acceptor(
        list(request.contexts), list(supported_contexts(services, private_classes)), request.roles
    )
    answer = A_ASSOCIATE()
    answer.application_context_name = APPLICATION_CONTEXT
    answer.calling_ae_title = request.calling
    answer.called_ae_title = request.called
    answer.result, answer.result_source = 0, 1
    answer.presentation_context_definition_results_list = results
    extended = agreed(request.extended)
    contexts = accepted(results, extended)
    taken = {context.abstract_syntax for context in contexts.values()}
    items = [_extended_item(uid, information) for uid, information in extended.items() if uid in taken]
    answer.user_information = [*our_information(max_pdu), *roles, *items]
    return contexts, A_ASSOCIATE_AC(answer).encode()


def agreed(proposed: Mapping[str, bytes]) -> dict[str, bytes]:
    """What we say yes to, of what the peer proposes for each SOP class; a class of no table has no answer."""
    return {
        uid: bytes(wanted == ours == 1 for wanted, ours in zip(information, EXTENSIONS[uid], strict=False))
        for uid, information in proposed.items()
        if uid in EXTENSIONS
    }


def _extended_item(uid: str, information: bytes) -> SOPClassExtendedNegotiation:
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = UID(uid)
    item.service_class_application_information = information
    return item


def our_information(max_pdu: int) -> list[UserInformation]:
    length = MaximumLengthNotification()
    length.maximum_length_received = max_pdu
    class_uid = ImplementationClassUIDNotification()
    class_uid.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [length, class_uid, version]


def _checked(contexts: tuple[PresentationContext, ...]) -> tuple[PresentationContext, ...]:
    numbers = [context.context_id for context in contexts]
    if not contexts or len(set(numbers)) != len(numbers):
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, "presentation contexts that are missing or share a number"
        )
    if any(not context.abstract_syntax or not context.transfer_syntax for context in contexts):
        raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "a presentation context without its syntaxes")
    return contexts


def _max_pdu(primitive: A_ASSOCIATE) -> int:
    said = [
        i.maximum_length_received
        for i in primitive.user_information
        if isinstance(i, MaximumLengthNotification)
    ]
    max_pdu = said[0] if said else UNSAID_MAX_PDU
    if 0 < max_pdu < 7:
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, "a Maximum Length Received that holds no fragment"
        )
    return max_pdu


def _implementation(primitive: A_ASSOCIATE) -> str:
    names = {type(item): item for item in primitive.user_information}
    match names.get(ImplementationVersionNameNotification), names.get(ImplementationClassUIDNotification):
        case ImplementationVersionNameNotification() as version, _ if version.implementation_version_name:
            return version.implementation_version_name
        case _, ImplementationClassUIDNotification() as class_uid:
            return str(class_uid.implementation_class_uid)
    return ""


def _roles(primitive: A_ASSOCIATE) -> dict[UID, tuple[bool | None, bool | None]]:
    items = (i for i in primitive.user_information if isinstance(i, SCP_SCU_RoleSelectionNegotiation))
    return {UID(item.sop_class_uid or ""): (item.scu_role, item.scp_role) for item in items}


def _extended(primitive: A_ASSOCIATE) -> dict[str, bytes]:
    items = (i for i in primitive.user_information if isinstance(i, SOPClassExtendedNegotiation))
    return {
        str(item.sop_class_uid or ""): item.service_class_application_information or b"" for item in items
    }


def as_the_standard_has_it(pdu: bytes) -> bytes:
    """A request, or its answer, without what a reader must overlook: NULs in titles, items of later editions.

    Items of an unknown type are ignored (PS3.8 §9.3.1, PS3.7 §D.3.3); pynetdicom fails on them.
    """
    titles = pdu[_AE_TITLES].replace(b"\0", b" ")
    items = bytearray()
    found = _items(pdu[6 + FIXED_PART :])
    if sum(kind == 0x20 for kind, _item in found) > CONTEXT_LIMIT:
        raise ProtocolBroken(
            AbortReason.INVALID_PARAMETER, "more presentation contexts than there are numbers"
        )
    for kind, item in found:
        if kind == 0x50:
            kept = b"".join(sub for sub_kind, sub in _items(item[4:]) if sub_kind in _KNOWN_USER_ITEMS)
            item = item[:2] + len(kept).to_bytes(2, "big") + kept
        if kind in _KNOWN_ITEMS:
            items += item
    head = pdu[: _AE_TITLES.start] + titles + pdu[_AE_TITLES.stop : 6 + FIXED_PART]
    return head + bytes(items)


def _items(data: bytes) -> list[tuple[int, bytes]]:
    found, offset = [], 0
    while offset < len(data):
        if len(data) - offset < 4:
            raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "an A-ASSOCIATE PDU that ends within an item")
        stop = offset + 4 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        if stop > len(data):
            raise ProtocolBroken(AbortReason.INVALID_PARAMETER, "an item longer than its A-ASSOCIATE PDU")
        found.append((data[offset], data[offset:stop]))
        offset = stop
    return found
