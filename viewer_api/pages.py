"""Pages for people: what surrounds each of them, and what a browser may do with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from exchange.policy import Action, Actor, Purpose, Subject, may
from viewer_api.assets import Assets
from viewer_api.clock import day, moment

#: Nothing but our own files, no script or style within a page, in nobody's frame (CSP Level 3).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: A page shows people: it is kept by no cache, and its address is told to no other host. An origin is told
#: to ourselves, who ask for it where a form is sent.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the navigation leads."""

    url: str
    name: str
    action: Action  # that one must be allowed

    def holds(self, path: str) -> bool:
        """Whether that page is this place, or below it."""
        return path == self.url or path.startswith(f"{self.url}/")


NAVIGATION = (
    Place("/studies", "Studies", Action.QUERY),
    Place("/record", "People", Action.FIND_PEOPLE),
    Place("/laboratory", "Add files", Action.CONTRIBUTE),
    Place("/review", "Review", Action.DECIDE_LINK),
    Place("/withdrawals", "Withdrawals", Action.ASK_WITHDRAWAL),
    Place("/record-views", "Record views", Action.CONFIGURE),
)
#: Of those for whom none of these is.
ACCOUNT = "/account"


class Pages:
    """Makes pages of the templates beside this module. What a template is not given is an error."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("viewer_api", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=assets.url)
        self._environment.filters.update(day=day, moment=moment)

    def answer(
        self,
        request: Request,
        template: str,
        *,
        signed_in: str = "",
        actor: Actor | None = None,
        form_token: str = "",
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> Response:
        """One page. `signed_in` is the name of whoever reads it, "" before they have signed in.

        `actor` is who they are, where the page knows: they are led to what they may do.
        `form_token` is for its forms (Readers.form_token).
        """
        text = self._environment.get_template(template).render(
            here=request.url.path,
            signed_in=signed_in,
            form_token=form_token,
            navigation=places_of(actor),
            **values,
        )
        return Response(text, status, {**HEADERS, **(headers or {})}, "text/html")


def places_of(actor: Actor | None) -> Sequence[Place]:
    """Where somebody may go."""
    if actor is None:
        return ()
    return [each for each in NAVIGATION if may(actor, each.action, Purpose.TREATMENT, Subject()).allowed]


def first_page(actor: Actor) -> str:
    """Where somebody begins."""
    return next((each.url for each in places_of(actor)), ACCOUNT)
