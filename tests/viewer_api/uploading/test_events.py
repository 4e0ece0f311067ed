"""Uploads as they go on, told while they do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from psycopg import connect

from tests.viewer_api.conftest import Place
from tests.viewer_api.uploading.conftest import Client, Someone
from viewer_api.uploading import events
from viewer_api.uploading.events import last_event


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_EVERY_S", 0.02)


class Stream:
    """What a browser's EventSource hears."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.last = ""

    def next(self) -> dict[str, Any] | None:
        """The next event; None at the end."""
        for line in self._lines:
            if line.startswith("id: "):
                self.last = line[4:]
            if line.startswith("data: "):
                found: dict[str, Any] = orjson.loads(line[6:])
                return found
        return None


@contextmanager
def watching(client: Client, path: str, last: str = "") -> Iterator[Stream]:
    headers = {**client.headers, "Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    with client.http.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        yield Stream(answer.iter_lines())


def end(place: Place, url: str, state: str = "kept") -> None:
    with connect(place.database) as connection:
        connection.execute("update upload set state = %s where id = %s", (state, url.rpartition("/")[2]))


def test_an_upload_is_told_until_it_has_ended(place: Place, client: Client) -> None:
    url = client.begun(6)
    with watching(client, f"{url}/events") as stream:
        first = stream.next()
        assert first is not None
        assert (first["state"], first["received"]) == ("receiving", 0)
        client.send(url, 0, b"abc")
        second = stream.next()
        while second is not None and second["received"] == 0:  # who sends was noted first
            second = stream.next()
        assert second is not None
        assert second["received"] == 3
        end(place, url)
        last = second
        while (event := stream.next()) is not None:
            last = event
        assert last["state"] == "kept"
        ended = stream.last

    again = client.http.get(f"{url}/events", headers={**client.headers, "Last-Event-ID": ended})
    assert again.status_code == 204


def test_who_comes_back_hears_what_changed_meanwhile(place: Place, client: Client) -> None:
    first, second = client.begun(6), client.begun(6)
    with watching(client, "/uploads/events") as stream:
        heard = [stream.next(), stream.next()]
        last = stream.last
    assert {each["url"] for each in heard if each} == {first, second}

    end(place, first, "refused")
    with watching(client, "/uploads/events", last) as stream:
        event = stream.next()
    assert event is not None
    assert (event["url"], event["state"]) == (first, "refused")


def test_nobody_hears_of_another_persons(place: Place, someone: Someone) -> None:
    robin, jay = someone("robin"), someone("jay")
    url, own = robin.begun(6), jay.begun(6)

    assert jay.http.get(f"{url}/events", headers=jay.headers).status_code == 404
    assert jay.http.get("/uploads/events").status_code == 401
    with watching(jay, "/uploads/events") as stream:
        event = stream.next()
    assert event is not None
    assert event["url"] == own


def test_streams_are_bounded_and_speak_when_nothing_happens(
    place: Place, client: Client, someone: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STREAMS_A_PERSON", 1)
    monkeypatch.setattr(events, "SILENT_S", 0.01)
    monkeypatch.setattr(events, "STREAM_S", 0.5)
    with client.http.stream("GET", "/uploads/events", headers=client.headers) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        refused = client.http.get("/uploads/events", headers=client.headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert ": still here" in list(lines)  # and it ends by itself
    with watching(someone("jay"), "/uploads/events"):
        pass


@pytest.mark.parametrize(
    ("text", "number"), [("", 0), ("12", 12), ("-1", 0), ("x", 0), ("9" * 30, 0), ("٣", 0)]
)
def test_any_last_event_is_read(text: str, number: int) -> None:
    assert last_event(text) == number
