"""A manifest as a FHIR document (IHE MADO §6.X.3): the same as its Key Object Selection says, as resources.

Everything in it has the address that the facade gives it, so that a reader may ask there for what is newer.
"""

from collections.abc import Iterator
from html import escape

from exchange.fhir.endpoint import as_endpoint, as_viewer_endpoint
from exchange.fhir.identifiers import LOINC, SNOMED, URI, Assigners, Json, oid, opaque_id, patient_identifier
from exchange.fhir.imaging_study import as_imaging_study
from exchange.fhir.moments import as_instant
from exchange.fhir.organization import as_organization
from exchange.fhir.patient import GENDERS, as_date, as_name
from exchange.fhir.service_request import as_service_request
from exchange.fhir.subject import security
from exchange.fhir.values import said
from exchange.manifests.manifest import ListedSeries, Manifest, Material, manifest_of, person_name
from exchange.people.person import NumberStatus, Sex
from exchange.record.study import Coded

_MADO = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/"
_DEVICES = "https://profiles.ihe.net/RAD/MADO/CodeSystem/MadoDeviceType"
REGION = f"{_MADO}MadoAnatomicalRegionExtension"
_STUDY = {"coding": [{"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}]}


def document_of(material: Material, assigners: Assigners | None = None) -> Json:
    """The document Bundle (FHIR R4 §3.3.1): its Composition first."""
    manifest = manifest_of(material)
    facade = f"{material.here.public_url.rstrip('/')}/fhir/R4"
    resources = list(_resources(material, manifest, assigners))
    return {
        "resourceType": "Bundle",
        "id": opaque_id("Bundle", manifest.uid),
        "meta": {"profile": [f"{_MADO}MadoFhirBundle"], **security(material.person)},
        "identifier": {"system": URI, "value": oid(manifest.uid)},
        "type": "document",
        "timestamp": as_instant(manifest.made_at),
        "entry": [
            {"fullUrl": f"{facade}/{_address(resource)}", "resource": resource} for resource in resources
        ],
    }


def _resources(material: Material, manifest: Manifest, assigners: Assigners | None) -> Iterator[Json]:
    patient = _patient(material, manifest, assigners)
    holder = as_organization(material.holder)
    device = _device(holder)
    viewer = [as_viewer_endpoint(manifest.study_uid, manifest.viewer_url)] if manifest.viewer_url else []
    study = as_imaging_study(
        material.study, material.person, material.here.dicomweb_url, assigners, material.orders
    )
    study["subject"] = {
        **_reference(patient),
        **({"identifier": patient["identifier"][0]} if "identifier" in patient else {}),
    }
    study["endpoint"] = [*study["endpoint"], *(_reference(each) for each in viewer)]
    if manifest.regions:
        study["extension"] = [
            {"url": REGION, "valueCodeableConcept": _region(each)} for each in manifest.regions
        ]
    yield _composition(manifest, study, patient, [device, holder])
    yield study
    yield patient
    yield as_endpoint(material.here.dicomweb_url)
    yield from viewer
    yield device
    yield holder
    for each in material.orders:
        yield {**as_service_request(each, material.person, assigners), "subject": _reference(patient)}


def _composition(manifest: Manifest, study: Json, patient: Json, authors: list[Json]) -> Json:
    title = manifest.description or "Imaging study"
    return {
        "resourceType": "Composition",
        "id": opaque_id("Composition", manifest.uid),
        "meta": {"profile": [f"{_MADO}MadoComposition"]},
        "text": _narrative(
            ("Study", title),
            ("Started", manifest.started),
            ("Kinds", ", ".join(manifest.modalities)),
            ("Regions", ", ".join(each.meaning for each in manifest.regions)),
            ("Accession number", manifest.accession),
            ("Series", str(len(manifest.series))),
            ("Kept by", manifest.holder),
        ),
        "identifier": {"system": URI, "value": oid(manifest.uid)},
        "status": "final",
        "type": _STUDY,
        "category": [_STUDY],
        "subject": _reference(patient),
        "date": as_instant(manifest.made_at),
        "author": [_reference(each) for each in authors],
        "title": title,
        "custodian": _reference(authors[-1]),
        "event": [{"detail": [_reference(study)]}],
        "section": [_section(each) for each in manifest.series],
    }


def _section(series: ListedSeries) -> Json:
    title = series.description or f"Series {series.modality}"
    count = f"{len(series.instances)} of {series.modality}"
    return {
        "title": title,
        "text": _narrative(("Series", title), ("Started", series.started), ("Objects", count)),
    }


def _narrative(*rows: tuple[str, str]) -> Json:
    """For whoever has no viewer of studies (FHIR R4 §2.34)."""
    told = "".join(f"<li>{escape(name)}: {escape(text)}</li>" for name, text in rows if text)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><ul>{told}</ul></div>'}


def _patient(material: Material, manifest: Manifest, assigners: Assigners | None) -> Json:
    """Whom it is about, and no more of them than the Key Object Selection says."""
    subject, person = manifest.subject, material.known
    numbers = [
        patient_identifier(
            each, NumberStatus.VERIFIED if each.is_nhs else NumberStatus.NOT_PRESENT, assigners
        )
        for each in subject.identifiers
    ]
    return said(
        {
            "resourceType": "Patient",
            "id": str(person.uid) if person else opaque_id("Patient", manifest.study_uid),
            "meta": {"profile": [f"{_MADO}MadoPatient"], **security(material.person)},
            "identifier": numbers,
            "name": [as_name(person_name(subject.name))] if subject.name else [],
            "gender": GENDERS[Sex(subject.sex)] if subject.sex else "",
            "birthDate": as_date(subject.birth_date),
        }
    )


def _device(holder: Json) -> Json:
    """Who made the manifest (MADO Creator)."""
    return {
        "resourceType": "Device",
        "id": opaque_id("Device", "manifests", holder["id"]),
        "meta": {"profile": [f"{_MADO}MadoCreator"]},
        "manufacturer": "Imaging Exchange",
        "type": {"coding": [{"system": _DEVICES, "code": "mado-creator"}]},
        "owner": _reference(holder),
    }


def _region(region: Coded) -> Json:
    return {"coding": [{"system": SNOMED, "code": region.value, "display": region.meaning}]}


def _address(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _reference(resource: Json) -> Json:
    return {"reference": _address(resource), "type": resource["resourceType"]}
