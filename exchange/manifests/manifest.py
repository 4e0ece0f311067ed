"""What a manifest says, in whichever encoding (IHE RAD XDS-I.b RAD-68, MADO). Pure.

A manifest is of one study. It is made when it is asked for, of how things stand: its UID is made of what it
says, so that it changes exactly when that does, and the same UID is always the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

import orjson

from exchange.fhir.body_sites import body_site
from exchange.fhir.endpoint import retrieve_location
from exchange.fhir.identifiers import SNOMED, code_system, scheme_of
from exchange.fhir.moments import as_moment
from exchange.fhir.subject import is_shielded
from exchange.manifests.regions import regions_of
from exchange.order import Order
from exchange.orders import Placed
from exchange.people.person import Identifier, Person, PersonName
from exchange.record.link import viewer_link
from exchange.record.study import Coded, KeyObjects, SharedInstance, SharedSeries, SharedStudy
from exchange.trusts import Trust

#: Raised when the same would be written otherwise: the UIDs are then others, too.
_RULES = "1"

_SEXES = frozenset("FMO")


@dataclass(frozen=True, slots=True)
class Here:
    """How others get at what is kept here."""

    public_url: str  # scheme and host that readers use
    ae_title: str

    @property
    def dicomweb_url(self) -> str:
        """Base of the DICOMweb services (IHE RAD TF-2 §4.107)."""
        return f"{self.public_url.rstrip('/')}/dicom-web"

    @property
    def retrieval(self) -> "Retrieval":
        """Of every series."""
        titles = (self.ae_title,) if self.ae_title else ()
        return Retrieval(titles, retrieve_location(self.dicomweb_url), self.dicomweb_url)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How a series is got, as far as is known."""

    ae_titles: tuple[str, ...] = ()  # C-MOVE; FHIR has no place for them
    location_uid: str = ""
    url: str = ""  # base of WADO-RS


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose it is. The first identifier is the one by which the record knows them."""

    identifiers: tuple[Identifier, ...]
    name: str  # DICOM person name
    birth_date: str  # YYYYMMDD or ""
    sex: str  # F, M, O or ""


@dataclass(frozen=True, slots=True)
class Request:
    """An order that the study answers."""

    accession: str
    accession_issuer: str
    placer: str = ""
    filler: str = ""
    trust: str = ""  # ODS code of who placed it
    description: str = ""


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """A series and what is got of it."""

    uid: str
    modality: str
    number: int | None
    description: str
    region: Coded | None  # where on the body
    started: str  # as Manifest.started
    retrieval: Retrieval
    instances: tuple[SharedInstance, ...]  # frame_count is 0 where there are not several


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One study: whose it is, what it holds, how it is got."""

    uid: str  # of the document, in FHIR as in MADO's KOS
    made_at: datetime
    holder: str  # whose the study is: name
    holder_code: str  # and ODS code
    study_uid: str
    started: str  # FHIR dateTime by the region's clock: to the second, to the day, or ""
    accession: str
    accession_issuer: str
    description: str
    codes: tuple[Coded, ...]
    regions: tuple[Coded, ...]  # where on the body, coarsely
    referring: str  # DICOM person name
    subject: Subject
    requests: tuple[Request, ...]
    series: tuple[ListedSeries, ...]
    viewer_url: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(each.modality for each in self.series))


@dataclass(frozen=True, slots=True)
class Material:
    """What a manifest is made of."""

    study: SharedStudy
    person: Person | None  # whom the study is linked to
    orders: Sequence[Placed]  # that it answers
    holder: Trust  # whose the study is
    here: Here
    assigners: Mapping[str, Trust] = field(default_factory=dict)  # trusts, by the issuer of their numbers

    @property
    def known(self) -> Person | None:
        """Only a verified NHS number goes out as one: a reader could not tell another from it."""
        return self.person if self.person is not None and self.person.is_verified else None


