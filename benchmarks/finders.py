"""A C-FIND SCU of our own, so plain that its time is the SCP's: bytes in, statuses counted, no data set read.

findscu and pynetdicom decode, print and log every answer; timed with them, a fast SCP looks like a slow one.
findscu is here too, as Debian ships it: what a whole query costs somebody who has that.
"""

import socket
import struct
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass

from benchmarks.senders import Address, Tuning
from dicom_router.commands import STATUS, split
from dicom_router.contexts import STUDY_ROOT_FIND
from dicom_router.pdus import IS_COMMAND, IS_LAST, PDU_HEADER, PDV_HEADER, PduType
from dicom_router.services.identifier import to_identifier
from storage.elements import IMPLICIT_LITTLE
from storage.query import Query
from tests.dicom_router.raw_peer import association_request, command, last_command, last_data, p_data

_C_FIND_RQ = 0x0020
_PENDING = (0xFF00, 0xFF01)
_PATIENCE_S = 120.0


class NotFound(Exception):
    """A peer that did not answer the query to its end: its time would mean nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """One query's answer, on an association that was there before."""

    matches: int
    seconds: float  # from the request's first byte to the last response's last


class Finder:
    """An association for queries, on a socket as the system makes it or one with TCP_NODELAY. Close it."""

    def __init__(self, to: Address, calling: str, tuning: Tuning) -> None:
        self._socket = socket.create_connection((to.host, to.port), timeout=_PATIENCE_S)
        if tuning is Tuning.TUNED:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        contexts = ((STUDY_ROOT_FIND, (IMPLICIT_LITTLE,)),)
        self._socket.sendall(association_request(calling, to.ae_title, contexts, max_pdu=128 * 1024))
        kind, _body = self._pdu()
        if kind != PduType.ASSOCIATE_AC:
            raise NotFound(f"{to.ae_title} does not accept the association")

    def close(self) -> None:
        """Hang up without a word: nobody is timed any more."""
        self._socket.close()

    def find(self, query: Query) -> Found:
        """Ask, and read every response. Raises NotFound."""
        asked = p_data(last_command(command(_C_FIND_RQ, 1, data=True, sop=STUDY_ROOT_FIND)))
        asked += p_data(last_data(to_identifier(query, IMPLICIT_LITTLE)))
        started = time.perf_counter()
        self._socket.sendall(asked)
        matches = 0
        while (status := self._status()) in _PENDING:
            matches += 1
        seconds = time.perf_counter() - started
        if status != 0:
            raise NotFound(f"the query ended with {status:04X}")
        return Found(matches, seconds)

    def _status(self) -> int:
        """Of the next response, whose data set is passed over."""
        encoded = b""
        while True:
            kind, body = self._pdu()
            if kind != PduType.P_DATA_TF:
                raise NotFound(f"a PDU of type {kind} while answering")
            place = 0
            while place < len(body):
                length, _context, control = PDV_HEADER.unpack_from(body, place)
                if control & IS_COMMAND:
                    encoded += body[place + PDV_HEADER.size : place + 4 + length]
                    if control & IS_LAST:
                        elements = split(encoded)
                        (status,) = struct.unpack("<H", elements[STATUS])
                        if status not in _PENDING:
                            return int(status)
                elif control & IS_LAST:
                    return _PENDING[0]
                place += 4 + length

    def _pdu(self) -> tuple[int, bytes]:
        kind, length = PDU_HEADER.unpack(self._exactly(PDU_HEADER.size))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < count:
            piece = self._socket.recv(256 * 1024)
            if not piece:
                raise NotFound("the peer hung up while answering")
            buffer += piece
        taken = bytes(buffer[:count])
        del buffer[:count]
        return taken


def ask_raw(query: Query, to: Address, calling: str, tuning: Tuning) -> Found:
    """One query on an association of its own, timed once that is open."""
    with closing(Finder(to, calling, tuning)) as finder:
        return finder.find(query)


def ask_findscu(query: Query, to: Address, calling: str, tuning: Tuning) -> Found:
    """One query by findscu, timed from its start to its end. Raises NotFound."""
    with tempfile.NamedTemporaryFile(suffix=".dcm") as keys:
        keys.write(to_identifier(query, IMPLICIT_LITTLE))
        keys.flush()
        titles = ("-aet", calling, "-aec", to.ae_title)
        command = [*tuning.command, "findscu", "-v", "-S", *titles, to.host, str(to.port), keys.name]
        started = time.perf_counter()
        heard = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S)
        seconds = time.perf_counter() - started
    if heard.returncode != 0:
        raise NotFound(f"findscu ends with {heard.returncode}")
    said = heard.stdout + heard.stderr
    return Found(said.count("(Pending"), seconds)
