"""Who is asking over HTTP, whether they may, and that they asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

from exchange.audit import Audit, Detail, Look
from exchange.policy import Action, Actor, ActorKind, Decision, Purpose, Subject, may
from exchange.tokens import TokenHolders

_ANONYMOUS = Actor(ActorKind.ANONYMOUS, "anonymous", "")
_OPEN = Actor(ActorKind.ANONYMOUS, "anonymous", "", is_open=True)
_UNKNOWN_TOKEN = Decision(False, "the token is unknown, expired or revoked")

_UID = re.compile(r"[0-9.]{1,64}")

#: Purpose of use, as far as HTTP readers say: all of them treat people, but those who watch the service.
_PURPOSES: Mapping[Action, Purpose] = dict.fromkeys(
    (Action.SEE_OPERATION, Action.CONFIGURE, Action.OPERATE), Purpose.OPERATIONS
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may do what they ask for. What they then see is recorded first."""

    audit: Audit
    look: Look

    async def record(self, study_uid: str | None = None, detail: Detail | None = None) -> None:
        """Commit that they looked. To be awaited before the first byte leaves."""
        look = self.look
        await self.audit.record(
            Look(look.actor, look.address, look.action, look.purpose, look.decision, study_uid, detail or {})
        )


@dataclass(frozen=True, slots=True)
class Readers:
    """Admits readers: by a bearer token (RFC 6750), or anyone where the service is open."""

    tokens: TokenHolders
    audit: Audit
    is_open: bool

    async def admit(self, request: Request, action: Action, study_uid: str | None = None) -> Reader:
        """The reader, if they may. Raises 401 or 403, recorded."""
        token = _bearer(request)
        actor: Actor | None = _OPEN if self.is_open else _ANONYMOUS
        if token is not None and not self.is_open:
            actor = await self.tokens.holder(token)
        purpose = _PURPOSES.get(action, Purpose.TREATMENT)
        decision = may(actor, action, purpose, Subject(study_uid)) if actor else _UNKNOWN_TOKEN
        address = request.client.host if request.client else ""
        # Nothing is known yet of what was asked for: only what could be a UID is written down.
        named = study_uid if study_uid and _UID.fullmatch(study_uid) else None
        look = Look(actor or _ANONYMOUS, address, action, purpose, decision, named)
        if decision.allowed:
            return Reader(self.audit, look)
        await self.audit.record(look)
        if actor is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, headers=_challenge('error="invalid_token"'))
        if actor.kind is ActorKind.ANONYMOUS:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, headers=_challenge())
        raise HTTPException(HTTPStatus.FORBIDDEN)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _challenge(*parameters: str) -> dict[str, str]:
    return {"WWW-Authenticate": "Bearer " + ", ".join(('realm="Imaging Exchange"', *parameters))}
