"""A manifest as a DICOM Key Object Selection (PS3.3 §A.35.4, PS3.16 TID 2010), in two forms.

XDS-I.b's (IHE RAD-68) refers to each object, and is what the standard allows today. MADO's (§6.X.2) describes
them too, by value types that a Key Object Selection has only with DICOM CP-2595.

The patient is called by the NHS number where one is verified. In Other Patient IDs Sequence stand it and what
their trust calls them, so that whoever takes it can choose the one they know (MADO §6.X.2.5.1).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from enum import Enum
from uuid import NAMESPACE_OID, uuid5

from exchange.fhir.identifiers import Assigners, accession_system, patient_system
from exchange.fhir.moments import CLOCK
from exchange.manifests import content
from exchange.manifests.content import Members, coded, one, sequence
from exchange.manifests.manifest import ListedSeries, Manifest, Request
from exchange.people.person import Identifier
from exchange.record.study import Coded, SharedInstance
from storage.assembling import assembled
from storage.elements import EXPLICIT_LITTLE
from storage.part10 import write_meta
from storage.rejection_notes import KEY_OBJECT_SELECTION

#: NHS numbers as an OID (NHS Digital).
NHS_OID = "2.16.840.1.113883.2.1.4.1"

_MANUFACTURER = "Imaging Exchange"
_SERIES = Coded("{series}", "UCUM", "series")
_INSTANCES = Coded("{instances}", "UCUM", "instances")
_FRAMES = Coded("{frames}", "UCUM", "frames")
_SCHEMES = (
    {
        "00080102": one("SH", "99IHE"),
        "00080115": one("ST", "IHE Radiology: codes for trial use of MADO"),
        "00080116": one("ST", "IHE International"),
    },
    {
        "00080102": one("SH", "99ODS"),
        "00080115": one("ST", "Organisation Data Service codes"),
        "00080116": one("ST", "NHS England"),
    },
)


class Form(Enum):
    """For whom it is."""

    XDS_I = "xds-i"
    MADO = "mado"


_TITLES = {Form.XDS_I: content.MANIFEST, Form.MADO: content.MANIFEST_WITH_DESCRIPTION}


def kos_of(manifest: Manifest, form: Form = Form.XDS_I, assigners: Assigners | None = None) -> bytes:
    """The Part 10 file (PS3.10 §7.1). Of the same manifest and form it is always the same bytes."""
    meta = write_meta(KEY_OBJECT_SELECTION, kos_uid(manifest, form), EXPLICIT_LITTLE)
    return meta + b"".join(assembled(dict(_members(manifest, form, assigners)), {}))


def kos_uid(manifest: Manifest, form: Form = Form.XDS_I) -> str:
    """SOP Instance UID. MADO's has that of the FHIR document, which says the same (MADO §6.X.3)."""
    if form is Form.MADO:
        return manifest.uid
    return f"2.25.{uuid5(NAMESPACE_OID, f'imx xds-i {manifest.uid}').int}"


def _series_uid(manifest: Manifest) -> str:
    """All manifests of a study that one archive ever makes are one series."""
    return f"2.25.{uuid5(NAMESPACE_OID, f'imx manifests of {manifest.study_uid}').int}"


def _day_and_time(moment: str) -> tuple[str, str]:
    """Of a FHIR dateTime, by the clock that it was written by."""
    return moment[:10].replace("-", ""), moment[11:19].replace(":", "")


