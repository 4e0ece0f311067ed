"""The client and the small PDS, held to each other: what is asked, what is answered, and what goes wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from fhir.resources.R4B.patient import Patient
from joserfc.jwk import RSAKey

from exchange.people.pds.access import AccessTokens, Application
from exchange.people.pds.client import TRIES, Held, NoMatch, Pds, Unknown
from exchange.people.pds.errors import PdsRefused, PdsUnavailable
from exchange.people.pds.pace import Pace
from exchange.people.person import Demographics, PersonName, Sensitivity
from imx.demo.pds.running import fhir_url, running, token_url
from imx.demo.pds.server import Limit, SmallPds, Tokens
from tests.exchange.people.pds.material import (
    BEFORE,
    INVALIDATED,
    JANE,
    JANET,
    MINIMAL,
    MISSING,
    NORMAL,
    RESTRICTED,
    sandbox,
)

HEADERS = {"X-Request-ID": "60E0B220-8136-4CA5-AE46-1D97EF59D068"}


@dataclass
class Clock:
    """Time that passes only while somebody waits."""

    now: float = 1000.0
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> SmallPds:
    return SmallPds(sandbox(), limit=Limit(clock=clock))


@pytest.fixture
def base(service: SmallPds) -> Iterator[str]:
    with running(service) as found:
        yield found


@pytest.fixture
def pds(base: str, clock: Clock) -> Iterator[Pds]:
    """A client whose time is the server's."""
    with httpx.Client(timeout=60) as http:
        yield Pds(fhir_url(base), http, pace=Pace(clock=clock, wait=clock.wait), wait=clock.wait)


def test_the_five_cases_of_the_sandbox(pds: Pds) -> None:
    normal = pds.retrieve(NORMAL)
    assert isinstance(normal, Held)
    assert (normal.patient.id, normal.version) == (NORMAL, "1")
    assert normal.patient.demographics == JANE
    assert normal.patient.sensitivity is Sensitivity.NORMAL

    assert pds.retrieve(BEFORE) == normal

    restricted = pds.retrieve(RESTRICTED)
    assert isinstance(restricted, Held)
    assert restricted.patient.sensitivity is Sensitivity.RESTRICTED
    said = restricted.patient.demographics
    assert (said.names, said.address, said.postcode, said.practice) == (JANET.names, (), "", "")

    assert pds.retrieve(INVALIDATED) == Unknown(is_invalidated=True)
    assert pds.retrieve(MISSING) == Unknown()
    minimal = pds.retrieve(MINIMAL)
    assert isinstance(minimal, Held)
    assert minimal.patient.demographics == Demographics()


def test_a_trace_finds_one_person_or_says_that_it_does_not(service: SmallPds, pds: Pds) -> None:
    found = pds.trace(JANE)
    assert isinstance(found, Held)
    assert found.patient.id == NORMAL

    married = Demographics((PersonName("Brown", ("Janey",)),), "20101022", postcode="LS11 9ZZ")
    assert isinstance(pds.trace(married), Held)  # by the name of before, and the postcode's beginning
    assert pds.trace(married) == pds.retrieve(
        NORMAL
    )  # with the names of before, which a search does not show
    assert pds.trace(JANET) == NoMatch()  # nobody restricted is found by where they live
    service.records.hold(MISSING, JANE)
    assert pds.trace(JANE) == NoMatch(is_several=True)


def test_the_small_pds_refuses_what_the_real_one_does(base: str, service: SmallPds) -> None:
    url, service.limit.per_second = fhir_url(base), 100
    with httpx.Client(headers=HEADERS) as http:
        for path, status, code in (
            ("/Patient/9990000019", 400, "INVALID_RESOURCE_ID"),
            ("/Patient", 400, "UNSUPPORTED_SERVICE"),
            ("/Patient?family=Smith", 400, "MISSING_VALUE"),
            ("/Patient?birthdate=eq2010-10-22", 400, "INVALID_SEARCH_DATA"),
            ("/Patient?family=Smith&birthdate=22-10-2010", 400, "INVALID_VALUE"),
            ("/Patient?family=S*&birthdate=eq2010-10-22", 400, "INVALID_VALUE"),
            ("/Patient?family=Smith&birthdate=eq2010-10-22&shoe-size=5", 400, "ADDITIONAL_PROPERTIES"),
            ("/Patient?family=Sm*&birthdate=eq2010-10-22", 200, "TOO_MANY_MATCHES"),
            ("/Patient?family=Sm*&birthdate=eq2010-10-22&_max-results=5", 403, "INVALID_VALUE"),
        ):
            answer = http.get(url + path)
            found = answer.json()["issue"][0]["details"]["coding"][0]["code"]
            assert (answer.status_code, found) == (status, code), path
            assert answer.headers["x-request-id"] == HEADERS["X-Request-ID"]
        alike = http.get(
            f"{url}/Patient?family=Smyth&given=Jane&birthdate=ge2010-10-21&_fuzzy-match=true"
        ).json()
        assert [(each["resource"]["id"], each["search"]["score"]) for each in alike["entry"]] == [
            (NORMAL, 0.8976)
        ]
        exact = http.get(f"{url}/Patient?family=Brown&birthdate=2010-10-22&_history=true&_exact-match=true")
        nobody = exact.json()
        assert nobody.pop("timestamp")
        assert nobody == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    bare = httpx.get(f"{url}/Patient/{NORMAL}")
    assert bare.json()["issue"][0]["details"]["coding"][0]["code"] == "MISSING_VALUE"
    odd = httpx.get(f"{url}/Patient/{NORMAL}", headers={"X-Request-ID": "7"})
    assert odd.json()["issue"][0]["details"]["coding"][0]["code"] == "INVALID_VALUE"


