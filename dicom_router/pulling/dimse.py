"""A PACS as a source: C-FIND says what it has (PS3.4 §C.4.1); C-MOVE, or C-GET, gives it.

Study Root, level by level, with nothing but unique keys and counts: what every PACS answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from dicom_router.acceptance import Roles
from dicom_router.commands import (
    AFFECTED_SOP_CLASS_UID,
    C_ECHO_RQ,
    C_FIND_RQ,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    MESSAGE_ID,
    MOVE_DESTINATION,
    NO_DATA_SET,
    PRIORITY,
    RESPONSE,
    Command,
    write_command,
)
from dicom_router.contexts import STUDY_ROOT_FIND, UNCOMPRESSED, VERIFICATION, Context, name_of
from dicom_router.data_sets import (
    ARGUMENT_LIMIT_BYTES,
    Members,
    NotReadable,
    encode_data_set,
    read_data_set,
    text_of,
)
from dicom_router.errors import AbortReason, AssociationError, PeerReleased, ProtocolBroken, RejectedByPeer
from dicom_router.messages import DataSet
from dicom_router.pdus import p_data
from dicom_router.proposing import Proposal
from dicom_router.pulling.errors import CutShort, SourceAway, SourceFailed
from dicom_router.pulling.source import InstanceThere, SeriesThere, StudyThere, Wanted
from dicom_router.pulling.window import Window
from dicom_router.requestor import Callee, Calling, Requested, request_association
from dicom_router.services.responses import PENDING, PENDING_UNSUPPORTED
from storage.errors import TooLarge

#: More is coming (PS3.4 §C.4.1.1.4, §C.4.2.1.5, §C.4.3.1.4).
MORE = frozenset({PENDING, PENDING_UNSUPPORTED})

#: UIDs in one request for instances: an identifier of a few kilobytes, which every PACS can take.
UIDS_AT_ONCE = 100

_STUDY, _SERIES, _CLASS, _INSTANCE = "0020000D", "0020000E", "00080016", "00080018"
_DATE, _STUDY_COUNT, _SERIES_COUNT = "00080020", "00201208", "00201209"

_MESSAGE_ID = 1  # one operation at a time on an association
_MEDIUM = 0x0000  # priority


class DimseSource:
    """The half of a source that both ways share: what it has."""

    def __init__(self, callee: Callee, our_title: str, calling: Calling) -> None:
        self.callee = callee
        self.our_title = our_title
        self.calling = calling

    def ping(self) -> None:
        """C-ECHO."""
        with self.association([Proposal(VERIFICATION, UNCOMPRESSED)]) as association:
            context = context_for(association, VERIFICATION)
            send(association, context, write_request(C_ECHO_RQ, context, has_data_set=False))
            next_response(association, C_ECHO_RQ)

    def studies(self, window: Window) -> Iterator[StudyThere]:
        """One C-FIND, its answers as they come."""
        keys = {_DATE: window.days, "00080030": window.times, _STUDY: "", _STUDY_COUNT: ""}
        with self._finding() as association:
            for found in find(association, "STUDY", keys):
                if uid := text_of(found, _STUDY):
                    yield StudyThere(uid, text_of(found, _DATE), _number(found, _STUDY_COUNT))

    def contents(self, study_uid: str) -> Sequence[SeriesThere]:
        """Its series, and of each the instances; of those that a limit cuts off, the count tells."""
        with self._finding() as association:
            keys = {_STUDY: study_uid, _SERIES: "", _SERIES_COUNT: ""}
            series = [found for found in find(association, "SERIES", keys) if text_of(found, _SERIES)]
            return [
                SeriesThere(
                    text_of(each, _SERIES),
                    _number(each, _SERIES_COUNT),
                    tuple(_instances(association, study_uid, text_of(each, _SERIES))),
                )
                for each in series
            ]

    def close(self) -> None:
        """Every association ends with what it was for."""

    @contextmanager
    def association(
        self, proposals: Sequence[Proposal], roles: Roles = MappingProxyType({})
    ) -> Iterator[Requested]:
        """With this source; what goes wrong on it is said as a source's error."""
        try:
            with request_association(
                self.callee, self.our_title, proposals, self.calling, roles=roles
            ) as association:
                yield association
        except RejectedByPeer as error:
            raise (SourceAway if error.is_transient else SourceFailed)(str(error)) from error
        except AssociationError as error:
            raise SourceAway(str(error)) from error
        except (NotReadable, TooLarge) as error:
            raise SourceFailed("an answer that cannot be read") from error

    @contextmanager
    def _finding(self) -> Iterator[Requested]:
        with self.association([Proposal(STUDY_ROOT_FIND, UNCOMPRESSED)]) as association:
            yield association


def context_for(association: Requested, abstract_syntax: str) -> Context:
    """The accepted context of a SOP class. Raises SourceFailed where there is none."""
    for context in association.contexts.values():
        if context.abstract_syntax == abstract_syntax:
            return context
    raise SourceFailed(f"the source does not offer {name_of(abstract_syntax)}")