def _members(manifest: Manifest, form: Form, assigners: Assigners | None) -> Members:
    # One offset is for all dates and times of a data set: that of the study, where it has one.
    begun = datetime.fromisoformat(manifest.started) if manifest.started else manifest.made_at
    offset = begun.replace(tzinfo=begun.tzinfo or CLOCK).astimezone(CLOCK).utcoffset() or timedelta()
    made = manifest.made_at.astimezone(timezone(offset))
    day, time = _day_and_time(manifest.started)
    return dict(
        sorted(
            {
                "00080005": one("CS", "ISO_IR 192"),
                "00080016": one("UI", KEY_OBJECT_SELECTION),
                "00080018": one("UI", kos_uid(manifest, form)),
                "00080201": one("SH", f"{made:%z}"),
                "00080110": sequence(_SCHEMES),
                **_patient(manifest, assigners),
                **_study(manifest),
                "00080020": one("DA", day),
                "00080030": one("TM", time),
                "00080060": one("CS", "KO"),
                "0020000E": one("UI", _series_uid(manifest)),
                "00200011": one("IS", 1),
                "00081111": sequence(()),
                "00080070": one("LO", _MANUFACTURER),
                "00080080": one("LO", manifest.holder),
                "00080082": sequence([coded(Coded(manifest.holder_code, "99ODS", manifest.holder))]),
                "00200013": one("IS", 1),
                "00080023": one("DA", f"{made:%Y%m%d}"),
                "00080033": one("TM", f"{made:%H%M%S}"),
                **_requests(manifest),
                "0040A375": sequence([_evidence(manifest)]),
                "0040A040": one("CS", "CONTAINER"),
                "0040A043": sequence([coded(_TITLES[form])]),
                "0040A050": one("CS", "SEPARATE"),
                "0040A504": sequence([{"00080105": one("CS", "DCMR"), "0040DB00": one("CS", "2010")}]),
                "0040A730": sequence(_content(manifest, form)),
            }.items()
        )
    )


def _patient(manifest: Manifest, assigners: Assigners | None) -> Members:
    """Patient module (PS3.3 §C.7.1.1)."""
    subject = manifest.subject
    first = subject.identifiers[0] if subject.identifiers else None
    return {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": subject.name}]} if subject.name else one("PN"),
        **(_identifier(first, assigners) if first else {"00100020": one("LO")}),
        "00100030": one("DA", subject.birth_date),
        "00100040": one("CS", subject.sex),
        **(
            {
                "00101002": sequence(
                    {**_identifier(each, assigners), "00100022": one("CS", "TEXT")}
                    for each in subject.identifiers
                )
            }
            if first
            else {}
        ),
    }


def _identifier(identifier: Identifier, assigners: Assigners | None) -> Members:
    if not identifier.issuer:
        return {"00100020": one("LO", identifier.value)}
    system = patient_system(identifier.issuer, assigners)
    qualifiers = {
        **_universal(f"urn:oid:{NHS_OID}" if identifier.is_nhs else system),
        "00400035": one("CS", "NH" if identifier.is_nhs else "MR"),
    }
    return {
        "00100020": one("LO", identifier.value),
        "00100021": one("LO", identifier.issuer),
        "00100024": sequence([qualifiers]),
    }


def _universal(system: str) -> Members:
    """Universal Entity ID (PS3.3 §10.14): what FHIR calls the same numbers."""
    if system.startswith("urn:oid:"):
        return {"00400032": one("UT", system.removeprefix("urn:oid:")), "00400033": one("CS", "ISO")}
    return {"00400032": one("UT", system), "00400033": one("CS", "URI")}


def _accession(number: str, issuer: str) -> Members:
    """Accession Number and its issuer (PS3.3 §10.14)."""
    if not (number and issuer):
        return {"00080050": one("SH", number)}
    named = {"00400031": one("UT", issuer), **_universal(accession_system(issuer))}
    return {"00080050": one("SH", number), "00080051": sequence([named])}


def _study(manifest: Manifest) -> Members:
    """General Study module (PS3.3 §C.7.2.1)."""
    name = manifest.referring
    return {
        "0020000D": one("UI", manifest.study_uid),
        **_accession(manifest.accession, manifest.accession_issuer),
        "00080090": {"vr": "PN", "Value": [{"Alphabetic": name}]} if name else one("PN"),
        "00200010": one("SH"),
        "00081030": one("LO", manifest.description),
        **({"00081032": sequence(coded(each) for each in manifest.codes)} if manifest.codes else {}),
    }


def _requests(manifest: Manifest) -> Members:
    """Referenced Request Sequence (0040,A370), which is there where there are requests (PS3.3 §C.17.6.2)."""
    if not manifest.requests:
        return {}
    return {"0040A370": sequence(_request(each, manifest.study_uid) for each in manifest.requests)}


