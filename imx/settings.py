"""The settings, in small parts. Read once, by `configuration.read`; passed on from there.

Every value can be set in the TOML file (`[section] name = value`), in the environment
(IMX_SECTION_NAME) and, for some, by a flag; the later of these wins. A `Secret` can also be read from
a file of its own (`name_file`, IMX_SECTION_NAME_FILE).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NewType

from dicom_router.settings import RouterSettings
from exchange.backoff import Patience
from exchange.sessions import Lasting
from storage.commitment import CommitmentSettings
from storage.upload import UploadSettings
from storage.withdrawal import WithdrawalSettings

#: Bytes. Written as a number or with a unit: "5 GB", "512 MiB".
Size = NewType("Size", int)

#: As browsers send it (RFC 6454 §6.2).
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

#: Patients' numbers are in them.
_WITHIN_TLS = re.compile(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/]")

GB = 1000**3
DAY_S = 24 * 60 * 60.0


class Source(Enum):
    """Where a value came from."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is never printed."""

    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DicomSettings:
    """The DIMSE edge. What is not said here, RouterSettings says."""

    host: str = "0.0.0.0"  # noqa: S104 -- modalities are elsewhere; unknown ones are refused
    port: int = 11112  # IANA's for DICOM
    processes: int = field(default_factory=lambda: min(os.cpu_count() or 1, 4))
    ae_title: str = RouterSettings.ae_title
    other_titles: tuple[str, ...] = RouterSettings.other_titles
    max_pdu: Size = Size(RouterSettings.max_pdu)
    association_limit: int = RouterSettings.association_limit
    associations_per_peer: int = RouterSettings.associations_per_peer
    artim_s: float = RouterSettings.artim_s
    idle_s: float = RouterSettings.idle_s
    stall_s: float = RouterSettings.stall_s
    slowest_bytes_per_s: int = RouterSettings.slowest_bytes_per_s
    discard_s: float = RouterSettings.discard_s

    def __post_init__(self) -> None:
        if not 1 <= self.processes <= 64:
            raise ValueError("dicom.processes is from 1 to 64")


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """The DICOM TLS listener (PS3.15 §B.12). Off until there is a certificate and its key.

    Files that change are read again, without a restart.
    """

    certificate: Path | None = None  # PEM, with the chain
    key: Path | None = None
    authorities: Path | None = None  # PEM: who signs our peers' certificates; then they must show one
    revocations: Path | None = None  # PEM: the lists of what those authorities revoked, one of each
    port: int = 2762


@dataclass(frozen=True, kw_only=True)
class Hl7Settings:
    """Where people, orders and reports come in, by HL7 v2 over MLLP. Closed until a port is set (imx hl7)."""

    host: str = "0.0.0.0"  # noqa: S104 -- the trusts' systems are elsewhere; unknown ones are refused
    port: int | None = None  # such as 2575, IANA's for HL7
    tls_port: int | None = None  # with the certificate of [tls]

    @property
    def is_set(self) -> bool:
        """Whether anything comes in by HL7."""
        return self.port is not None or self.tls_port is not None


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """Where the HTTP edge listens. Beyond this machine it belongs behind a proxy that speaks TLS."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # scheme and host that readers use, behind a proxy
    proxies: tuple[str, ...] = ("127.0.0.1", "::1")  # addresses whose X-Forwarded-For and -Proto are believed
    #: Origins of other viewers' pages, which may call us with a token: https://viewer.example.
    cors_origins: tuple[str, ...] = ()
    processes: int = 1  # more for many readers at once: each keeps a core busy

    def __post_init__(self) -> None:
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("http.cors_origins are exact: a scheme, a host, a port perhaps, and no *")
        if not 1 <= self.processes <= 64:
            raise ValueError("http.processes is from 1 to 64")


@dataclass(frozen=True, kw_only=True)
class OperationSettings:
    """Health and metrics of a part that runs on its own and has no HTTP edge. Off until there is a port."""

    host: str = "127.0.0.1"
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class SignInSettings:
    """People who sign in at the pages (imx account)."""

    idle_s: float = Lasting.idle_s  # without a request; then they sign in again
    longest_s: float = Lasting.longest_s
    second_factor: bool = False  # wanted of everybody who signs in with a password

    def __post_init__(self) -> None:
        if not 60 <= self.idle_s <= self.longest_s:
            raise ValueError("sign_in.idle_s is 60 or more, and no more than sign_in.longest_s")


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """A region's identity provider. Off until there is an issuer.

    Its redirect URI for us is PUBLIC_URL/sign-in/provider/return.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: Secret | None = None  # none: a public client, by PKCE alone
    scopes: tuple[str, ...] = ("openid", "profile")
    audience: str = ""  # of the tokens that programs show; without it none is taken
    role_claim: str = "roles"  # such as realm_access.roles
    roles: tuple[str, ...] = ()  # "theirs=ours", such as "imaging-readers=reader"; the first that fits
    trust_claim: str = ""  # holds an ODS code; without it its people are of no one trust
    name: str = "your organisation's account"  # on the button


