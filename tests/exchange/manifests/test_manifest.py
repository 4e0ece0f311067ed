"""What a manifest says, and when it is another."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given

from exchange.manifests.kos import kos_of
from exchange.manifests.manifest import Here, Material, manifest_of
from exchange.people.person import Identifier, NumberStatus, Sensitivity
from tests.exchange.manifests.material import KEPT_AT, manifest, material, materials, person, study


@given(materials)
def test_the_same_study_has_the_same_manifest(given_material: Material) -> None:
    one, other = (manifest_of(given_material) for _ in range(2))
    assert (one.uid, kos_of(one)) == (other.uid, kos_of(other))


def test_it_is_another_when_instances_come_and_go_or_the_patient_is_another() -> None:
    listed = study().series
    changed = [
        manifest(series=listed[:-1]),
        manifest(last_kept_at=KEPT_AT + timedelta(seconds=1)),
        manifest(patient_id="654321"),
        manifest_of(replace(material(), person=None)),
        manifest_of(replace(material(), here=Here("https://other.example", "IMX"))),
    ]
    assert len({each.uid for each in (manifest(), *changed)}) == len(changed) + 1


def test_only_a_verified_number_is_told() -> None:
    doubted = manifest(person(NumberStatus.NOT_TRACED))
    assert doubted.subject.identifiers == (Identifier("123456", "RBL"),)
    assert doubted.subject.name == "ONEILL^RUTH"
    assert manifest().subject.name == "O'Neill^Ruth"
    claimed = manifest(person(NumberStatus.NOT_TRACED), patient_id="9990000018", patient_issuer="NHS")
    assert claimed.subject.identifiers == ()


def test_of_a_restricted_person_it_does_not_say_who_referred_them() -> None:
    assert manifest().referring == "Gray^Anna"
    for status in (NumberStatus.VERIFIED, NumberStatus.NOT_TRACED):
        assert manifest(person(status, sensitivity=Sensitivity.RESTRICTED)).referring == ""
