"""Withdrawals by pages: one person asks, another decides; each sees whose it is and what becomes of it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from psycopg import connect
from pydicom import Dataset

from exchange.policy import Role
from tests.storage.material import instance
from tests.storage.strategies import write
from tests.viewer_api.conftest import Place, an_account, bearer, open_page, sign_in

BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_EXPLICIT = "1.2.840.10008.1.2.1"

Somebody = Callable[..., httpx.Client]


@pytest.fixture
def made(place: Place) -> Dataset:
    """A study of one image."""
    each = instance()
    each.PatientName, each.PatientBirthDate, each.StudyDescription = "Grey^Ann", "19600203", "CT chest"
    place.keep(str(each.SOPClassUID), str(each.SOPInstanceUID), _EXPLICIT, write(each, _EXPLICIT).data)
    return each


@pytest.fixture
def somebody(place: Place, closed_api: httpx.Client) -> Iterator[Somebody]:
    """The browser of somebody who has signed in."""
    with ExitStack() as stack:

        def one(name: str, role: Role, trust: str = "RBS") -> httpx.Client:
            an_account(place, role, name, trust)
            client = httpx.Client(base_url=closed_api.base_url, headers=BROWSER, timeout=30)
            stack.enter_context(client)
            assert sign_in(client, name).status_code == 303
            return client

        yield one


def send(client: httpx.Client, path: str, **said: str) -> httpx.Response:
    """A form of ours."""
    return client.post(path, data={"form_token": open_page(client, "/account"), **said})


def asking(study: Dataset) -> str:
    return f"/withdrawals/studies/{study.StudyInstanceUID}"


def ask(client: httpx.Client, study: Dataset, part: str = "study") -> str:
    """The address of the request."""
    answer = send(client, asking(study), part=part, reason="a test picture")
    assert answer.status_code == 303, answer.text
    path, _, did = answer.headers["location"].partition("?")
    assert did == "did=asked"
    return str(path)


def test_one_asks_another_approves_and_others_bring_it_back(
    place: Place, closed_api: httpx.Client, made: Dataset, somebody: Somebody
) -> None:
    ann, bob = somebody("ann", Role.CONTRIBUTOR), somebody("bob", Role.COORDINATOR)
    reader, studies = bearer(place), "/dicom-web/studies"
    page = ann.get(asking(made))
    assert page.status_code == 200
    for words in ("GREY, Ann", "3 February 1960", "CT chest", "1 image", "90 days"):
        assert words in page.text, words

    one = ask(ann, made)
    assert "Nothing has changed yet" in ann.get(f"{one}?did=asked").text
    assert "Approve" not in ann.get(one).text
    waiting = bob.get("/withdrawals").text
    assert "Waiting for a second person" in waiting
    assert "GREY, Ann" in waiting
    assert "Approve" in bob.get(one).text
    assert send(bob, one, choice="approve").headers["location"] == f"{one}?did=approve"
    assert "shown to nobody any more" in bob.get(f"{one}?did=approve").text
    assert closed_api.get(studies, headers=reader).json() == []
    assert ann.get(asking(made)).status_code == 404

    undoing = send(ann, one, choice="undo", reason="it was right").headers["location"].partition("?")[0]
    assert "GREY, Ann" in bob.get(undoing).text  # whom nobody else sees
    assert send(bob, undoing, choice="approve").status_code == 303
    assert "is shown again as it was" in bob.get(f"{undoing}?did=approve").text
    assert len(closed_api.get(studies, headers=reader).json()) == 1
    with connect(place.database) as connection:
        rows = connection.execute(
            "select distinct actor, action from audit where action like '%%withdrawal' and study_uid = %s"
            " and outcome = 'allowed'",
            (str(made.StudyInstanceUID),),
        ).fetchall()
    assert {("ann", "ask for a withdrawal"), ("bob", "decide over a withdrawal")} <= set(rows)


def test_one_series_of_several_is_withdrawn(
    place: Place, closed_api: httpx.Client, made: Dataset, somebody: Somebody
) -> None:
    other = instance()
    other.StudyInstanceUID, other.SeriesInstanceUID = made.StudyInstanceUID, "1.2.3.9"
    place.keep(str(other.SOPClassUID), str(other.SOPInstanceUID), _EXPLICIT, write(other, _EXPLICIT).data)
    ann, bob = somebody("ann", Role.CONTRIBUTOR), somebody("bob", Role.COORDINATOR)

    parts = re.findall(r'name="part" type="radio" value="([^"]+)"', ann.get(asking(made)).text)
    assert set(parts) == {"study", str(made.SeriesInstanceUID), "1.2.3.9"}
    one = ask(ann, made, "1.2.3.9")
    assert "One series" in bob.get(one).text
    send(bob, one, choice="approve")

    series = f"/dicom-web/studies/{made.StudyInstanceUID}/series"
    left = closed_api.get(series, headers=bearer(place)).json()
    assert [each["0020000E"]["Value"] for each in left] == [[str(made.SeriesInstanceUID)]]


def test_what_is_not_taken_is_said_on_the_page(made: Dataset, somebody: Somebody) -> None:
    ann, bob = somebody("ann", Role.COORDINATOR), somebody("bob", Role.COORDINATOR)

    empty = send(ann, asking(made), part="study", reason=" ")
    assert empty.status_code == 400
    assert "Say why, in a few words" in empty.text
    assert send(ann, asking(made), part="1.2\0", reason="a test picture").status_code == 400
    assert send(ann, asking(made), part="1.2.3", reason="a test picture").status_code == 404
    assert ann.get("/withdrawals/studies/no-uid").status_code == 404
    one = ask(ann, made)
    assert "another person decides" in ann.get(one).text
    assert send(ann, one, choice="approve").status_code == 403  # one's own
    assert bob.post(one, data={"choice": "approve"}).status_code == 403  # no form of ours
    assert send(bob, one, choice="yes").status_code == 400
    assert send(bob, one, choice="reject").status_code == 303
    again = send(bob, one, choice="approve")
    assert again.status_code == 409
    assert "is rejected" in again.text


def test_others_see_nothing_of_it(closed_api: httpx.Client, made: Dataset, somebody: Somebody) -> None:
    ann, reader = somebody("ann", Role.CONTRIBUTOR), somebody("eve", Role.READER)
    stranger = somebody("bob", Role.COORDINATOR, "REM")
    one = ask(ann, made)

    assert closed_api.get(asking(made)).status_code == 401
    for path in (asking(made), one, "/withdrawals"):
        assert reader.get(path).status_code == 403
    assert "Withdraw" not in reader.get("/studies").text
    assert "Withdraw" in ann.get("/studies").text
    assert stranger.get(asking(made)).status_code == stranger.get(one).status_code == 404
    assert "GREY" not in stranger.get("/withdrawals").text
    assert send(ann, one, choice="approve").status_code == 403
