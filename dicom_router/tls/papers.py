"""What the TLS files hold, and when each of it ends: certificates, authorities, revocation lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from dicom_router.tls.profile import TlsFiles, TlsSettingsWrong

#: What ends sooner than this is time to renew; a revocation list, whose life is short, in its last quarter.
NOTICE = timedelta(days=30)

_CRL = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.S)


class PaperKind(Enum):
    """What it is for."""

    CERTIFICATE = "certificate"  # ours, and its chain
    AUTHORITY = "authority"
    REVOCATIONS = "revocation list"


@dataclass(frozen=True, slots=True)
class Paper:
    """One certificate or revocation list."""

    kind: PaperKind
    name: str  # of its subject; a list's issuer
    file: Path
    begins_at: datetime
    ends_at: datetime | None  # None: never

    def is_ended(self, now: datetime) -> bool:
        """It counts no longer."""
        return self.ends_at is not None and self.ends_at <= now

    def is_ending(self, now: datetime) -> bool:
        """It is time to renew it."""
        if self.ends_at is None:
            return False
        notice = NOTICE
        if self.kind is PaperKind.REVOCATIONS:
            notice = min(NOTICE, (self.ends_at - self.begins_at) / 4)
        return self.ends_at - now < notice


def papers_of(files: TlsFiles) -> list[Paper]:
    """Everything in them. Raises TlsSettingsWrong."""
    found = [*_certificates(files.certificate, PaperKind.CERTIFICATE)]
    if files.authorities is not None:
        found += _certificates(files.authorities, PaperKind.AUTHORITY)
    if files.revocations is not None:
        found += _lists(files.revocations)
    return found


def without_list(papers: list[Paper]) -> list[str]:
    """Where there are revocation lists, the authorities of which there is none: their peers are refused."""
    listed = {each.name for each in papers if each.kind is PaperKind.REVOCATIONS}
    authorities = {each.name for each in papers if each.kind is PaperKind.AUTHORITY}
    return sorted(authorities - listed) if listed else []


def _certificates(path: Path, kind: PaperKind) -> Iterator[Paper]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(f"{path} holds no certificates that can be read") from error
    for each in found:
        yield Paper(kind, _name(each.subject), path, each.not_valid_before_utc, each.not_valid_after_utc)


def _lists(path: Path) -> Iterator[Paper]:
    try:
        found = [x509.load_pem_x509_crl(block) for block in _CRL.findall(path.read_bytes())]
    except (OSError, ValueError) as error:
        raise TlsSettingsWrong(f"{path} holds no revocation lists that can be read") from error
    if not found:
        raise TlsSettingsWrong(f"{path} holds no revocation lists")
    for each in found:
        yield Paper(
            PaperKind.REVOCATIONS, _name(each.issuer), path, each.last_update_utc, each.next_update_utc
        )


def _name(name: x509.Name) -> str:
    """Its common name; all of it where there is none."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()
