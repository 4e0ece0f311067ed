"""The address by which the record opens a study: the same for as long as there is the study."""

from urllib.parse import urlencode


def viewer_link(public_url: str, study_uid: str) -> str:
    """Invoke Image Display by Study Instance UID (IHE RAD TF-2 §4.106.4.1.2.2).

    It names no patient and no viewer, and whoever follows it signs in first. Empty where nobody knows under
    which address this service is reached (http.public_url).
    """
    if not public_url:
        return ""
    asked = urlencode({"requestType": "STUDY", "studyUID": study_uid})
    return f"{public_url.rstrip('/')}/IHEInvokeImageDisplay?{asked}"
