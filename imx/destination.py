"""Where a DICOM peer listens, as a person writes it."""

import re
from dataclasses import dataclass


class BadDestination(ValueError):
    """Not a DICOM address of the form AET@host:port."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a DICOM application entity listens."""

    ae_title: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Destination":
        """From AET@host:port; an IPv6 address stands in brackets. AE titles: PS3.5 §6.2."""
        match = re.fullmatch(r"([^\\@]{1,16})@(?:\[([0-9A-Fa-f:]+)\]|([^\s:\[\]]+)):(\d{1,5})", text.strip())
        if match is None or not match[1].strip() or not 0 < int(match[4]) < 65536:
            raise BadDestination(f"{text!r} is not AET@host:port, such as IMX@localhost:11112")
        return cls(match[1].strip(), match[2] or match[3], int(match[4]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.ae_title}@{host}:{self.port}"
