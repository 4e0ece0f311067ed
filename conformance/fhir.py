"""What we serve over FHIR R4: resources and what each is searched by, of the tables that the routes use."""

from viewer_api.fhir.capability import FHIR_VERSION
from viewer_api.fhir.dates import DAYS_LIMIT
from viewer_api.fhir.formats import Format
from viewer_api.fhir.parameters import COUNT, COUNT_LIMIT
from viewer_api.fhir.routes import RESOURCES
from viewer_api.fhir.studies import INSTANCES_LIMIT

#: How the facade is asked and how it answers (FHIR R4 §3.1).
ASKING: tuple[tuple[str, str], ...] = (
    ("Version", FHIR_VERSION),
    ("Formats", ", ".join(f"`{each.value}`" for each in Format)),
    ("Searches", "by GET, and by POST to `_search`; ITI-67 both ways"),
    (
        "Parameters that nobody knows",
        "ignored and left out of the self link; 400 with `Prefer: handling=strict`",
    ),
    ("A patient's number", "counts with its system alone: without one the search is refused"),
    ("A bare accession number", "the asker's own; of an asker without a namespace, anybody's"),
    ("Searches that name nobody and nothing", f"refused (`too-costly`), but for at most {DAYS_LIMIT} days"),
    ("`_count`", f"{COUNT} unless said, at most {COUNT_LIMIT}; a page ends at {INSTANCES_LIMIT:,} instances"),
    ("Pages", "a next link that names nobody, for its reader alone, for 12 hours"),
    ("Instances of a series", "always there; `_elements` leaves out what is not wanted"),
    ("Versions", "ETag and `meta.versionId` of what a resource says; If-None-Match; no history"),
    ("Errors", "OperationOutcome, whatever the status"),
)

#: Transactions of IHE's, and which actor we are.
TRANSACTIONS: tuple[tuple[str, str, str], ...] = (
    ("PDQm ITI-78", "Patient Demographics Supplier", "`Patient`, `Patient/_search`, `Patient/{id}`"),
    ("PDQm ITI-119", "Patient Demographics Supplier", "`POST Patient/$match`"),
    ("PIXm ITI-83", "Patient Identifier Cross-reference Manager", "`GET Patient/$ihe-pix`"),
    (
        "PIXm ITI-104",
        "Patient Identifier Cross-reference Manager",
        "`PUT Patient?identifier=`; a patient is not removed",
    ),
    ("MHD ITI-67", "Document Responder", "`DocumentReference`, `DocumentReference/_search`"),
    ("MHD ITI-68", "Document Responder", "the address in a DocumentReference's attachment"),
    (
        "MADO",
        "Content Creator",
        "`/manifests/{study}?as=mado` (Key Object Selection), `?as=fhir` (document Bundle)",
    ),
    ("XDS-I.b, the document of RAD-68", "Content Creator", "`/manifests/{study}?as=kos`"),
    (
        "IID RAD-106",
        "Image Display",
        "`/IHEInvokeImageDisplay`; an NHS number means the studies linked to whoever has it",
    ),
)
#: What we ask others, where they are set.
ASKED: tuple[tuple[str, str], ...] = (
    ("PDS FHIR API, `GET Patient/{NHS number}`", "superseded, restricted, invalidated, unknown; ETag"),
    (
        "PDS FHIR API, `GET Patient`",
        "family, given*, birthdate, address-postalcode*, _history; one match alone",
    ),
    ("OAuth 2.0 client credentials", "signed JWT (RFC 7523), RS512"),
)


def resources() -> list[tuple[str, str, str, str]]:
    """Each resource: what may be done, its parameters, what can be included."""
    return [
        (
            each.type,
            ", ".join((*each.interactions, *(f"${one.name}" for one in each.operations))),
            ", ".join(f"`{parameter.name}`" for parameter in each.parameters),
            ", ".join(f"`{name.partition(':')[2]}`" for name in each.includes),
        )
        for each in RESOURCES
    ]
