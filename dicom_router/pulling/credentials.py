"""What opens an HTTP source to us. Never in rows, logs or on a command line."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password, or a bearer token; empty where a source asks for none."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> "Credentials":
        """From USER:PASSWORD, or "Bearer TOKEN" (RFC 6750 §2.1). Raises ValueError, without the text."""
        text = text.strip()
        if not text:
            return cls()
        if not (text.isascii() and text.isprintable()):
            raise ValueError("credentials are one line of ASCII")
        kind, space, token = text.partition(" ")
        if space and kind.lower() == "bearer" and token.strip():
            return cls(token=token.strip())
        user, colon, password = text.partition(":")
        if not (user and colon):
            raise ValueError('credentials are USER:PASSWORD, or "Bearer TOKEN"')
        return cls(user, password)
