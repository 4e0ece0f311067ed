"""What can be said of a peer on the command line: one table, for `imx peer add` and `imx peer change`."""

import hashlib
import inspect
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.registry import DuplicatePolicy
from imx.commands.group import with_parameters
from imx.errors import CommandFailed

_TITLE = "AE title"


def _flag(name: str, text: str) -> Any:
    return Annotated[bool | None, typer.Option(f"--{name}/--no-{name}", help=text)]


def _text(name: str, text: str) -> Any:
    return Annotated[str | None, typer.Option(f"--{name}", help=text)]


def _number(name: str, text: str) -> Any:
    return Annotated[int | None, typer.Option(f"--{name}", help=text, min=0)]


def _texts(name: str, text: str) -> Any:
    return Annotated[list[str] | None, typer.Option(f"--{name}", help=text)]


#: By key of the entry. An empty text, and 0, take a value away; a list is given whole.
OPTIONS: Mapping[str, Any] = {
    "host": _text("host", "Address or name where we call it, and from which it may come."),
    "port": _number("port", "Where it listens, if it does."),
    "networks": _texts("network", "A network that it may come from, such as 10.1.2.0/24."),
    "called_titles": _texts("called", f"An {_TITLE} by which it may call us. Otherwise all of ours."),
    "plain_allowed": _flag("plain", "May it call without TLS?"),
    "uses_tls": _flag("tls", "Do we call it over TLS?"),
    "fingerprint": _text("fingerprint", "SHA-256 of the certificate that it must show."),
    "certificate_name": _text("certificate-name", f"A name in its certificate. Otherwise host or {_TITLE}."),
    "may_store": _flag("store", "May it send instances?"),
    "may_read": _flag("read", "May it search and retrieve?"),
    "may_commit": _flag("commit", "May it ask for storage commitment?"),
    "may_query_worklist": _flag("worklist", "May it query the worklist?"),
    "may_perform": _flag("perform", "May it report performed procedure steps (MPPS)?"),
    "wants_availability": _flag("availability", "Is it told when instances are there (IAN)?"),
    "duplicates": Annotated[
        DuplicatePolicy | None, typer.Option(help="What becomes of the same UID with other content.")
    ],
    "identifier_issuer": _text("issuer", "Issuer of the Patient IDs that it sends. Otherwise its trust's."),
    "coercions": _texts("coercion", "Name of a coercion rule for what it sends."),
    "private_sop_classes": _texts("private-class", "A private storage SOP class it may send."),
    "association_limit": _number("associations", "At most so many at one time."),
    "association_rate": _number("rate", "At most so many new associations in a minute."),
    "associations_out": _number("associations-out", "How many we open to it at one time."),
    "commitment_host": _text("commitment-host", "Where commitment reports go. Otherwise host."),
    "commitment_port": _number("commitment-port", "Its port there. Otherwise port."),
    "commitment_on_association": _flag("commitment-here", "Reports go on the association that asked?"),
}

#: A file instead of its fingerprint.
CERTIFICATE = Annotated[
    Path | None, typer.Option("--certificate", help="The certificate it must show, as PEM.", dir_okay=False)
]


def with_peer_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every option of the table; it gets those that were given, as keywords."""
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [
        each.replace(kind=kind)
        for each in inspect.signature(command).parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    added = [
        inspect.Parameter(name, kind, default=None, annotation=annotation)
        for name, annotation in {**OPTIONS, "certificate": CERTIFICATE}.items()
    ]
    return with_parameters(command, [*own, *added])


def said_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an entry that were said, as exchange.entries reads them."""
    said = {key: _plain(value) for key, value in options.items() if key in OPTIONS and value is not None}
    certificate = options.get("certificate")
    if certificate is not None:
        said["fingerprint"] = _fingerprint_in(certificate)
    return said


def _plain(value: Any) -> Any:
    match value:
        case DuplicatePolicy():
            return value.value
        case list():
            return [each for each in value if each]
        case "":
            return None
        case int() if value == 0 and not isinstance(value, bool):
            return None
        case _:
            return value


def _fingerprint_in(path: Path) -> str:
    try:
        text = path.read_text("ascii")
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(text[start:end])
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{path} holds no certificate in PEM") from error
    return hashlib.sha256(der).hexdigest()
