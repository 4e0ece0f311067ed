"""The manifest of a study in the archive, as things stand: what it is made of, and where it is fetched."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson
from psycopg import Connection

from exchange.fhir import document_reference
from exchange.fhir.document_reference import Document
from exchange.fhir.identifiers import Assigners
from exchange.linking.links import link_of
from exchange.manifests.fhir import document_of
from exchange.manifests.kos import Form, kos_of, kos_uid
from exchange.manifests.manifest import Here, Manifest, Material, manifest_of
from exchange.people.directory import person
from exchange.record.ordered import orders_of
from exchange.record.reading import shared_studies
from exchange.registry import trusts_of
from exchange.trusts import Trust

#: Behind it stands a Study Instance UID.
PREFIX = "/manifests"


class Encoding(Enum):
    """In which a manifest is asked for."""

    KOS = "kos"  # XDS-I.b's Key Object Selection
    MADO = "mado"  # MADO's
    FHIR = "fhir"


MEDIA_TYPES = {
    Encoding.KOS: "application/dicom",
    Encoding.MADO: "application/dicom",
    Encoding.FHIR: "application/fhir+json",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A manifest as somebody gets it."""

    uid: str
    body: bytes
    media_type: str


def material_for(connection: Connection[Any], study_uid: str, here: Here) -> Material | None:
    """Of a study of which something shows: whom it is linked to and which orders it answers, as of now."""
    study = shared_studies(connection, [study_uid]).get(study_uid)
    if study is None:
        return None
    link = link_of(connection, study_uid)
    linked = link.decided.person_id if link is not None else None
    return Material(
        study,
        person(connection, linked) if linked is not None else None,
        orders_of(connection, [study_uid]).get(study_uid, ()),
        _holder(connection, study.trust),
        here,
        {each.issuer: each for each in trusts_of(connection)},
    )


def written(material: Material, encoding: Encoding, assigners: Assigners) -> Written:
    """In one of the encodings. `assigners` are the trusts by the issuer of their numbers."""
    if encoding is Encoding.FHIR:
        document = document_of(material, assigners)
        return Written(manifest_of(material).uid, orjson.dumps(document), MEDIA_TYPES[encoding])
    manifest, form = manifest_of(material), Form.MADO if encoding is Encoding.MADO else Form.XDS_I
    return Written(kos_uid(manifest, form), kos_of(manifest, form, assigners), MEDIA_TYPES[encoding])


def documents_of(manifest: Manifest, public_url: str) -> tuple[Document, Document]:
    """What the record is told of it: the two encodings that say the same, and where they are fetched."""
    forms = {
        document_reference.Form.KOS: Encoding.MADO,
        document_reference.Form.FHIR: Encoding.FHIR,
    }
    first, second = (
        Document(form, manifest.uid, address(public_url, manifest.study_uid, encoding), manifest.made_at)
        for form, encoding in forms.items()
    )
    return first, second


def address(public_url: str, study_uid: str, encoding: Encoding) -> str:
    """Where it is fetched (MHD ITI-68): as things stand when it is."""
    return f"{public_url.rstrip('/')}{PREFIX}/{study_uid}?as={encoding.value}"


def _holder(connection: Connection[Any], ods_code: str) -> Trust:
    """The trust whose a study is; by its code alone, where the registry lost it."""
    row = connection.execute(
        "select name, issuer, place, successor from trust where ods_code = %s", (ods_code,)
    ).fetchone()
    return Trust(ods_code, *row) if row else Trust(ods_code, ods_code, ods_code)
