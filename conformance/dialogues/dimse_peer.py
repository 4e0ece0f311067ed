"""A DICOM application entity to talk to, by pynetdicom: another implementation than ours."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association

from conformance.dialogues.material import Sent
from conformance.dialogues.verdicts import Broken, NotAsked, NotOffered, Unreachable, hold
from dicom_router.contexts import STUDY_ROOT_FIND, VERIFICATION

SUCCESS, PENDING = 0x0000, (0xFF00, 0xFF01)
NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_PATIENCE_S = 60
_ADDRESS = re.compile(r"(?P<title>[^@]{1,16})@(?P<host>[^@:]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")

Handler = tuple[Any, Callable[..., Any]]


@dataclass
class DimsePeer:
    """Where it is, who we say we are, and what we sent to it."""

    title: str
    host: str
    port: int
    calling: str
    sent: Sent | None = None
    _example: Dataset | None = field(default=None, repr=False)

    @contextmanager
    def association(
        self,
        classes: Sequence[str],
        *,
        called: str | None = None,
        handlers: Sequence[Handler] = (),
        scp: bool = False,
    ) -> Iterator[Association]:
        """One, released at the end. With `scp`, the peer may send instances of the classes to us.

        Raises NotOffered where none of the classes is taken, Broken where the association is not.
        """
        made = self.request(classes, called=called, handlers=handlers, scp=scp)
        try:
            if made.is_rejected:
                raise Broken("it rejects the association")
            if not made.is_established and made.rejected_contexts and not made.accepted_contexts:
                raise NotOffered("the SOP class is not taken")
            hold(made.is_established, "no association comes about")
            if not {str(each.abstract_syntax) for each in made.accepted_contexts} & set(classes):
                raise NotOffered("the SOP class is not taken")
            yield made
        finally:
            if made.is_established:
                made.release()

    def request(
        self,
        classes: Sequence[str],
        *,
        called: str | None = None,
        handlers: Sequence[Handler] = (),
        scp: bool = False,
    ) -> Association:
        """Whatever comes of it."""
        ours = AE(self.calling)
        ours.acse_timeout = ours.dimse_timeout = ours.network_timeout = ours.connection_timeout = _PATIENCE_S
        for each in classes:
            ours.add_requested_context(each, NATIVE)
        roles: list[Any] = [build_role(each, scp_role=True, scu_role=True) for each in classes] if scp else []
        return ours.associate(
            self.host,
            self.port,
            ae_title=called or self.title,
            ext_neg=roles or None,
            evt_handlers=list(handlers),
        )

    def find(self, keys: Dataset, model: str = STUDY_ROOT_FIND) -> tuple[list[Dataset], int]:
        """What is answered, and the last status."""
        with self.association([model]) as association:
            found, last = [], -1
            for status, identifier in association.send_c_find(keys, model):
                last = int(status.Status) if "Status" in status else -1
                if last in PENDING:
                    if identifier is None:
                        raise Broken("a pending answer without a data set")
                    found.append(identifier)
            hold(last != -1, "the association ends in the middle of the answers")
            return found, last

    def matches(self, keys: Dataset, model: str = STUDY_ROOT_FIND) -> list[Dataset]:
        """The same, where it ends with success."""
        found, last = self.find(keys, model)
        hold(last == SUCCESS, f"the last status is {last:#06x}")
        return found

    def example(self) -> Dataset:
        """The UIDs of an instance, and more: of what we sent, else of something it has. Raises NotAsked."""
        if self._example is None:
            self._example = self._find()
        return self._example

    def _find(self) -> Dataset:
        whose = self.sent.study_uid if self.sent else ""
        for study in self.matches(
            keys("STUDY", StudyInstanceUID=whose, PatientID="", StudyDate="", ModalitiesInStudy="")
        ):
            series_keys = keys(
                "SERIES", StudyInstanceUID=study.StudyInstanceUID, SeriesInstanceUID="", Modality=""
            )
            for series in self.matches(series_keys):
                instances = self.matches(
                    keys(
                        "IMAGE",
                        StudyInstanceUID=study.StudyInstanceUID,
                        SeriesInstanceUID=series.SeriesInstanceUID,
                        SOPInstanceUID="",
                        SOPClassUID="",
                    )
                )
                if instances and instances[0].get("SOPClassUID"):
                    study.update(series)
                    study.update(instances[0])
                    return study
        raise NotAsked("it has nothing; --write sends something")


def keys(level: str, **values: str) -> Dataset:
    """The identifier of a query (PS3.4 §C.4.1.1.3)."""
    asked = Dataset()
    asked.QueryRetrieveLevel = level
    for keyword, text in values.items():
        setattr(asked, keyword, text)
    return asked


def storage_handler(received: list[Dataset]) -> Handler:
    """Answers success, and keeps what came in memory."""

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        return SUCCESS

    return evt.EVT_C_STORE, keep


def reach(address: str, calling: str) -> DimsePeer:
    """A peer that takes an association of ours. Raises Unreachable."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise Unreachable(f"{address!r} is not AET@host:port")
    peer = DimsePeer(found["title"], found["host"].strip("[]"), int(found["port"]), calling)
    made = peer.request([VERIFICATION])
    if made.is_rejected:
        raise Unreachable(f"{address} rejects an association of {calling}: is it a peer there? (--calling)")
    if not made.is_established:
        raise Unreachable(f"{address} takes no association")
    made.release()
    return peer