def send(association: Requested, context: Context, command: bytes, data_set: bytes | None = None) -> None:
    """One message."""
    association.send([p_data(context.number, command, association.peer_max_pdu, data_set)])


def next_message(association: Requested) -> tuple[Context, Command]:
    """What the source says next; its data set is yet to be read."""
    came = association.messages.next_command()
    if came is None:
        raise PeerReleased("the source asked for release before it answered")
    return came


def data_set_of(association: Requested, context: Context) -> DataSet:
    """The data set of the message that was just read."""
    return DataSet(association.messages, context, association.settings)


def members_of(association: Requested, context: Context) -> Members:
    """The same, of an identifier. Raises NotReadable, and TooLarge."""
    encoded = bytearray()
    for piece in data_set_of(association, context):
        encoded += piece
        if len(encoded) > ARGUMENT_LIMIT_BYTES:
            raise TooLarge(ARGUMENT_LIMIT_BYTES)
    return read_data_set(bytes(encoded), context.transfer_syntax)


def find(association: Requested, level: str, keys: Mapping[str, str]) -> Iterator[Members]:
    """The answers to one C-FIND; then CutShort, or SourceFailed, where it did not end well."""
    context = context_for(association, STUDY_ROOT_FIND)
    send(association, context, write_request(C_FIND_RQ, context), identifier(context, level, keys))
    while True:
        where, command = next_response(association, C_FIND_RQ)
        found = members_of(association, where) if command.has_data_set else None
        if command.status not in MORE:
            require_end("C-FIND", command)
            return
        if found is not None:
            yield found


def next_response(association: Requested, field: int) -> tuple[Context, Command]:
    """The next response to the operation under way."""
    where, command = next_message(association)
    if command.field != field | RESPONSE:
        raise ProtocolBroken(AbortReason.UNEXPECTED_PARAMETER, "a response to nothing that we asked")
    return where, command


def require_end(what: str, command: Command) -> None:
    """Raises CutShort or SourceFailed for a final status other than success."""
    if command.status == 0x0000:
        return
    said = said_of(what, command)
    is_cut = command.status in (0xA700, 0xFE00) or (command.status or 0) >> 12 == 0xB
    raise CutShort(said) if is_cut else SourceFailed(said)


def said_of(what: str, command: Command) -> str:
    """A final status, in the source's words."""
    comment = f" ({command.comment})" if command.comment else ""
    return f"{what} ended 0x{command.status or 0:04X}{comment}"


def write_request(field: int, context: Context, *, has_data_set: bool = True, destination: str = "") -> bytes:
    """The command set of a request (PS3.7 §9.3)."""
    elements: dict[int, int | str] = {
        AFFECTED_SOP_CLASS_UID: context.abstract_syntax,
        COMMAND_FIELD: field,
        MESSAGE_ID: _MESSAGE_ID,
        MOVE_DESTINATION: destination + " " * (len(destination) % 2),
    }
    if has_data_set:
        elements[PRIORITY] = _MEDIUM
    elements[COMMAND_DATA_SET_TYPE] = 0x0001 if has_data_set else NO_DATA_SET
    return write_command(elements)


def identifier(context: Context, level: str, keys: Mapping[str, str]) -> bytes:
    """Of a request: the level, and keys by tag (PS3.4 §C.4.1.1.3)."""
    data_set = Dataset()
    data_set.QueryRetrieveLevel = level
    for tag, value in keys.items():
        setattr(data_set, keyword_for_tag(tag), value.split("\\") if "\\" in value else value or None)
    return encode_data_set(data_set, context.transfer_syntax)


def asked_for(study_uid: str, series: Wanted) -> Iterator[tuple[str, dict[str, str]]]:
    """Level and keys of the requests that fetch what is wanted of a series (PS3.4 §C.4.2.2.1)."""
    keys = {_STUDY: study_uid, _SERIES: series.series_uid}
    if series.is_whole:
        yield "SERIES", keys
        return
    uids = [instance.uid for instance in series.instances]
    for start in range(0, len(uids), UIDS_AT_ONCE):
        yield "IMAGE", {**keys, _INSTANCE: "\\".join(uids[start : start + UIDS_AT_ONCE])}


def _instances(association: Requested, study_uid: str, series_uid: str) -> Iterator[InstanceThere]:
    keys = {_STUDY: study_uid, _SERIES: series_uid, _INSTANCE: "", _CLASS: ""}
    try:
        for found in find(association, "IMAGE", keys):
            if uid := text_of(found, _INSTANCE):
                yield InstanceThere(uid, text_of(found, _CLASS))
    except CutShort:
        return  # what is missing from the list shows in the count of the series


def _number(members: Members, tag: str) -> int | None:
    text = text_of(members, tag)
    return int(text) if text.isascii() and text.isdigit() else None
