"""The DICOM conformance statement, rendered from the tables in the code, in the order of PS3.2 §N.

`python -m conformance.statement` writes docs/conformance-statement.md. A test holds the published file to it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from conformance.dimse import (
    CALLED,
    COMMITMENT_FAILURES,
    OPERATIONS,
    SERVED,
    STORE_STATUSES,
    Service,
    Statuses,
)
from conformance.fhir import ASKED, ASKING, TRANSACTIONS, resources
from conformance.hl7 import messages
from conformance.markdown import status, table
from conformance.record import ways
from conformance.web import SEARCHING, answered, matched, routes
from conformance.web_objects import RENDERING, RETRIEVED, STORING, errors, instance_targets, syntaxes
from dicom_router.contexts import (
    LOSSLESS,
    LOSSY,
    NATIVE,
    REFUSED_STORAGE_CLASSES,
    REFUSED_TRANSFER_SYNTAXES,
    STORAGE_CLASSES,
    UNCOMPRESSED,
    VIDEO,
    name_of,
)
from dicom_router.errors import Rejection
from dicom_router.services.commitment_report import STORAGE_COMMITMENT
from dicom_router.settings import CallingSettings, RouterSettings
from dicom_router.tls.profile import TLS_1_2_SUITES
from storage.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

#: The edition of the standard that its sections are cited from.
EDITION = "2026c"

STATEMENT = Path(__file__).parents[1] / "docs" / "conformance-statement.md"


def render_statement() -> str:
    """The whole statement."""
    return "\n\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield "# DICOM conformance statement of Imaging Exchange"
    yield (
        f"Made by `python -m conformance.statement` from the tables that the services themselves use: edit"
        f" those. Sections follow the order of PS3.2 §N; the standard is cited in its edition {EDITION}."
    )
    yield from _overview()
    yield from _implementation_model()
    yield from _dimse_services()
    yield from _web_services()
    yield from _fhir()
    yield from _hl7_messages()
    yield from _telling()
    yield from _communication()
    yield from _security()


def _overview() -> Iterator[str]:
    yield "## Overview"
    yield (
        f"Imaging Exchange receives, keeps, finds and gives back composite instances of"
        f" {len(STORAGE_CLASSES)} storage classes, each exactly as it was received."
    )
    rows = [(each.name, each.section, "SCP") for each in SERVED]
    yield table(("service", "standard", "role"), [("Storage", "PS3.4 §B", "SCP, SCU"), *rows])


def _implementation_model() -> Iterator[str]:
    yield "## Implementation model"
    yield (
        "One application entity accepts associations in any number of processes. What it stores goes through"
        " one door into the archive; a success status means that the instance is durable and that the next"
        " query finds it."
    )
    yield table(
        ("", "value"),
        [
            ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
            ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
        ],
    )


def _dimse_services() -> Iterator[str]:
    yield "## DIMSE services"
    yield "### Storage (PS3.4 §B)"
    yield "Every class below, as SCP and SCU; a peer's entry may add private ones."
    yield table(("SOP class", "UID"), sorted((name_of(uid), uid) for uid in STORAGE_CLASSES))
    yield "Answers to C-STORE:"
    yield _statuses(STORE_STATUSES)
    yield "Not taken, though they are called storage:"
    yield table(("UID", "why"), sorted(REFUSED_STORAGE_CLASSES.items()))
    for service in SERVED:
        yield from _service(service)
        if service.sop_classes == (STORAGE_COMMITMENT,):
            yield "Failure Reason (0008,1197) of an instance in its report:"
            yield _statuses(COMMITMENT_FAILURES)
    yield "### What is called"
    yield table(
        ("operation", "SOP classes", "when"),
        [(name, ", ".join(map(name_of, classes)) or "storage classes", why) for name, classes, why in CALLED],
    )


def _service(service: Service) -> Iterator[str]:
    yield f"### {service.name} ({service.section})"
    yield table(("SOP class", "UID", "role"), [(name_of(uid), uid, "SCP") for uid in service.sop_classes])
    yield f"Answers to {OPERATIONS[service.operation]}:"
    yield _statuses(service.statuses)


def _statuses(of: Statuses) -> str:
    return table(("status", "meaning"), [(status(number), meaning) for number, meaning in of])


def _web_services() -> Iterator[str]:
    yield "## DICOMweb services (PS3.18 §10)"
    yield "Paths are below the DICOMweb root."
    yield table(
        ("method", "path", "transaction"),
        [(each.method, f"`{each.path}`", each.name.lower()) for each in routes()],
    )
    yield "### Searches (PS3.18 §10.6)"
    yield table(("", "how"), SEARCHING)
    yield "Matched on, at this level and all others; universal matching is of every attribute:"
    yield table(("attribute", "tag", "of the", "matching"), matched())
    yield "Answered always, with Retrieve URL (0008,1190); and by levels above that a path does not settle:"
    yield table(("resource", "attributes"), answered())
    yield "### Retrieving (PS3.18 §10.4)"
    yield table(("", "how"), RETRIEVED)
    yield f"Whole instances can be asked for in the syntax they were stored in, and in: {instance_targets()}."
    yield "Frames, by compressed transfer syntax:"
    yield table(("transfer syntax", "UID", "media type", "decoded", "encoded"), syntaxes())
    yield "Rendered resources are marked as not for diagnosis, and take (PS3.18 §8.3.5.1):"
    yield table(("parameter", "values"), RENDERING)
    yield "### Storing (PS3.18 §10.5)"
    yield table(("", "what"), STORING)
    yield "### Withdrawing"
    yield "DELETE of a study, series or instance asks for it, and is answered 202; a second person approves."
    yield "### Failures"
    yield "With a problem body (RFC 9457) unless the standard has one of its own:"
    yield table(("status", "meaning"), errors())


def _fhir() -> Iterator[str]:
    yield "## FHIR R4 (IHE PDQm, PIXm, MHD, MADO; UK Core)"
    yield "Below `/fhir/R4`; `GET /fhir/R4/metadata` tells programs the same, and needs no token."
    yield table(("", "how"), ASKING)
    yield table(("resource", "interactions", "searched by", "included"), resources())
    yield table(("transaction", "as", "where"), TRANSACTIONS)
    yield "Asked of others, where they are set:"
    yield table(("of", "what"), ASKED)


def _hl7_messages() -> Iterator[str]:
    yield "## HL7 v2 messages"
    yield (
        "Taken over MLLP, perhaps within TLS, from senders that the registry names. AA means that what the"
        " message says is durable; AE and AR name the segment and field, and the message waits for a person."
        " docs/orders.md and docs/linking.md say which fields are read."
    )
    yield table(("message", "what it does"), messages())


def _telling() -> Iterator[str]:
    yield "## Telling the care record"
    yield (
        "Subscribers (`imx record add`) are told of every study that is linked to somebody with a verified"
        " NHS number: at least once, in order, each answered before the next. What is somebody else's by now"
        " is taken back no later than the other person has it. docs/linking.md says when."
    )
    yield table(("by", "told", "changed", "taken back"), ways())


def _communication() -> Iterator[str]:
    ours, calling = RouterSettings(slots_folder=Path()), CallingSettings()
    yield "## Network communication"
    yield "### Transfer syntaxes"
    yield "Taken for every storage class, in this order of preference, and kept as they are:"
    yield table(
        ("transfer syntax", "UID", "pixels"),
        [
            (name_of(uid), uid, kind)
            for kind, group in (
                ("native", NATIVE),
                ("lossless", LOSSLESS),
                ("may be lossy", LOSSY),
                ("video", VIDEO),
            )
            for uid in group
        ],
    )
    yield "For every other service: " + ", ".join(name_of(uid) for uid in UNCOMPRESSED) + "."
    yield "Refused:"
    yield table(("UID", "why"), sorted(REFUSED_TRANSFER_SYNTAXES.items()))
    yield "### Association policies"
    yield table(
        ("", "as it is set unless otherwise"),
        [
            ("AE title", ours.ae_title),
            ("Maximum Length Received, accepting", f"{ours.max_pdu:,} bytes"),
            ("Maximum Length Received, requesting", f"{calling.max_pdu:,} bytes"),
            ("Associations at one time", str(ours.association_limit)),
            ("Associations of one peer at one time", str(ours.associations_per_peer)),
            ("Outstanding operations", "1: no asynchronous operations window is negotiated"),
            ("ARTIM timer", f"{ours.artim_s:g} s"),
            ("Silence between two messages", f"{ours.idle_s:g} s"),
            ("Silence within a message", f"{ours.stall_s:g} s"),
        ],
    )
    yield "An association is rejected (PS3.8 §9.3.4) with:"
    yield table(
        ("result", "source", "reason", "meaning"),
        [(*map(str, each.value), each.name.replace("_", " ").lower()) for each in Rejection],
    )


def _security() -> Iterator[str]:
    yield "## Security"
    yield (
        "Peers are known by AE title, address and, where their entry says so, certificate; who is unknown is"
        " rejected. Over TLS (PS3.15 §B.12), version 1.3, or 1.2 with:"
    )
    yield "\n".join(f"- {suite}" for suite in TLS_1_2_SUITES)
    yield (
        "Over HTTP nobody is let in who has not signed in: by a bearer token of ours or a JWT of the region's"
        " issuer (RFC 6750), or by the session of a person who signed in with a name, a password and, where"
        " set up, a second factor, or at the region's issuer (OpenID Connect, code with PKCE). TLS is the"
        " proxy's in front. Every look is recorded before its first byte leaves."
    )


if __name__ == "__main__":
    STATEMENT.write_text(render_statement(), "utf-8")
    sys.stderr.write(f"{STATEMENT}\n")
