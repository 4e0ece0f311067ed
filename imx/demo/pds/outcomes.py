"""Errors in the PDS's words (Spine-ErrorOrWarningCode)."""

from collections.abc import Mapping
from typing import Any

_SYSTEM = "https://fhir.hl7.org.uk/CodeSystem/Spine-ErrorOrWarningCode"

#: Status, FHIR's issue code and the display of each.
_CODES: Mapping[str, tuple[int, str, str]] = {
    "INVALID_RESOURCE_ID": (400, "value", "Resource Id is invalid"),
    "RESOURCE_NOT_FOUND": (404, "not-found", "Resource not found"),
    "INVALIDATED_RESOURCE": (
        404,
        "processing",
        "Resource that has been marked as invalid was requested - invalid resources cannot be retrieved",
    ),
    "MISSING_VALUE": (400, "required", "Required value is missing"),
    "INVALID_VALUE": (400, "value", "Provided value is invalid"),
    "INVALID_SEARCH_DATA": (400, "invalid", "Search data is invalid"),
    "UNSUPPORTED_SERVICE": (400, "processing", "Unsupported Service"),
    "ADDITIONAL_PROPERTIES": (400, "invariant", "Additional properties should not be included"),
    "ACCESS_DENIED": (401, "forbidden", "Access Denied - Unauthorised"),
    "TOO_MANY_MATCHES": (200, "multiple-matches", "Too Many Matches"),
    "TOO_MANY_REQUESTS": (429, "throttled", "You have exceeded your application's rate limit"),
    "SERVICE_UNAVAILABLE": (503, "transient", "Service is unavailable"),
}


#: What nobody did wrong.
_INFORMATION = frozenset({"TOO_MANY_MATCHES", "RESOURCE_NOT_FOUND"})


class PdsProblem(Exception):
    """An answer that is no resource. Some codes come with another status than theirs."""

    def __init__(self, code: str, diagnostics: str = "", status: int = 0) -> None:
        super().__init__(code)
        usual, self._issue, self._display = _CODES[code]
        self.status = status or usual
        self._code, self._diagnostics = code, diagnostics

    @property
    def body(self) -> dict[str, Any]:
        """An OperationOutcome."""
        coding = {"system": _SYSTEM, "version": "1", "code": self._code, "display": self._display}
        issue: dict[str, Any] = {
            "severity": "information" if self._code in _INFORMATION else "error",
            "code": self._issue,
            "details": {"coding": [coding]},
        }
        if self._diagnostics:
            issue["diagnostics"] = self._diagnostics
        return {"resourceType": "OperationOutcome", "issue": [issue]}
