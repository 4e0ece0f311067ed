"""Who is asking over HTTP, whether they may, and that they asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request

from exchange.audit import Audit, Detail, Look
from exchange.policy import Action, Actor, ActorKind, Decision, Purpose, Subject, may
from exchange.sessions import Holder, SessionHolders, Stage
from exchange.tokens import TokenHolders
from storage.errors import ArchiveError
from viewer_api.oidc.bearers import Bearers, is_jwt
from viewer_api.oidc.claims import BadToken
from viewer_api.signing_in import cookies, forms
from viewer_api.signing_in.cookies import Cookie
from viewer_api.signing_in.forms import Form
from viewer_api.signing_in.origin import is_from_elsewhere

ANONYMOUS = Actor(ActorKind.ANONYMOUS, "anonymous", "")
_OPEN = Actor(ActorKind.ANONYMOUS, "anonymous", "", is_open=True)

_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_UID = re.compile(r"[0-9.]{1,64}")

#: Purpose of use, as far as HTTP readers say: all of them treat people, but those who watch the service.
_PURPOSES: Mapping[Action, Purpose] = dict.fromkeys(
    (
        Action.SEE_OPERATION,
        Action.CONFIGURE,
        Action.OPERATE,
        Action.SIGN_IN,
        Action.ASK_WITHDRAWAL,
        Action.DECIDE_WITHDRAWAL,
        Action.HAVE_ORIGINAL,
        Action.DECIDE_LINK,
        Action.FEED_PEOPLE,
        Action.FEED_REPORTS,
    ),
    Purpose.OPERATIONS,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was shown lets nobody in: before it is asked what they may."""

    because: str
    status: HTTPStatus
    error: str = ""  # RFC 6750 §3.1
    actor: Actor = ANONYMOUS

    def raised(self) -> HTTPException:
        """As an answer."""
        if self.status is HTTPStatus.FORBIDDEN:
            return HTTPException(self.status)
        error = (f'error="{self.error}"',) if self.error else ()
        return HTTPException(self.status, headers=_challenge(*error))


