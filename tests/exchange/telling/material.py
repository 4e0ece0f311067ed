"""What a reader finds at a subscriber."""

from imx.demo.record.server import RecordServer
from imx.demo.record.store import Json

NHS = "https://fhir.nhs.uk/Id/nhs-number"


def studies_of(record: RecordServer, number: str) -> list[str]:
    """The UIDs of somebody's studies."""
    found = record.store.find("ImagingStudy", patient__identifier=f"{NHS}|{number}")
    return sorted(uid for study in found for uid in _uids(study))


def documents_of(record: RecordServer, number: str) -> list[Json]:
    """Somebody's documents that stand, as MHD ITI-67 asks for them."""
    return record.store.find("DocumentReference", patient__identifier=f"{NHS}|{number}", status="current")


def never_of_two(record: RecordServer) -> bool:
    """Whether at every moment all that stood of each study was of one person at most."""
    for moment in record.store.moments():
        seen: dict[str, set[str]] = {}
        for each in moment.values():
            if each.get("status") == "superseded":
                continue
            for about in _about(each):
                seen.setdefault(about, set()).add(str(each["subject"]["identifier"]["value"]))
        if any(len(people) > 1 for people in seen.values()):
            return False
    return True


def _about(resource: Json) -> list[str]:
    """Of which studies something is."""
    match resource["resourceType"]:
        case "ImagingStudy":
            return _uids(resource)
        case "DocumentReference":
            return [_studied(resource)]
    return []


def _uids(study: Json) -> list[str]:
    return [
        each["value"].removeprefix("urn:oid:")
        for each in study["identifier"]
        if each["system"] == "urn:dicom:uid"
    ]


def _studied(document: Json) -> str:
    """The study that it is of: as its context or its address says."""
    for each in document.get("context", {}).get("related", []):
        if each.get("identifier", {}).get("system") == "urn:dicom:uid":
            return str(each["identifier"]["value"]).removeprefix("urn:oid:")
    return str(document["content"][0]["attachment"]["url"])