@dataclass(frozen=True, kw_only=True)
class PdsSettings:
    """A service shaped like the PDS, asked who people are (docs/linking.md). Off until there is a URL.

    Its pace is the PDS's own: five questions a second, all of them asked by the worker.
    """

    url: str = ""  # such as https://api.service.nhs.uk/personal-demographics/FHIR/R4
    token_url: str = ""  # such as https://api.service.nhs.uk/oauth2/token; without one it wants no token
    api_key: Secret | None = None  # of our application
    key: Path | None = None  # PEM: our private key (RSA); its public half is registered there
    key_id: str = ""  # under this name
    refresh_s: float = 7 * DAY_S  # whoever is linked is asked about again after this time

    def __post_init__(self) -> None:
        for url in (self.url, self.token_url):
            if url and not _WITHIN_TLS.match(url):
                raise ValueError("pds.url and pds.token_url begin with https://, but on this machine")
        if self.token_url and not (self.api_key and self.key and self.key_id):
            raise ValueError("pds.token_url needs pds.api_key, pds.key and pds.key_id")
        if not self.refresh_s >= 60:
            raise ValueError("pds.refresh_s is 60 or more")


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Your own PostgreSQL by its URL; without one, an embedded one in the data folder."""

    url: Secret | None = None
    binaries: Path | None = None  # the embedded one's bin folder; else the wheel's
    account: str | None = None  # the user it runs as when we are root; else postgres or nobody


@dataclass(frozen=True, kw_only=True)
class ObjectsSettings:
    """An S3 bucket; without one, files in the data folder.

    The URL is s3://BUCKET?endpoint=HOST:PORT&secure=1&region=REGION, and holds no credentials.
    """

    url: str | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """How much is taken."""

    object_limit: Size = Size(RouterSettings.object_limit)
    watermark: Size = Size(2 * GB)  # free bytes below which nothing more is taken


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What goes on in the background."""

    sweep_age_s: float = DAY_S  # bytes without a row are dropped when older
    sweep_every_s: float = 3600.0
    verify_bytes_per_s: Size = Size(4_000_000)  # the pace at which objects are read again; 0: not at all


@dataclass(frozen=True, kw_only=True)
class UploadsSettings:
    """Files that people upload to become DICOM (/uploads)."""

    size_limit: Size = Size(UploadSettings.size_limit)  # of one file
    person_limit: Size = Size(UploadSettings.person_limit)  # of all that one person has under way
    count_limit: int = UploadSettings.count_limit  # the same, in files
    keep_s: float = UploadSettings.keep_s  # what is not finished goes so long after its last piece


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """A folder that scanners write files into, which become DICOM (imx watch). Off until there is one."""

    folder: Path | None = None
    trust: str = ""  # ODS code of the trust whose they are
    case: Path | None = None  # what all of them share, such as the device
    by_barcode: bool = False  # its name, or a slide's label, holds a number of its order
    quiet_s: float = 10.0  # a file that has looked the same for so long is whole

    def __post_init__(self) -> None:
        if self.folder is not None and not self.trust:
            raise ValueError("watch.folder needs watch.trust: whose files they are")
        if not 1 <= self.quiet_s <= 3600:
            raise ValueError("watch.quiet_s is from 1 to 3600")


@dataclass(frozen=True, kw_only=True)
class RoutingSettings:
    """How long a delivery is tried, and how much is sent at one time."""

    senders: int = 16  # destinations that one worker sends to at one time
    tries: int = Patience.tries  # of one study at one destination; then a person is asked
    pause_s: float = Patience.pause_s  # before the second try; it doubles
    longest_pause_s: float = Patience.longest_pause_s
    unreachable_s: float = Patience.unreachable_s  # a destination that fails for so long

    def __post_init__(self) -> None:
        if not 1 <= self.senders <= 256:
            raise ValueError("routing.senders is from 1 to 256")
        if not 1 <= self.tries <= 1000:
            raise ValueError("routing.tries is from 1 to 1000")
        if not 0 < self.pause_s <= self.longest_pause_s:
            raise ValueError("routing.pause_s is above zero, and no more than routing.longest_pause_s")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything in force, and where each value came from."""

    data: Path
    open: bool = False  # accept unknown AE titles and anonymous readers; loopback only
    dicom: DicomSettings = field(default_factory=DicomSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    hl7: Hl7Settings = field(default_factory=Hl7Settings)
    http: HttpSettings = field(default_factory=HttpSettings)
    operation: OperationSettings = field(default_factory=OperationSettings)
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    pds: PdsSettings = field(default_factory=PdsSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    objects: ObjectsSettings = field(default_factory=ObjectsSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    uploads: UploadsSettings = field(default_factory=UploadsSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    commitment: CommitmentSettings = field(default_factory=CommitmentSettings)
    withdrawal: WithdrawalSettings = field(default_factory=WithdrawalSettings)
    sources: Mapping[str, Source] = field(default_factory=dict)  # by "section.name"
    config: Path | None = None  # the file that was read


def default_data_folder(environment: Mapping[str, str]) -> Path:
    """/var/lib/imx for root (Filesystem Hierarchy Standard §5.8); else in the user's data folder (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/imx")
    base = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "imx"
