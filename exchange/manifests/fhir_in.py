"""A FHIR document read as a manifest (IHE MADO §6.X.3): what its Key Object Selection would say."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exchange.fhir.identifiers import (
    ODS_ORGANISATION,
    SNOMED,
    STUDY_UID,
    Assigners,
    Json,
    issuer_in,
    scheme_of,
)
from exchange.fhir.patient import GENDERS
from exchange.manifests.fhir import REGION
from exchange.manifests.kos_in import NotAManifest
from exchange.manifests.manifest import ListedSeries, Manifest, Request, Retrieval, Subject
from exchange.people.person import Identifier, PersonName
from exchange.record.study import Coded, KeyObjects, SharedInstance

_OID = "urn:oid:"
_SEXES = {word: sex.value for sex, word in GENDERS.items()}


def read_document(bundle: Json, assigners: Assigners | None = None) -> Manifest:
    """What it says. Retrieve AE Titles have no place in FHIR, and who referred is only spoken of.

    `assigners` are the trusts, by the issuer of their numbers.

    Raises NotAManifest.
    """
    entries = {str(each.get("fullUrl", "")): each.get("resource", {}) for each in bundle.get("entry", ())}
    try:
        return _manifest(bundle, _Resources(entries), assigners)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise NotAManifest("not a FHIR document of an imaging study") from error


class _Resources:
    """Those of a document, by kind and by reference."""

    def __init__(self, by_address: Mapping[str, Json]) -> None:
        self._by_address = by_address

    def of(self, kind: str) -> list[Json]:
        return [each for each in self._by_address.values() if each.get("resourceType") == kind]

    def referred(self, reference: str) -> Json:
        """By its address, whole or without the server's (FHIR R4 §3.1.5). Raises KeyError."""
        for address, each in self._by_address.items():
            if address == reference or address.endswith(f"/{reference}"):
                return each
        raise KeyError(reference)


def _manifest(bundle: Json, resources: _Resources, assigners: Assigners | None) -> Manifest:
    (study,) = resources.of("ImagingStudy")
    patient = resources.referred(study["subject"]["reference"])
    holder = resources.of("Organization")[0] if resources.of("Organization") else {}
    endpoints = [resources.referred(each["reference"]) for each in study.get("endpoint", ())]
    numbers = [each["identifier"] for each in study.get("basedOn", ()) if "identifier" in each]
    accession, issuer = _accession(numbers[0] if numbers else {})
    requests = tuple(_request(each) for each in resources.of("ServiceRequest"))
    return Manifest(
        uid=bundle["identifier"]["value"].removeprefix(_OID),
        made_at=datetime.fromisoformat(bundle["timestamp"]).astimezone(UTC),
        holder=holder.get("name", ""),
        holder_code=_identified(holder, ODS_ORGANISATION),
        study_uid=_identified(study, STUDY_UID).removeprefix(_OID),
        started=_moment(study),
        accession=accession,
        accession_issuer=issuer,
        description=study.get("description", ""),
        codes=tuple(_codes(study.get("procedureCode", ()))),
        regions=tuple(_regions(study)),
        referring=study.get("referrer", {}).get("display", ""),
        subject=_subject(patient, assigners),
        requests=requests or ((Request(accession, issuer),) if accession else ()),
        series=tuple(_series(each, resources) for each in study["series"]),
        viewer_url=next(
            (each["address"] for each in endpoints if each["connectionType"]["code"] == "web-viewer"), ""
        ),
    )


def _regions(study: Json) -> Iterator[Coded]:
    for each in study.get("extension", ()):
        if each.get("url") == REGION:
            yield from _codes([each["valueCodeableConcept"]])


def _series(series: Json, resources: _Resources) -> ListedSeries:
    endpoint = resources.referred(series["endpoint"][0]["reference"])
    site = series.get("bodySite", {})
    return ListedSeries(
        series["uid"],
        series["modality"]["code"],
        series.get("number"),
        series.get("description", ""),
        Coded(site["code"], "SCT", site.get("display", "")) if site.get("system") == SNOMED else None,
        _moment(series),
        Retrieval((), str(_extension(endpoint, "valueString") or ""), endpoint["address"]),
        tuple(
            SharedInstance(
                each["uid"],
                each.get("sopClass", {}).get("code", "").removeprefix(_OID),
                each.get("number"),
                int(_extension(each, "valueInteger") or 0),
                _key_objects(each),
            )
            for each in series["instance"]
        ),
    )


def _key_objects(instance: Json) -> KeyObjects | None:
    titles = _codes(filter(None, [_extension(instance, "valueCodeableConcept")]))
    title, text = next(titles, None), instance.get("title", "")
    return KeyObjects(title, text) if title or text else None


def _moment(resource: Json) -> str:
    found: str = resource.get("started", "")
    return found if len(found) >= len("YYYY-MM-DD") and found >= "1900" else ""


def _extension(resource: Json, value: str) -> Any:
    return next((each[value] for each in resource.get("extension", ()) if value in each), None)


def _codes(concepts: Iterable[Json]) -> Iterator[Coded]:
    for concept in concepts:
        for each in concept.get("coding", ()):
            scheme = scheme_of(each.get("system", ""))
            if scheme and each.get("code"):
                yield Coded(each["code"], scheme, each.get("display") or each["code"])


def _subject(patient: Json, assigners: Assigners | None) -> Subject:
    name: Json = next(iter(patient.get("name", ())), {})
    return Subject(
        tuple(_patient_number(each, assigners) for each in patient.get("identifier", ())),
        PersonName(
            name.get("family", ""),
            tuple(name.get("given", ())),
            " ".join(name.get("prefix", ())),
            " ".join(name.get("suffix", ())),
        ).dicom,
        patient.get("birthDate", "").replace("-", ""),
        _SEXES.get(patient.get("gender", ""), ""),
    )


def _patient_number(identifier: Json, assigners: Assigners | None) -> Identifier:
    system = identifier.get("system", "")
    return Identifier(identifier["value"], issuer_in(system, assigners) or system)


def _accession(identifier: Json) -> tuple[str, str]:
    return identifier.get("value", ""), issuer_in(identifier.get("system", "")) or ""


def _request(request: Json) -> Request:
    numbers = {
        coding["code"]: each
        for each in request.get("identifier", ())
        for coding in each.get("type", {}).get("coding", ())
    }
    return Request(
        *_accession(numbers.get("ACSN", {})),
        numbers.get("PLAC", {}).get("value", ""),
        numbers.get("FILL", {}).get("value", ""),
        next((each["identifier"]["value"] for each in request.get("performer", ())), ""),
        request.get("code", {}).get("text", ""),
    )


def _identified(resource: Json, system: str) -> str:
    return next(
        (each["value"] for each in resource.get("identifier", ()) if each.get("system") == system), ""
    )