def manifest_of(material: Material) -> Manifest:
    """The manifest of a study as it stands now.

    Of somebody whose record is restricted it does not say who referred them: that would tell where they live.
    """
    study, here = material.study, material.here
    manifest = Manifest(
        uid="",
        # The newest of what it names: whoever makes it again makes the same.
        made_at=study.last_kept_at.astimezone(UTC).replace(microsecond=0),
        holder=material.holder.name,
        holder_code=material.holder.ods_code,
        study_uid=study.uid,
        started=started(study.date, study.time),
        accession=study.accession,
        accession_issuer=study.accession_issuer if study.accession else "",
        description=study.description,
        codes=tuple(_code(each) for each in study.codes if each.value and each.scheme),
        regions=regions_of(each.body_part for each in study.series),
        referring="" if is_shielded(material.person) else person_name(study.referring).dicom,
        subject=_subject(study, material.known),
        requests=_requests(material),
        series=tuple(_listed(each, here.retrieval) for each in study.series),
        viewer_url=viewer_link(here.public_url, study.uid),
    )
    said = orjson.dumps(replace(manifest, uid=" ".join([_RULES, *_systems(manifest, material.assigners)])))
    return replace(manifest, uid=f"2.25.{uuid5(NAMESPACE_OID, said.decode()).int}")


def _systems(manifest: Manifest, assigners: Mapping[str, Trust]) -> Iterable[str]:
    """Under which numbers go out, where those are not ours: it is another document then."""
    trusts = [assigners.get(each.issuer) for each in manifest.subject.identifiers]
    return [each.number_system for each in trusts if each and each.number_system]


def started(day: str, at: str = "") -> str:
    """A DA and a TM as a moment; "" for what is no whole day of our time.

    Before 1900 nobody who lives was born, and the clocks of this country were not whole hours apart.
    """
    moment = as_moment(day, at)
    return moment if len(moment) >= len("YYYY-MM-DD") and moment >= "1900" else ""


def person_name(text: str) -> PersonName:
    """The alphabetic group of a DICOM person name (PS3.5 §6.2.1), without components that are empty."""
    parts = [part.strip() for part in text.split("=")[0].split("^")]
    family, given, middle, prefix, suffix, *_ = [*parts, "", "", "", "", ""]
    return PersonName(family, tuple(each for each in (given, middle) if each), prefix, suffix)


def _subject(study: SharedStudy, person: Person | None) -> Subject:
    own = Identifier(study.patient_id, study.patient_issuer)
    # An NHS number that a study was sent with is a sender's claim.
    numbers = [own] if own.value and own.issuer and not own.is_nhs else []
    sex = study.sex if study.sex in _SEXES else ""
    born = started(study.birth_date)
    if person is None:
        return Subject(tuple(numbers), person_name(study.patient_name).dicom, born.replace("-", ""), sex)
    said = person.demographics
    return Subject(
        (person.identifier, *numbers),
        person_name(said.name.dicom or study.patient_name).dicom,
        (started(said.birth_date) or born).replace("-", ""),
        said.sex.value or sex,
    )


def _requests(material: Material) -> tuple[Request, ...]:
    """The orders it answers; where none is known, its accession number alone."""
    study = material.study
    if material.orders:
        return tuple(_request(each.order) for each in material.orders)
    return (Request(study.accession, study.accession_issuer),) if study.accession else ()


def _request(order: Order) -> Request:
    issuer = order.accession_issuer if order.accession else ""
    return Request(order.accession, issuer, order.placer, order.filler, order.trust, order.description)


def _listed(series: SharedSeries, retrieval: Retrieval) -> ListedSeries:
    site = body_site(series.body_part) or {}
    return ListedSeries(
        series.uid,
        series.modality or "OT",
        _counted(series.number),
        series.description,
        Coded(site["code"], "SCT", site["display"]) if site.get("system") == SNOMED else None,
        started(series.date, series.time),
        retrieval,
        tuple(
            SharedInstance(
                each.uid,
                each.sop_class_uid,
                _counted(each.number),
                each.frame_count if each.frame_count > 1 else 0,
                _key_objects(each.key_objects),
            )
            for each in series.instances
        ),
    )


def _key_objects(said: KeyObjects | None) -> KeyObjects | None:
    if said is None:
        return None
    title = said.title if said.title is not None and said.title.value and said.title.scheme else None
    return (
        KeyObjects(_code(title) if title else None, said.description) if title or said.description else None
    )


def _counted(number: int | None) -> int | None:
    """Only what counts up: others FHIR cannot say (unsignedInt)."""
    return number if number is not None and number >= 0 else None


def _code(code: Coded) -> Coded:
    """Of designators that mean one scheme, the one that is written everywhere."""
    return Coded(code.value, scheme_of(code_system(code.scheme)) or code.scheme, code.meaning or code.value)
