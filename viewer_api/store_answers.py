"""What became of stored instances, as the Store Instances Response Module (PS3.18 §I.2)."""

from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from storage.dicom_xml import write_xml
from viewer_api.describing import DICOM_XML
from viewer_api.media import DICOM_JSON, accepted
from viewer_api.problems import RETRY_AFTER_S, NotAcceptable, problem
from viewer_api.storing import Failed, Kept, Report

#: Warning Reason (0008,1196): the service put data elements to what was sent (PS3.18 Table I.2-3).
COERCION = 0xB000
_PRIVATE_CREATOR = "IMAGING EXCHANGE"
#: In this order of preference.
_OFFERED = (DICOM_JSON, DICOM_XML)
_JSON_TOO = "application/json"


def answer_type(request: Request) -> str:
    """The media type of the answer. Raises NotAcceptable, before anything is stored."""
    for each in accepted(request):
        for offered in _OFFERED:
            if each.takes(offered) and not each.is_multipart:
                return offered
        if each.takes(_JSON_TOO):
            return DICOM_JSON
    raise NotAcceptable(list(_OFFERED))


def store_answer(report: Report, root: str, media_type: str) -> Response:
    """Status and body (PS3.18 §10.5.3)."""
    if not report.results:
        return problem(HTTPStatus.BAD_REQUEST, "Nothing to store", "the body holds no instance")
    headers = {}
    if not report.failed:
        has_warning = any(each.is_added_to for each in report.kept)
        status = HTTPStatus.ACCEPTED if has_warning else HTTPStatus.OK
    elif report.kept:
        status = HTTPStatus.ACCEPTED
    elif report.may_be_tried_again:
        status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_S)}
    else:
        status = HTTPStatus.CONFLICT
    members = _members(report, root)
    body = write_xml(members) if media_type == DICOM_XML else orjson.dumps(members)
    return Response(body, status, headers, media_type)


def _members(report: Report, root: str) -> dict[str, Any]:
    """Table I.2-1, as DICOM JSON."""
    studies = {each.receipt.study_uid for each in report.kept}
    named = [each for each in report.failed if each.sop_instance_uid]
    others = [each for each in report.failed if not each.sop_instance_uid]
    members: dict[str, Any] = {}
    if len(studies) == 1:
        members["00081190"] = {"vr": "UR", "Value": [root + studies.pop()]}
    for tag, items in (
        ("00081198", [_failed_item(each) for each in named]),
        ("00081199", [_kept_item(each, root) for each in report.kept]),
        ("0008119A", [_failed_item(each) for each in others]),
    ):
        if items:
            members[tag] = {"vr": "SQ", "Value": items}
    return members


def _kept_item(kept: Kept, root: str) -> dict[str, Any]:
    receipt = kept.receipt
    url = f"{root}{receipt.study_uid}/series/{receipt.series_uid}/instances/{receipt.sop_instance_uid}"
    item = _instance(kept.sop_class_uid, receipt.sop_instance_uid)
    item["00081190"] = {"vr": "UR", "Value": [url]}
    if kept.is_added_to:
        item["00081196"] = {"vr": "US", "Value": [COERCION]}
    return item


def _failed_item(failed: Failed) -> dict[str, Any]:
    """With the reason in words, in an element of our own: the standard has only a number."""
    item: dict[str, Any] = {"00081197": {"vr": "US", "Value": [failed.reason]}}
    if failed.sop_instance_uid:
        item = _instance(failed.sop_class_uid, failed.sop_instance_uid) | item
    if failed.because:
        item["00090010"] = {"vr": "LO", "Value": [_PRIVATE_CREATOR]}
        item["00091001"] = {"vr": "LT", "Value": [failed.because]}
    return item


def _instance(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [sop_instance_uid]},
    }
