"""The TLS files of a set-up: whether they can be used, what is in them, and when it ends."""

import threading
from datetime import UTC, datetime

import structlog

from dicom_router.tls.client import TlsClient
from dicom_router.tls.papers import Paper, papers_of
from dicom_router.tls.profile import TlsFiles, TlsSettingsWrong, server_context
from imx.errors import SetupError
from imx.metrics import TLS_ENDS
from imx.settings import TlsSettings

log = structlog.get_logger()

#: The worker looks this often, and says what is ending once a day.
LOOK_S = 3600.0
_LOOKS_A_DAY = 24


class BadCertificate(SetupError):
    """A certificate, its key, an authorities or a revocations file cannot be used."""


def tls_files(settings: TlsSettings) -> TlsFiles | None:
    """Of the TLS listener; None where there is no certificate for it."""
    if settings.certificate is None:
        return None
    key = settings.key or settings.certificate
    return TlsFiles(settings.certificate, key, settings.authorities, settings.revocations)


def check_tls(settings: TlsSettings) -> None:
    """Before a service begins. Raises BadCertificate."""
    files = tls_files(settings)
    if files is not None:
        usable_papers(files)


def tls_client(settings: TlsSettings) -> TlsClient:
    """What we show, and whom we believe, where we call a peer over TLS."""
    key = settings.key or settings.certificate
    return TlsClient(settings.certificate, key, settings.authorities, settings.revocations)


def usable_papers(files: TlsFiles) -> list[Paper]:
    """Everything in them, once a listener could use them. Raises BadCertificate."""
    try:
        server_context(files)
        return papers_of(files)
    except TlsSettingsWrong as error:
        raise BadCertificate(str(error)) from error


def keep_watching(settings: TlsSettings, stop: threading.Event) -> None:
    """Say in the log, once a day, and in the metrics what is about to end."""
    files = tls_files(settings)
    if files is None:
        return
    looks = 0
    while True:
        note_ends(files, datetime.now(UTC), is_loud=looks % _LOOKS_A_DAY == 0)
        looks += 1
        if stop.wait(LOOK_S):
            return


def note_ends(files: TlsFiles, now: datetime, *, is_loud: bool) -> None:
    """The first end of each kind as a metric; what is ending, in the log."""
    try:
        papers = usable_papers(files)
    except BadCertificate as error:
        log.error("tls.unusable", because=str(error), mend="imx check says more")
        return
    for kind in {paper.kind for paper in papers}:
        ends = [paper.ends_at.timestamp() for paper in papers if paper.kind is kind and paper.ends_at]
        if ends:
            TLS_ENDS.labels(kind.value).set(min(ends))
    for paper in papers:
        if is_loud and paper.ends_at is not None and paper.is_ending(now):
            log.warning(
                "tls.ended" if paper.is_ended(now) else "tls.ending",
                kind=paper.kind.value, name=paper.name, file=paper.file.name, at=paper.ends_at.isoformat(),
            )  # fmt: skip
