"""An upload as its owner sees it."""

from typing import Any

from storage.upload import Upload
from viewer_api.uploading.tus import PREFIX


def as_json(upload: Upload) -> dict[str, Any]:
    """What its owner may know."""
    return {
        "id": upload.id,
        "url": f"{PREFIX}/{upload.id}",
        "name": upload.name,
        "metadata": upload.metadata,
        "length": upload.length,
        "received": upload.received,
        "state": upload.state,
        "done": upload.done,
        "case": upload.of_case,
        "made": upload.made,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }
