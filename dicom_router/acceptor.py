"""The router: it accepts connections and gives each association a thread."""

import errno
import os
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from threading import Condition, Thread
from time import monotonic
from types import MappingProxyType

import structlog

from dicom_router import metrics
from dicom_router.admission import House
from dicom_router.association import Association, CurrentContext
from dicom_router.contexts import supported_contexts
from dicom_router.peers import Peers
from dicom_router.pynetdicom_settings import set_up_pynetdicom
from dicom_router.services.table import ALWAYS, Services
from dicom_router.settings import RouterSettings
from storage.ingest import Door

log = structlog.get_logger()

#: Connections beyond the association limit that may be asking, hanging up or being told that we are full.
SPARE_THREADS = 32

#: Connections of one address that say nothing, in each process. Who has something to say does so at once, so
#: none of a busy peer's forty associations is ever counted; one address cannot hold all our threads.
SILENT_PER_ADDRESS = 16

#: A process lets one with fewer associations accept first: this long for each of its own, at most ten times.
#: Python runs one thread of a process at a time, so four senders want two processes.
COURTESY_S = 0.001

#: Pause after the system ran out of descriptors, when accept would fail again at once.
EXHAUSTED_PAUSE_S = 0.2


class Router:
    """Accepts from listening sockets that a parent opened, and that several processes may share."""

    def __init__(
        self,
        settings: RouterSettings,
        door: Door,
        peers: Peers,
        plain: Sequence[socket.socket],
        *,
        services: Services = MappingProxyType({}),
        tls: Sequence[tuple[socket.socket, CurrentContext]] = (),
    ) -> None:
        set_up_pynetdicom()
        offered = {**ALWAYS, **services}
        supported_contexts(tuple(offered), ())  # built once, before the first peer waits for it
        self._house = House(settings, door, peers, offered)
        self._listeners: dict[int, tuple[socket.socket, CurrentContext | None]] = {
            listener.fileno(): (listener, None) for listener in plain
        }
        self._listeners |= {listener.fileno(): (listener, context) for listener, context in tls}
        self._live: dict[Association, None] = {}  # the oldest first
        self._changed = Condition()
        self._grace_s: float | None = None  # set once asked to drain
        self._wake_in, self._wake_out = socket.socketpair()
        for one in (self._wake_in, self._wake_out, *(listener for listener, _ in self._listeners.values())):
            one.setblocking(False)

    @property
    def active(self) -> int:
        """How many connections are being served."""
        return len(self._live)

    def serve(self) -> None:
        """Accept until `drain` is called, then end what is there, and return."""
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        for number in self._listeners:
            poll.register(number, select.POLLIN)
        while self._grace_s is None:
            if self.active >= self._house.settings.association_limit + SPARE_THREADS:
                self._sleep(None)  # others wait in the kernel's queue until one of ours ends
                continue
            ready = [number for number, _events in poll.poll() if number in self._listeners]
            self._drain_wake()
            if ready and self.active:
                self._sleep(COURTESY_S * min(self.active, 10))
            for number in ready:
                self._accept(*self._listeners[number])
        self._finish(self._grace_s)

    def drain(self, grace_s: float) -> None:
        """Stop accepting; `serve` returns when all is ended. Callable from a signal handler or any thread.

        An association that is silent between two messages is aborted; one that works may go on for
        `grace_s`, and is aborted then.
        """
        self._house.halt.when_idle = True
        self._grace_s = grace_s
        self._wake()

    def _accept(self, listener: socket.socket, tls: CurrentContext | None) -> None:
        try:
            connection, where = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process took it, or the peer gave up
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            log.error(
                "router.exhausted", error=os.strerror(error.errno), mend="raise the limit of open files"
            )
            self._sleep(EXHAUSTED_PAUSE_S)
            return
        association = Association(connection, _address(where), self._house, tls)
        self._make_room(association.address)
        with self._changed:
            self._live[association] = None
        Thread(target=self._run, args=(association,), name="association", daemon=True).start()

    def _make_room(self, address: str) -> None:
        """Cut the silent connection of this address that came first, where there are too many."""
        with self._changed:
            neighbours = [each for each in self._live if each.address == address and not each.is_established]
        if len(neighbours) < SILENT_PER_ADDRESS:
            return
        silent = [each for each in neighbours if each.is_silent()]
        for each in silent[: max(0, len(silent) - SILENT_PER_ADDRESS + 1)]:
            metrics.CUT.inc()
            each.cut()

    def _run(self, association: Association) -> None:
        try:
            association.run()
        finally:
            with self._changed:
                self._live.pop(association, None)
                self._changed.notify_all()
            self._wake()

    def _finish(self, grace_s: float) -> None:
        if not self._wait_until_empty(grace_s):
            self._house.halt.at_once = True
            # Two ticks: one to notice, one to say so.
            if not self._wait_until_empty(2 * self._house.settings.tick_s):
                for association in list(self._live):
                    association.cut()
                self._wait_until_empty(self._house.settings.tick_s)
        log.info("router.drained", cut=self.active)
        self._wake_in.close()
        self._wake_out.close()

    def _wait_until_empty(self, patience_s: float) -> bool:
        due = monotonic() + patience_s
        with self._changed:
            return self._changed.wait_for(lambda: not self._live, timeout=max(0.0, due - monotonic()))

    def _wake(self) -> None:
        with suppress(OSError):  # full: it will wake anyway
            self._wake_out.send(b"\0")

    def _drain_wake(self) -> None:
        with suppress(OSError):
            self._wake_in.recv(4096)

    def _sleep(self, seconds: float | None) -> None:
        """Until something of ours changes, or the time is over."""
        select.select([self._wake_in], [], [], seconds)
        self._drain_wake()


def _address(where: object) -> str:
    """The peer's network address; IPv4 as such, also where the listener is IPv6."""
    if not (isinstance(where, tuple) and where):
        return "local"
    address = ip_address(str(where[0]).partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
