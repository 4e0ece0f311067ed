"""A subscriber behind HTTP: how we show who we are, and what its answers mean for what it was told."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any

import httpx
import orjson

from exchange.answers import whole_answer
from exchange.secret_files import SecretUnreadable, read_secret
from exchange.telling.port import Later, NotHeard, Refused, TellingFailed
from exchange.telling.subscriber import Manner, Subscriber

FHIR_JSON = "application/fhir+json"

CONNECT_S = 10.0
ANSWER_S = 30.0
#: A token is asked for anew so long before it ends.
BEFORE_ITS_END_S = 30.0

#: Statuses of a service, or of the proxy before it, that takes nothing now.
_ILL = frozenset({408, 425, 429, 502, 503, 504, 507})
#: Of one that does not let us in.
_CLOSED = frozenset({401, 403})
#: Of one that may take the same on another try: somebody else was at it, or it met a fault of its own.
_LATER = frozenset({409, 423, 500})

#: How an entry's status begins: some say more behind it.
_STATUS = re.compile(r"[1-5][0-9]{2}(?![0-9])")
# What an OperationOutcome says that is certainly of nobody: codes, and where in a resource.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]]{0,127}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    body: Any  # JSON, or None
    headers: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        """It did what it was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def as_whole(self) -> "Answer":
        """Of a transaction: what came of the first entry that came to nothing.

        A server may take transactions for batches, and says so nowhere else (R4 §3.1.0.11).
        """
        entries = self.body.get("entry") if self.is_good and isinstance(self.body, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            said = entry.get("response") if isinstance(entry, dict) else None
            if not isinstance(said, dict):
                continue
            status = _STATUS.match(str(said.get("status")))
            if status is not None and int(status[0]) >= HTTPStatus.BAD_REQUEST:
                return Answer(int(status[0]), said.get("outcome"), self.headers)
        return self

    @property
    def words(self) -> str:
        """The status, and what is said of it in codes: its text may name somebody."""
        said = "; ".join(dict.fromkeys(_issues(self.body)))
        return f"HTTP {self.status} ({said})" if said else f"HTTP {self.status}"

    @property
    def failure(self) -> TellingFailed:
        """What an answer that is not good means for what was told."""
        return Later(self.words) if self.status in _LATER else Refused(self.words)


class Web:
    """One HTTP service, asked by one thread."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._base = subscriber.address.rstrip("/")
        self._token, self._token_until = "", 0.0
        try:
            self._client = httpx.Client(
                verify=tls_context(subscriber.manner),
                headers={"Accept": FHIR_JSON},
                timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            )
        except (OSError, ValueError) as error:
            raise NotHeard(f"its certificate files cannot be used ({type(error).__name__})") from error

    @property
    def subscriber(self) -> str:
        """Whose service it is."""
        return self._subscriber.name

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask; what was answered, good or not. Raises NotHeard where it takes nothing from us now."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {"Content-Type": FHIR_JSON} if content is not None else {}
        try:
            request = self._client.build_request(
                method,
                f"{self._base}/{path}".rstrip("/"),
                content=content,
                headers={**kind, **(headers or {}), **self._shown()},
            )
            answer = whole_answer(self._client, request)
        except httpx.HTTPError as error:
            raise NotHeard(f"no answer from its address ({type(error).__name__})") from error
        if answer.status_code in _CLOSED:
            self._token = ""
            raise NotHeard(
                f"it does not let us in (HTTP {answer.status_code}): look at its account and secret file"
            )
        if answer.status_code in _ILL:
            raise NotHeard(f"it takes nothing now (HTTP {answer.status_code})")
        if answer.is_redirect:
            raise NotHeard(f"its address has moved (HTTP {answer.status_code}): change its entry")
        return Answer(answer.status_code, _json(answer), answer.headers)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _shown(self) -> dict[str, str]:
        """Who we are."""
        subscriber = self._subscriber
        try:
            secret = read_secret(subscriber.secret_file)
        except SecretUnreadable as error:
            raise NotHeard(str(error)) from error
        if not secret:
            return {}
        if subscriber.manner.token_url:
            return {"Authorization": f"Bearer {self._granted(secret)}"}
        if subscriber.account:
            shown = httpx.BasicAuth(subscriber.account, secret)
            request = next(shown.auth_flow(httpx.Request("GET", subscriber.address)))
            return {"Authorization": request.headers["Authorization"]}
        return {"Authorization": f"Bearer {secret}"}

    def _granted(self, secret: str) -> str:
        """A token for our account, as long as it lasts (RFC 6749 §4.4)."""
        if self._token and monotonic() < self._token_until:
            return self._token
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._subscriber.account,
            "client_secret": secret,
        }
        try:
            request = self._client.build_request("POST", self._subscriber.manner.token_url, data=asked)
            granted = orjson.loads(whole_answer(self._client, request).content)
            token, lasts_s = str(granted["access_token"]), float(granted.get("expires_in", 60))
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotHeard(
                f"no token is granted to us ({type(error).__name__}): look at its account"
            ) from error
        self._token, self._token_until = token, monotonic() + max(0.0, lasts_s - BEFORE_ITS_END_S)
        return token


def tls_context(manner: Manner) -> ssl.SSLContext:
    """Whom we believe, and what we show. Raises OSError."""
    context = ssl.create_default_context(cafile=manner.authority_file)
    if manner.certificate_file is not None:
        context.load_cert_chain(manner.certificate_file, manner.key_file)
    return context


def _json(answer: httpx.Response) -> Any:
    try:
        return orjson.loads(answer.content) if answer.content else None
    except ValueError:
        return None


def _issues(body: Any) -> Iterator[str]:
    """The codes of an OperationOutcome, and where they are (FHIR R4 §2.41)."""
    if not isinstance(body, dict) or not isinstance(body.get("issue"), list):
        return
    for issue in body["issue"]:
        if not isinstance(issue, dict):
            continue
        details = issue.get("details")
        codings = details.get("coding", []) if isinstance(details, dict) else []
        codes = [issue.get("code"), *(each.get("code") for each in codings if isinstance(each, dict))]
        places = issue.get("expression") or issue.get("location") or []
        said = [each for each in codes if isinstance(each, str) and _CODE.fullmatch(each)]
        at = [each for each in places if isinstance(each, str) and _PLACE.fullmatch(each)]
        if said or at:
            yield " ".join((*said, *(("at", *at) if at else ())))
