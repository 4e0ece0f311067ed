"""What a destination asks us for: read when it is needed, so that a new one needs no restart."""

from dicom_router.deliveries.destinations.port import NotReached
from exchange.destinations import Entry


def secret_of(entry: Entry) -> str:
    """The token or password in its secret file; "" where it has none. Raises NotReached."""
    if entry.secret_file is None:
        return ""
    try:
        secret = entry.secret_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotReached(f"its secret file cannot be read ({type(error).__name__})") from error
    if not secret.isascii() or not secret.isprintable():
        raise NotReached("its secret file holds what no token or password may hold")
    return secret
