"""The TLS listener's context, made anew when its files change: no restart for a new certificate or list."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from dicom_router import metrics
from dicom_router.tls import TlsFiles, TlsSettingsWrong, server_context

log = structlog.get_logger()

#: A file as the file system tells it from another: where it lies, its size, when it was written.
_Stamp = tuple[int, int, int, int] | None


class ReloadedContext:
    """What each new handshake uses. Files that cannot be used leave the ones before in force.

    Sessions of before a reload cannot be resumed after it: a new context has new ticket keys.
    """

    def __init__(self, files: TlsFiles, make: Callable[[TlsFiles], ssl.SSLContext] = server_context) -> None:
        """Raises TlsSettingsWrong."""
        self._files = files
        self._make = make
        self._seen = self._stamps()  # before the files are read: what changes meanwhile is seen next time
        self._context = make(files)
        self._lock = threading.Lock()

    def __call__(self) -> ssl.SSLContext:
        """The context in force. Four calls of stat, where nothing changed."""
        stamps = self._stamps()
        if stamps != self._seen:
            with self._lock:
                if stamps != self._seen:
                    self._seen = stamps
                    self._reload()
        return self._context

    def _reload(self) -> None:
        try:
            self._context = self._make(self._files)
        except TlsSettingsWrong as error:
            metrics.TLS_RELOADS.labels("failed").inc()
            log.error("tls.kept_the_old", because=str(error), mend="imx check says more")
        else:
            metrics.TLS_RELOADS.labels("done").inc()
            log.info("tls.reloaded", files=[path.name for path in self._files.all])

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._files.all)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
