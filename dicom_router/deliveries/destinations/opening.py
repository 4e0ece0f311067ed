"""From an entry to a destination that can be sent to."""

from dataclasses import dataclass
from pathlib import Path

from dicom_router.deliveries.destinations.dicomweb import DicomWebDestination
from dicom_router.deliveries.destinations.dimse import DimseDestination
from dicom_router.deliveries.destinations.folder import FolderDestination
from dicom_router.deliveries.destinations.orthanc import OrthancDestination
from dicom_router.deliveries.destinations.port import Destination, NotReached
from dicom_router.errors import Unreached
from dicom_router.requestor import Callee, Calling
from dicom_router.storing import Reader
from exchange.destinations import Entry, Kind
from exchange.registry import PostgresRegistry


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """Opens destinations. Threads may share it."""

    registry: PostgresRegistry
    reader: Reader
    calling: Calling
    our_title: str

    def open(self, entry: Entry) -> Destination:
        """Nothing is said to it yet. Raises NotReached where its entry is not complete."""
        match entry.kind:
            case Kind.DIMSE:
                return DimseDestination(self._callee(entry), self.our_title, self.reader, self.calling)
            case Kind.DICOMWEB:
                return DicomWebDestination(entry, self.reader)
            case Kind.ORTHANC:
                return OrthancDestination(entry, self.reader)
            case Kind.FOLDER:
                return FolderDestination(Path(entry.address), self.reader)

    def _callee(self, entry: Entry) -> Callee:
        peer = self.registry.destination(entry.address)
        if peer is None:
            raise NotReached(f"no peer {entry.address} in the registry that we can call")
        try:
            return Callee.of(peer)
        except Unreached as error:
            raise NotReached(str(error)) from error
