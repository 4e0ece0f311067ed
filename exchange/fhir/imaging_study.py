"""A study (UK Core ImagingStudy; IHE MADO Imaging Study)."""

from collections.abc import Sequence

from exchange.fhir.body_sites import body_site, side
from exchange.fhir.endpoint import endpoint_reference
from exchange.fhir.identifiers import (
    URI,
    Assigners,
    Json,
    accession_identifier,
    oid,
    study_id,
    study_identifier,
)
from exchange.fhir.moments import as_moment
from exchange.fhir.service_request import request_id
from exchange.fhir.subject import is_shielded, security, subject_of
from exchange.fhir.values import concept, modality, procedure_codes, said, spoken
from exchange.orders import Placed
from exchange.people.person import Person
from exchange.record.study import SharedInstance, SharedSeries, SharedStudy

UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-ImagingStudy"
MADO = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoImagingStudy"
_FRAMES = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoNumberOfFrames"
_KEY_OBJECTS = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoKeyObjectDocumentTitle"


def as_imaging_study(
    study: SharedStudy,
    person: Person | None,
    dicomweb: str,
    assigners: Assigners | None = None,
    orders: Sequence[Placed] = (),
) -> Json:
    """A study of which something shows, with all its series and instances.

    `person` is whom it is linked to; `orders` are those that it answers, where its reader can have them. Of a
    study that is linked to nobody the subject is only the number under which it came, with its issuer. Of a
    restricted person nothing is said of who referred them.
    """
    made: Json = {
        "resourceType": "ImagingStudy",
        "id": study_id(study.uid),
        "meta": {"profile": [UK_CORE, MADO], **security(person)},
        "identifier": [study_identifier(study.uid)],
        "status": "available",
        "modality": [modality(each) for each in study.modalities],
        "subject": subject_of(study, person, assigners),
        "started": as_moment(study.date, study.time),
        "basedOn": [],
        "endpoint": [endpoint_reference(dicomweb)],
        "numberOfSeries": len(study.series),
        "numberOfInstances": study.instance_count,
        "procedureCode": procedure_codes(study),
        "description": study.description,
        "series": [_series(each, dicomweb) for each in study.series],
    }
    if study.accession:
        accession = accession_identifier(study.accession, study.accession_issuer, assigners)
        made["identifier"].append(accession)
        made["basedOn"] = [
            *(
                {"reference": f"ServiceRequest/{request_id(each.id)}", "type": "ServiceRequest"}
                for each in orders
            ),
            {"type": "ServiceRequest", "identifier": accession},
        ]
    if study.referring and not is_shielded(person):
        made["referrer"] = {"type": "Practitioner", "display": spoken(study.referring)}
    return said(made)


def _series(series: SharedSeries, dicomweb: str) -> Json:
    return said(
        {
            "uid": series.uid,
            "number": series.number if series.number is None or series.number >= 0 else None,
            "modality": modality(series.modality or "OT"),
            "description": series.description,
            "numberOfInstances": len(series.instances),
            "endpoint": [endpoint_reference(dicomweb)],
            "bodySite": body_site(series.body_part),
            "laterality": side(series.laterality),
            "started": as_moment(series.date, series.time),
            "instance": [_instance(each) for each in series.instances],
        }
    )


def _instance(instance: SharedInstance) -> Json:
    extensions: list[Json] = []
    if instance.frame_count > 1:
        extensions.append({"url": _FRAMES, "valueInteger": instance.frame_count})
    selected = instance.key_objects
    if selected is not None and selected.title is not None and selected.title.value:
        extensions.append({"url": _KEY_OBJECTS, "valueCodeableConcept": concept(selected.title)})
    return said(
        {
            "extension": extensions,
            "uid": instance.uid,
            "sopClass": {"system": URI, "code": oid(instance.sop_class_uid)},
            "number": instance.number if instance.number is None or instance.number >= 0 else None,
            "title": selected.description if selected is not None else "",
        }
    )
