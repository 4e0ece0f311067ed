"""What a destination asks us for."""

from dicom_router.deliveries.destinations.port import NotReached
from exchange.destinations import Entry
from exchange.secret_files import SecretUnreadable, read_secret


def secret_of(entry: Entry) -> str:
    """The token or password in its secret file; "" where it has none. Raises NotReached."""
    try:
        return read_secret(entry.secret_file)
    except SecretUnreadable as error:
        raise NotReached(str(error)) from error
