"""Which provider we believe, and who its people are to us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from exchange.policy import Role


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """One issuer. What is not named here opens nothing."""

    issuer: str
    client_id: str  # as which the provider knows us
    client_secret: str = field(default="", repr=False)  # "": a public client, by PKCE alone
    scopes: tuple[str, ...] = ("openid", "profile")
    audience: str = ""  # for whom the tokens of programs are made out; "": we take none
    role_claim: str = "roles"  # with dots for claims within claims
    roles: Mapping[str, Role] = field(default_factory=dict)  # by the provider's word; the first that fits
    trust_claim: str = ""  # holds an ODS code; "": its people are of no one trust
    name: str = "your organisation's account"  # on the button

    def __post_init__(self) -> None:
        if not is_safe(self.issuer):
            raise ValueError("the issuer begins with https:// (or is on this machine)")
        if "openid" not in self.scopes:
            raise ValueError("the scopes hold openid (OpenID Connect Core §3.1.2.1)")

    @property
    def host(self) -> str:
        """Of the issuer: its people's names end in it."""
        return urlsplit(self.issuer).netloc


def is_safe(url: str) -> bool:
    """Whether what is said there cannot be changed on the way: over TLS, or on this machine."""
    try:
        found = urlsplit(url)
        host = found.hostname or ""
        if found.scheme == "http":
            return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
    return found.scheme == "https" and bool(host)


def roles_of(said: tuple[str, ...]) -> dict[str, Role]:
    """From "their word=our role". Raises ValueError."""
    found = {}
    for each in said:
        theirs, is_there, ours = each.rpartition("=")
        if not is_there or not theirs.strip():
            raise ValueError(f"{each!r} does not say theirs=ours")
        try:
            found[theirs.strip()] = Role(ours.strip())
        except ValueError:
            known = ", ".join(role.value for role in Role)
            raise ValueError(f"{ours.strip()!r} is no role of ours: {known}") from None
    return found
