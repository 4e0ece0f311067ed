"""Secrets of ours that others ask for: each in a file, which stands in no row and no log.

Read when it is needed, so that a new one needs no restart.
"""

from pathlib import Path


class SecretUnreadable(Exception):
    """The file is not there, or does not hold a token or password; the text says which of both."""


def read_secret(path: Path | None) -> str:
    """The token or password in a file; "" where there is none. Raises SecretUnreadable."""
    if path is None:
        return ""
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(f"its secret file cannot be read ({type(error).__name__})") from error
    if not secret.isascii() or not secret.isprintable():
        raise SecretUnreadable("its secret file holds what no token or password may hold")
    return secret
