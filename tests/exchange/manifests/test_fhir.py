"""Manifests as FHIR documents, which say what the Key Object Selections say."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from exchange.fhir.identifiers import Json
from exchange.fhir.values import spoken
from exchange.manifests.fhir import document_of
from exchange.manifests.fhir_in import read_document
from exchange.manifests.kos import Form, kos_of
from exchange.manifests.kos_in import NotAManifest, read_kos
from exchange.manifests.manifest import Manifest, Material, manifest_of
from exchange.people.person import NumberStatus, Sensitivity
from tests.exchange.manifests.material import WIRRAL, material, materials, person

ASSIGNERS = {"RBL": WIRRAL}


def as_fhir_can_say_it(manifest: Manifest) -> Manifest:
    """Without the titles of application entities; who referred as one speaks of them."""
    series = [replace(each, retrieval=replace(each.retrieval, ae_titles=())) for each in manifest.series]
    return replace(manifest, series=tuple(series), referring=spoken(manifest.referring))


@given(materials)
def test_both_encodings_say_the_same(made: Material) -> None:
    (from_kos,) = read_kos(kos_of(manifest_of(made), Form.MADO))
    from_fhir = read_document(document_of(made, ASSIGNERS))
    assert from_kos == manifest_of(made)
    assert from_fhir == as_fhir_can_say_it(from_kos)


@given(materials)
def test_both_encodings_have_a_trusts_own_system(made: Material) -> None:
    system = "https://fhir.wirral.example/Id/mrn"
    assigners = {"RBL": replace(WIRRAL, number_system=system)}
    own = replace(made, assigners=assigners)
    manifest = manifest_of(own)
    has_own = any(each.issuer == "RBL" for each in manifest.subject.identifiers)
    document, key_objects = document_of(own, assigners), kos_of(manifest, Form.MADO, assigners)

    assert read_kos(key_objects) == [manifest]
    assert read_document(document, assigners) == as_fhir_can_say_it(manifest)
    assert (system.encode() in key_objects) is (system in json.dumps(document)) is has_own
    assert (manifest.uid != manifest_of(made).uid) is has_own, "other bytes are another document"


@pytest.mark.parametrize("status", [NumberStatus.VERIFIED, NumberStatus.NOT_TRACED])
@pytest.mark.parametrize("sensitivity", Sensitivity)
def test_the_document_is_fhir(status: NumberStatus, sensitivity: Sensitivity) -> None:
    made = document_of(material(person(status, sensitivity=sensitivity)), ASSIGNERS)
    read = json.loads(Bundle.model_validate(made).model_dump_json())
    assert [each["resource"].keys() for each in read["entry"]] == [
        each["resource"].keys() for each in made["entry"]
    ]


def test_key_objects_are_told_by_their_title_and_description() -> None:
    study = document_of(material(), ASSIGNERS)["entry"][1]["resource"]
    [selection] = [each["instance"][0] for each in study["series"] if each["modality"]["code"] == "KO"]
    title = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "113000"}
    assert selection["title"] == "The nodule, and where it was before"
    assert selection["extension"] == [
        {
            "url": "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoKeyObjectDocumentTitle",
            "valueCodeableConcept": {"coding": [{**title, "display": "Of Interest"}]},
        }
    ]


@given(materials)
def test_every_reference_leads_to_an_entry(made: Material) -> None:
    document = document_of(made, ASSIGNERS)
    addresses = {each["fullUrl"].removeprefix("https://pacs.example/fhir/R4/") for each in document["entry"]}
    assert len(addresses) == len(document["entry"])
    assert set(references(document)) <= addresses


def references(found: object) -> list[str]:
    if isinstance(found, dict):
        own = [found["reference"]] if isinstance(found.get("reference"), str) else []
        return own + [each for value in found.values() for each in references(value)]
    return [each for value in found for each in references(value)] if isinstance(found, list) else []


def test_what_was_typed_is_no_markup() -> None:
    document = document_of(material(description="<script>alert(1)</script>"))
    assert "<script>" not in document["entry"][0]["resource"]["text"]["div"]


@pytest.mark.parametrize(
    "bundle", [{}, {"entry": []}, {"entry": [{"resource": {"resourceType": "Patient"}}]}]
)
def test_what_is_no_document_of_a_study_is_refused(bundle: Json) -> None:
    with pytest.raises(NotAManifest):
        read_document(bundle)


@given(st.integers(min_value=0))
def test_a_document_from_which_something_is_missing_is_read_or_refused(at: int) -> None:
    document = document_of(material(), ASSIGNERS)
    del document["entry"][at % len(document["entry"])]
    with suppress(NotAManifest):
        read_document(document)
