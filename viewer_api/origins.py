"""For which trust somebody stores: their own; of an open service, the one it is set to."""

from http import HTTPStatus

from starlette.responses import Response

from exchange.policy import Actor
from viewer_api.problems import problem
from viewer_api.settings import ApiSettings


def trust_of(actor: Actor, settings: ApiSettings) -> tuple[str, str] | None:
    """ODS code and issuer; None where the account belongs to no trust that the registry knows."""
    trust, issuer = actor.trust, actor.issuer
    if actor.is_open and settings.open_trust is not None:
        trust, issuer = settings.open_trust.ods_code, settings.open_trust.issuer
    return (trust, issuer) if trust and issuer else None


def no_trust() -> Response:
    """To somebody who may store, and for whom nobody can say whose it would be."""
    return problem(
        HTTPStatus.FORBIDDEN,
        "No trust to store for",
        "what is stored belongs to a trust that the registry knows: give the account one"
        " (imx token create --trust)",
    )