def test_what_it_answers_is_fhir(base: str, service: SmallPds) -> None:
    for number in (NORMAL, RESTRICTED, MINIMAL):
        answer = httpx.get(f"{fhir_url(base)}/Patient/{number}", headers=HEADERS)
        assert (answer.headers["etag"], answer.headers["content-type"]) == ('W/"1"', "application/fhir+json")
        Patient.model_validate(answer.json())


def test_no_second_has_more_than_five_questions(service: SmallPds, pds: Pds, clock: Clock) -> None:
    for _ in range(23):
        pds.retrieve(NORMAL)
    assert (service.limit.answered, service.limit.turned_away) == (23, 0)
    assert sum(clock.waited) == pytest.approx(22 / 5)


def test_whom_it_turns_away_asks_again_later(service: SmallPds, pds: Pds, clock: Clock) -> None:
    service.limit.per_second = 3
    for _ in range(12):
        assert isinstance(pds.retrieve(NORMAL), Held)
    assert service.limit.answered == 12
    assert service.limit.turned_away > 0


def test_one_that_is_away_is_asked_a_few_times(service: SmallPds, pds: Pds, clock: Clock) -> None:
    service.is_away = True
    with pytest.raises(PdsUnavailable, match="503"):
        pds.retrieve(NORMAL)
    pauses = [each for each in clock.waited if each >= 0.25]
    assert len(pauses) >= TRIES - 1
    service.is_away = False
    assert isinstance(pds.retrieve(NORMAL), Held)


def test_one_that_nobody_runs_is_unavailable_and_no_number_is_said(clock: Clock) -> None:
    with httpx.Client() as http:
        pds = Pds("http://127.0.0.1:9", http, pace=Pace(clock=clock, wait=clock.wait), wait=clock.wait)
        with pytest.raises(PdsUnavailable) as error:
            pds.retrieve(NORMAL)
    assert NORMAL not in str(error.value)


def test_an_address_that_is_wrong_makes_nobodys_number_nobodys(base: str, pds: Pds) -> None:
    pds.url = f"{base}/elsewhere"
    with pytest.raises(PdsUnavailable, match="404"):
        pds.retrieve(NORMAL)


class TestTokens:
    """An application that signs JWTs with a key of its own."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> tuple[Path, RSAKey]:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = tmp_path / "key.pem"
        path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return path, RSAKey.import_key(public)

    @pytest.fixture
    def service(self, clock: Clock, pair: tuple[Path, RSAKey]) -> SmallPds:
        return SmallPds(sandbox(), Tokens({"our-api-key": {"key-1": pair[1]}}), Limit(clock=clock))

    def application(self, base: str, path: Path, **other: str) -> Application:
        said = {"api_key": "our-api-key", "key_id": "key-1", "token_url": token_url(base), **other}
        return Application(key=path, **said)

    def test_a_token_is_asked_for_once_and_when_it_is_not_taken_any_more(
        self, base: str, service: SmallPds, pds: Pds, pair: tuple[Path, RSAKey]
    ) -> None:
        assert service.tokens is not None
        pds.tokens = AccessTokens(self.application(base, pair[0]), pds.http)
        for _ in range(3):
            assert isinstance(pds.retrieve(NORMAL), Held)
        assert len(service.tokens.given) == 1
        service.tokens.given.clear()
        assert isinstance(pds.retrieve(NORMAL), Held)
        assert len(service.tokens.given) == 1

    def test_without_one_it_refuses(self, pds: Pds) -> None:
        with pytest.raises(PdsRefused, match="401 ACCESS_DENIED"):
            pds.retrieve(NORMAL)

    @pytest.mark.parametrize("other", [{"api_key": "another"}, {"key_id": "key-2"}])
    def test_a_stranger_gets_no_token(
        self, base: str, pds: Pds, pair: tuple[Path, RSAKey], other: dict[str, str]
    ) -> None:
        pds.tokens = AccessTokens(self.application(base, pair[0], **other), pds.http)
        with pytest.raises(PdsRefused, match="public_key error"):
            pds.retrieve(NORMAL)

    def test_nobody_signs_with_another_key(self, base: str, pds: Pds, tmp_path: Path) -> None:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = tmp_path / "other.pem"
        path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pds.tokens = AccessTokens(self.application(base, path), pds.http)
        with pytest.raises(PdsRefused, match="public_key error"):
            pds.retrieve(NORMAL)

    def test_a_key_that_cannot_be_read_is_said(self, base: str, pds: Pds, tmp_path: Path) -> None:
        pds.tokens = AccessTokens(self.application(base, tmp_path / "none.pem"), pds.http)
        with pytest.raises(PdsRefused, match="our own key"):
            pds.retrieve(NORMAL)

    def test_a_jwt_is_for_their_address_and_taken_once(
        self, base: str, service: SmallPds, pair: tuple[Path, RSAKey]
    ) -> None:
        with httpx.Client() as http:
            tokens = AccessTokens(self.application(base, pair[0]), http)
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": tokens._assertion(tokens.clock()),
            }
            assert [http.post(token_url(base), data=form).status_code for _ in range(2)] == [200, 400]
            late = {**form, "client_assertion": tokens._assertion(tokens.clock() - 3600)}
            assert http.post(token_url(base), data=late).status_code == 400
            elsewhere = AccessTokens(self.application(base, pair[0], token_url="https://other/"), http)
            wrong = {**form, "client_assertion": elsewhere._assertion(tokens.clock())}
            assert http.post(token_url(base), data=wrong).json()["error"] == "invalid_request"