_TWO = Refusal("more than one Authorization header", HTTPStatus.BAD_REQUEST, "invalid_request")
_UNKNOWN_TOKEN = Refusal("the token is unknown, expired or revoked", HTTPStatus.UNAUTHORIZED, "invalid_token")
_NO_SESSION = Refusal("the session has ended", HTTPStatus.UNAUTHORIZED)
_NOT_OURS = Decision(False, "the form is not one of ours, or was shown before somebody signed in anew")
_UNFINISHED = Refusal("signing in was not finished", HTTPStatus.UNAUTHORIZED)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may do what they ask for. What they then see is recorded first."""

    audit: Audit
    look: Look

    @property
    def name(self) -> str:
        """For the page that they read."""
        return name_of(self.look.actor)

    @property
    def trust(self) -> str | None:
        """Whose studies they see to; None: those of all."""
        return self.look.actor.trust or None

    async def record(
        self, study_uid: str | None = None, detail: Detail | None = None, person: UUID | None = None
    ) -> None:
        """Commit that they looked. To be awaited before the first byte leaves."""
        await self.audit.record(
            replace(self.look, study_uid=study_uid, detail=detail or {}, person=person or self.look.person)
        )


@dataclass(frozen=True, slots=True)
class Readers:
    """Admits readers: by a bearer token (RFC 6750), by a session's cookie, or anyone of an open service."""

    tokens: TokenHolders
    sessions: SessionHolders
    bearers: Bearers | None  # where a provider is set that makes out tokens for us
    audit: Audit
    is_open: bool
    public_url: str

    async def admit(
        self, request: Request, action: Action, study_uid: str | None = None, person: UUID | None = None
    ) -> Reader:
        """The reader, if they may. Raises 401 or 403, recorded."""
        who = await self._who(request)
        actor = who.actor if isinstance(who, Refusal) else who
        purpose = _PURPOSES.get(action, Purpose.TREATMENT)
        if isinstance(who, Refusal):
            decision = Decision(False, who.because)
        else:
            decision = may(actor, action, purpose, Subject(study_uid, person))
        # Nothing is known yet of what was asked for: only what could be a UID is written down.
        named = study_uid if study_uid and _UID.fullmatch(study_uid) else None
        look = Look(actor, address_of(request), action, purpose, decision, named, person=person)
        if decision.allowed:
            return Reader(self.audit, look)
        await self.audit.record(look)
        if isinstance(who, Refusal):
            raise who.raised()
        if actor.kind is ActorKind.ANONYMOUS:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, headers=_challenge())
        raise HTTPException(HTTPStatus.FORBIDDEN)

    async def refuse(self, reader: Reader, study_uid: str | None, because: str) -> None:
        """Somebody who may do such things may not do this one. Raises 403, recorded."""
        look = replace(reader.look, decision=Decision(False, because), study_uid=study_uid)
        await self.audit.record(look)
        raise HTTPException(HTTPStatus.FORBIDDEN)

    async def turn_away(self, request: Request, because: str) -> None:
        """Commit that an account, or who showed what is none, sent what nobody answers. Others: nothing."""
        who = await self._who(request)
        if isinstance(who, Refusal):
            await self.note(request, who.actor, Action.CALL, Decision(False, because))
        elif who.kind is not ActorKind.ANONYMOUS:
            await self.note(request, who, Action.CALL, Decision(False, because))

    def form_token(self, request: Request) -> str:
        """For the hidden field `form_token` of a form on a page of ours."""
        return forms.token_for(request, self.public_url)

    async def form(self, request: Request, action: Action) -> Form:
        """What a form of ours sent. Raises BadInput; 403, recorded, where the form is not ours."""
        form = await forms.form_of(request)
        if forms.is_ours(form, request, self.public_url, needs_token=not self.is_open):
            return form
        holder = await self.holder(request)
        await self.note(request, holder.actor if holder else ANONYMOUS, action, _NOT_OURS)
        raise HTTPException(HTTPStatus.FORBIDDEN)

    async def note(
        self, request: Request, actor: Actor, action: Action, decision: Decision, detail: Detail | None = None
    ) -> None:
        """Commit what somebody came to ask, where it is not `admit` that answers."""
        purpose = _PURPOSES.get(action, Purpose.TREATMENT)
        await self.audit.record(
            Look(actor, address_of(request), action, purpose, decision, None, detail or {})
        )

    async def holder(self, request: Request) -> Holder | None:
        """Whose session the browser holds, however far they have come. For the pages of signing in."""
        cookie = cookies.read(request, Cookie.SESSION, self.public_url)
        return await self.sessions.holder(cookie) if cookie else None

    async def known(self, request: Request) -> Actor | None:
        """Who reads an error page, for what surrounds it: nobody where that cannot be told."""
        try:
            who = await self._who(request)
        except ArchiveError:
            return None
        return None if isinstance(who, Refusal) or not (who.is_open or who.role) else who

    async def _who(self, request: Request) -> Actor | Refusal:
        if self.is_open:
            return _OPEN
        shown = request.headers.getlist("authorization")
        if len(shown) > 1:
            return _TWO
        scheme, _, token = (shown[0] if shown else "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._bearing(token.strip())
        cookie = cookies.read(request, Cookie.SESSION, self.public_url)
        return ANONYMOUS if cookie is None else await self._signed_in(request, cookie)

    async def _bearing(self, token: str) -> Actor | Refusal:
        if self.bearers is None or not is_jwt(token):
            return await self.tokens.holder(token) or _UNKNOWN_TOKEN
        try:
            return await self.bearers.holder(token)
        except BadToken as error:
            return Refusal(str(error), HTTPStatus.UNAUTHORIZED, "invalid_token")

    async def _signed_in(self, request: Request, cookie: str) -> Actor | Refusal:
        """By the cookie, which browsers send along: it counts for requests of our own pages."""
        holder = await self.sessions.holder(cookie)
        if holder is None:
            return _NO_SESSION
        if is_from_elsewhere(request, self.public_url):
            because = "the request does not come from a page of ours"
            return Refusal(because, HTTPStatus.FORBIDDEN, actor=holder.actor)
        return holder.actor if holder.stage is Stage.DONE else _UNFINISHED


def name_of(actor: Actor) -> str:
    """For the head of a page."""
    return "Open to all on this machine" if actor.is_open else actor.name


def address_of(request: Request) -> str:
    """Where the request came from: a proxy that we believe says so itself."""
    host = request.client.host if request.client else ""
    return host if _ADDRESS.fullmatch(host) else ""


def _challenge(*parameters: str) -> dict[str, str]:
    return {"WWW-Authenticate": "Bearer " + ", ".join(('realm="Imaging Exchange"', *parameters))}