def _request(request: Request, study_uid: str) -> Members:
    """Referenced Request macro (PS3.3 §C.17.6.2.1): what is not known is empty."""
    return {
        **_accession(request.accession, request.accession_issuer),
        "0020000D": one("UI", study_uid),
        "00081110": sequence(()),
        "00321060": one("LO", request.description),
        "00321064": sequence(()),
        "00401001": one("SH"),
        "00402016": one("LO", request.placer),
        "00402017": one("LO", request.filler),
        **({"00400026": sequence([{"00400031": one("UT", request.trust)}])} if request.trust else {}),
    }


def _evidence(manifest: Manifest) -> Members:
    """Hierarchical SOP Instance Reference macro (PS3.3 §C.17.2.1)."""
    return {
        "00081115": sequence(
            {
                "00080054": one("AE", *each.retrieval.ae_titles),
                "00081190": one("UR", each.retrieval.url),
                "00081199": sequence(
                    content.referenced(instance.sop_class_uid, instance.uid) for instance in each.instances
                ),
                "0020000E": one("UI", each.uid),
                "0040E011": one("UI", each.retrieval.location_uid),
            }
            for each in manifest.series
        ),
        **_display(manifest.viewer_url),
        "0020000D": one("UI", manifest.study_uid),
    }


def _display(viewer_url: str) -> Members:
    """Display URI: a private element until DICOM CP-2595 gives it a tag (MADO §6.X.2.13)."""
    if not viewer_url:
        return {}
    return {"000D0010": one("LO", content.MADO_CREATOR), "000D1001": one("UR", viewer_url)}


def _content(manifest: Manifest, form: Form) -> Iterator[Members]:
    """TID 2010: every reference once more, by its kind; for MADO what is known of each (TID 1600)."""
    for series in manifest.series:
        for each in series.instances:
            yield content.reference(each.sop_class_uid, each.uid)
    if form is Form.XDS_I:
        return
    modalities = [_modality(each) for each in manifest.modalities]
    regions = [_region(each) for each in manifest.regions]
    groups = [content.container(content.IMAGE_LIBRARY_GROUP, list(_group(each))) for each in manifest.series]
    count = content.count_item(content.SERIES_OF_STUDY, len(groups), _SERIES)
    yield content.container(content.IMAGE_LIBRARY, [*modalities, *regions, count, *groups])


def _group(series: ListedSeries) -> Iterator[Members]:
    """A series, and its instances (MADO tables 6.X.2.9-2 and -3)."""
    yield _modality(series.modality)
    day, time = _day_and_time(series.started)
    if day:
        yield content.item("DATE", content.SERIES_DATE, t0040A121=one("DA", day))
    if time:
        yield content.item("TIME", content.SERIES_TIME, t0040A122=one("TM", time))
    if series.description:
        yield content.text_item(content.SERIES_DESCRIPTION, series.description)
    if series.number is not None:
        yield content.text_item(content.SERIES_NUMBER, str(series.number))
    if series.region is not None:
        yield _region(series.region)
    yield content.item("UIDREF", content.SERIES_UID, t0040A124=one("UI", series.uid))
    yield content.count_item(content.INSTANCES_OF_SERIES, len(series.instances), _INSTANCES)
    for each in series.instances:
        yield content.reference(each.sop_class_uid, each.uid, list(_entry(each)))


def _entry(instance: SharedInstance) -> Iterable[Members]:
    if instance.frame_count:
        yield content.count_item(content.NUMBER_OF_FRAMES, instance.frame_count, _FRAMES)
    if instance.number is not None:
        yield content.text_item(content.INSTANCE_NUMBER, str(instance.number))
    # So that whoever looks for key images knows which selections to fetch (MADO table 6.X.2.9-4).
    selected = instance.key_objects
    if selected is not None and selected.title is not None:
        yield _coded_item(content.DOCUMENT_TITLE, selected.title)
    if selected is not None and selected.description:
        yield content.text_item(content.KEY_OBJECT_DESCRIPTION, selected.description)


def _modality(modality: str) -> Members:
    return _coded_item(content.MODALITY, Coded(modality, "DCM", modality))


def _region(region: Coded) -> Members:
    return _coded_item(content.TARGET_REGION, region)


def _coded_item(concept: Coded, value: Coded) -> Members:
    return content.item("CODE", concept, t0040A168=sequence([coded(value)]))
