"""What nobody means well by, sent to the FHIR facade: refused in words, and never a fault of ours."""

from collections.abc import Iterator

import httpx
import orjson
import pytest

from exchange.people.person import Identifier
from exchange.policy import Role
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.fhir.people import fill, known
from tests.viewer_api.fhir.test_patient_feed import URL, WIRRAL, local, nhs, patient

#: Texts that no index of the database takes, however well it packs them.
LONG = "".join(chr(0x4E00 + number) for number in range(9_000))
DEPTHS = (50, 200, 400, 1_020)


_ODD: tuple[object, ...] = (
    None, 1, "x", [], {}, [None], [1], [[]], [{}], {"a": 1}, [{"use": [1]}], [{"value": {}}],
)  # fmt: skip


def extended(depth: int) -> bytes:
    """A Patient with an extension in an extension in …"""
    deep = (
        b'{"url":"http://a/b","extension":[' * depth
        + b'{"url":"http://a/b","valueString":"x"}'
        + b"]}" * depth
    )
    return orjson.dumps(said(extension=["here"])).replace(b'"here"', deep)


def said(**more: object) -> dict[str, object]:
    return patient(local("9"), nhs("9990000042", "01"), **more)


def bodies() -> Iterator[bytes]:
    """JSON that is no patient, or an odd one."""
    texts = ("a\0b", "\0", "a" * 100_000, LONG, "\u202e\ud7ff", " ")
    for text in texts:
        yield orjson.dumps(said(name=[{"family": text}]))
        yield orjson.dumps(said(name=[{"family": "x", "given": [text]}]))
        yield orjson.dumps(said(address=[{"postalCode": text}]))
        yield orjson.dumps(patient(local("9"), local(text)))
        yield orjson.dumps(said(generalPractitioner=[{"identifier": {"value": text}}]))
    for birth in ("2", 2, -5, 1.5, 2**62, True):
        yield orjson.dumps(said(multipleBirthInteger=birth))
    for name in (
        "identifier",
        "name",
        "address",
        "meta",
        "link",
        "contained",
        "extension",
        "birthDate",
        "_name",
    ):
        for value in _ODD:
            yield orjson.dumps(said(**{name: value}))
    yield orjson.dumps(said(contained=[{"resourceType": "Foo"}]))
    yield orjson.dumps(said(contained=["x", {"resourceType": 3}]))
    yield orjson.dumps(said())[:-1] + b',"birthDate":"1999-01-01","identifier":[]}'
    yield orjson.dumps(said()).replace(b'"Mohr"', b'"\\ud800"')
    yield b'{"resourceType":"Patient","multipleBirthInteger":1' + b"0" * 400 + b"}"
    yield b'{"resourceType":"Patient","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield from (b"", b"null", b"[]", b'{"resourceType":["Patient"]}', b"\xff\xfe", b"\xef\xbb\xbf{}")
    yield from map(extended, DEPTHS)


def xml(inner: str, before: str = "") -> bytes:
    return f'{before}<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>'.encode()


def xml_bodies() -> Iterator[bytes]:
    """XML that no reader should trust."""
    number = f'<identifier><system value="{WIRRAL}"/><value value="9"/></identifier>'
    yield xml(number, '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>')
    yield xml(f"{number}&a;", '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>')
    yield xml('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>')
    for encoding in ("utf-7", "idna", "zip", "punycode", "undefined", "EUC-JP"):
        yield xml(number, f'<?xml version="1.0" encoding="{encoding}"?>')
    for depth in (100, 20_000):
        yield xml('<extension url="a">' * depth + "</extension>" * depth)
        yield xml("<a>" * depth + "</a>" * depth)
    yield xml("".join(f'<a{each} xmlns:b{each}="c"/>' for each in range(20_000)))
    yield xml("<a " + " ".join(f'a{each}="1"' for each in range(50_000)) + "/>")
    yield xml("<zz/>" * 100_000)
    yield xml(number * 20_000)
    yield xml(f'<birthDate value="{"x" * 100_000}"/>')
    yield b'<Foo xmlns="http://hl7.org/fhir"/>'
    yield b"\0\1"


@pytest.fixture
def pas(place: Place, closed_api: httpx.Client) -> httpx.Client:
    fill(place)
    closed_api.headers.update(bearer(place, Role.FEEDER, "pas", "RBL"))
    return closed_api


@pytest.mark.parametrize(("kind", "sent"), [("json", bodies), ("xml", xml_bodies)])
def test_whatever_is_sent_is_taken_or_refused(
    place: Place, pas: httpx.Client, kind: str, sent: object
) -> None:
    assert callable(sent)
    reader = bearer(place, Role.READER, "reader", "RBL")
    for body in sent():
        headers = {"Content-Type": f"application/fhir+{kind}"}
        told = pas.put(URL, params={"identifier": f"{WIRRAL}|9"}, content=body, headers=headers)
        asked = pas.post(f"{URL}/$match", content=body, headers={**headers, **reader})

        assert told.status_code < 500, (body[:200], told.text)
        assert asked.status_code < 500, (body[:200], asked.text)
    assert pas.put(URL, params={"identifier": f"{WIRRAL}|9"}, json=said()).status_code in (200, 201)
    assert known(place, Identifier("9", "RBL")).demographics.name.family == "Mohr"
