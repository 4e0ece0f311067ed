"""Manifests over HTTP: of what shows now, to those who may, and written down."""

from io import BytesIO

import httpx
import psycopg
import pydicom
import pytest
from pydicom.uid import CTImageStorage, TwelveLeadECGWaveformStorage

from exchange.linking.link import LINKER, Decided, LinkState
from exchange.linking.links import keep_link
from exchange.manifests.fhir_in import read_document
from exchange.manifests.kos_in import read_kos
from exchange.people.person import Demographics, Identifier, NumberStatus, PersonName, Record, Sex
from exchange.people.telling import tell
from exchange.policy import Role
from tests.exchange.people.test_directory import said
from tests.storage.shelf import origin
from tests.viewer_api.conftest import Place, bearer
from tests.viewer_api.material import an_image, kept

NUMBER = "9990000018"


def send(place: Place, number: int, sop_class: str = CTImageStorage) -> None:
    about = {"PatientID": "123456", "PatientName": "O'Neill^Ruth", "PatientBirthDate": "19710304"}
    kept(place, an_image(f"1.2.1.1.{number}", SOPClassUID=sop_class, **about), origin=origin("RBL"))


def link(place: Place) -> None:
    """To Ruth O'Neill, whose number is verified."""
    with psycopg.connect(place.database) as connection:
        name = Demographics((PersonName("O'Neill", ("Ruth",)),), "19710304", Sex.FEMALE)
        nhs = Record(Identifier.nhs(NUMBER), name, NUMBER, NumberStatus.VERIFIED)
        tell(connection, nhs, said())
        person = connection.execute("select id from person_record where issuer = 'NHS'").fetchone()
        study = connection.execute("select id from study").fetchone()
        assert person is not None
        assert study is not None
        keep_link(connection, study[0], Decided(LinkState.LINKED, person[0], ()), LINKER, by_hand=False)


@pytest.fixture
def held(place: Place) -> Place:
    send(place, 1)
    send(place, 2, TwelveLeadECGWaveformStorage)
    link(place)
    return place


def test_every_encoding_says_what_shows_and_whose_it_is(open_api: httpx.Client, held: Place) -> None:
    kos, mado, fhir = (
        open_api.get("/manifests/1.2.1", params={"as": each}) for each in ("kos", "mado", "fhir")
    )
    assert kos.headers["content-type"] == "application/dicom"
    assert fhir.headers["content-type"] == "application/fhir+json"
    (of_kos,), (of_mado,) = read_kos(kos.content), read_kos(mado.content)
    of_fhir = read_document(fhir.json())
    for each in (of_kos, of_mado, of_fhir):
        assert each.subject.identifiers == (Identifier.nhs(NUMBER), Identifier("123456", "RBL"))
        assert [n.uid for n in each.series[0].instances] == ["1.2.1.1.1", "1.2.1.1.2"]
        assert each.series[0].retrieval.url == f"{str(open_api.base_url).rstrip('/')}/dicom-web"
    assert of_mado.uid == of_fhir.uid
    assert pydicom.dcmread(BytesIO(kos.content)).SOPInstanceUID == of_kos.uid != of_mado.uid


def test_it_is_made_anew_when_instances_come_and_a_reader_who_has_it_hears_so(
    open_api: httpx.Client, held: Place
) -> None:
    first = open_api.get("/manifests/1.2.1")
    known = {"If-None-Match": first.headers["etag"]}
    assert open_api.get("/manifests/1.2.1", headers=known).status_code == httpx.codes.NOT_MODIFIED
    send(held, 3)
    later = open_api.get("/manifests/1.2.1", headers=known)
    assert later.status_code == httpx.codes.OK
    assert len(read_kos(later.content)[0].series[0].instances) == 3


def test_what_a_rejection_hides_is_not_in_it(open_api: httpx.Client, held: Place) -> None:
    with psycopg.connect(held.database) as connection:
        connection.execute("update instance set hidden = true where uid = '1.2.1.1.1'")
    (made,) = read_kos(open_api.get("/manifests/1.2.1").content)
    assert [each.uid for each in made.series[0].instances] == ["1.2.1.1.2"]


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("*/*", "application/dicom"),
        ("application/fhir+json", "application/fhir+json"),
        ("application/dicom", "application/dicom"),
    ],
)
def test_without_a_wish_in_the_address_accept_decides(
    open_api: httpx.Client, held: Place, accept: str, found: str
) -> None:
    assert open_api.get("/manifests/1.2.1", headers={"Accept": accept}).headers["content-type"] == found


def test_what_is_not_held_or_asked_for_wrongly_is_said(open_api: httpx.Client, held: Place) -> None:
    assert open_api.get("/manifests/1.2.999").status_code == httpx.codes.NOT_FOUND
    assert open_api.get("/manifests/nothing").status_code == httpx.codes.NOT_FOUND
    assert open_api.get("/manifests/1.2.1", params={"as": "pdf"}).status_code == httpx.codes.BAD_REQUEST


def test_only_who_may_see_a_record_has_it_and_each_look_is_written_down(
    closed_api: httpx.Client, held: Place
) -> None:
    assert closed_api.get("/manifests/1.2.1").status_code == httpx.codes.UNAUTHORIZED
    auditor = bearer(held, Role.AUDITOR, "al")
    assert closed_api.get("/manifests/1.2.1", headers=auditor).status_code == httpx.codes.FORBIDDEN
    ann = bearer(held, Role.READER, "ann")
    assert closed_api.get("/manifests/1.2.1", headers=ann).status_code == httpx.codes.OK
    with psycopg.connect(held.database) as connection:
        rows = connection.execute(
            "select actor, action, study_uid, outcome, person = (select uid from person_record"
            " where issuer = 'NHS') from audit order by id"
        ).fetchall()
    assert rows[-1] == ("ann", "see a person's record", "1.2.1", "allowed", True)
    assert [row[3] for row in rows] == ["refused", "refused", "allowed"]
