"""What the HTTP edge can be set to."""

from dataclasses import dataclass, field
from pathlib import Path

from exchange.sessions import Lasting
from exchange.trusts import Trust
from storage.connecting import STATEMENT_S
from storage.upload import UploadSettings
from storage.withdrawal import WithdrawalSettings
from viewer_api.oidc.settings import ProviderSettings


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Limits of one API process, and how it is reached."""

    is_open: bool = False  # anonymous readers are served: `--open`, on loopback
    open_trust: Trust | None = None  # to whom belongs what an open service is sent
    public_url: str = ""  # scheme and host that readers use; "": those of each request
    ae_title: str = ""  # ours, by which C-MOVE brings what a manifest lists; "": it does not say
    lasting: Lasting = field(default_factory=Lasting)  # of sessions
    provider: ProviderSettings | None = None  # a region's, at which its people sign in
    is_second_factor_wanted: bool = False  # of everybody who signs in with a password
    cors_origins: tuple[str, ...] = ()  # of other viewers' pages
    connections: int = 8  # to the database
    patience_s: float = 5.0  # for one of them to come free
    statement_s: float = STATEMENT_S  # for the database to answer one statement
    metrics_folder: str = ""  # where all processes of the service leave their numbers; "": this one's only
    desk_threads: int = 4  # in which people ask and decide
    reading_threads: int = 16  # that wait for the object store
    drawings: int = 2  # pictures at one time
    withdrawals: WithdrawalSettings = field(default_factory=WithdrawalSettings)
    uploads: UploadSettings = field(default_factory=UploadSettings)
    spool_folder: str = ""  # for bulk parts that wait for one another; "": the system's
    spool_limit_bytes: int = 16 * 1024**3  # of one request
    viewer_folder: Path | None = None  # in which `imx viewer install` puts OHIF; None: there is none
