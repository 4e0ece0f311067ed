"""The TLS listener's context, made anew when its files change: no restart for a new certificate or list."""

import ssl
import threading
from pathlib import Path

import structlog

from dicom_router import metrics
from dicom_router.errors import TlsFailed
from dicom_router.tls.profile import TlsFiles, TlsSettingsWrong, server_context

log = structlog.get_logger()

#: A file as the file system tells it from another: where it lies, its size, when it was written.
_Stamp = tuple[int, int, int, int] | None


class ReloadedContext:
    """What each new handshake uses. Files that cannot be used leave the ones before in force.

    Sessions of before a reload cannot be resumed after it: a new context has new ticket keys.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Files that cannot be used now may be mended later; until then handshakes fail, and say why."""
        self._files = files
        self._seen: tuple[_Stamp, ...] = ()
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._look()

    def __call__(self) -> ssl.SSLContext:
        """The context in force: four calls of stat, where nothing changed. Raises TlsFailed."""
        self._look()
        if self._context is None:
            raise TlsFailed("our own TLS files cannot be used: imx check says more")
        return self._context

    def _look(self) -> None:
        stamps = self._stamps()
        if stamps != self._seen:
            with self._lock:
                if stamps != self._seen:
                    # Before the files are read: what changes meanwhile is seen the next time.
                    self._seen = stamps
                    self._reload()

    def _reload(self) -> None:
        try:
            self._context = server_context(self._files)
        except TlsSettingsWrong as error:
            metrics.TLS_RELOADS.labels("failed").inc()
            event = "tls.unusable" if self._context is None else "tls.kept_the_old"
            log.error(event, because=str(error), mend="imx check says more")
        else:
            metrics.TLS_RELOADS.labels("done").inc()
            log.info("tls.loaded", files=[path.name for path in self._files.all])

    def _stamps(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._files.all)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
