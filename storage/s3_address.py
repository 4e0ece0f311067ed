"""Where an S3 bucket is."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

#: What most stores that are not Amazon's call theirs; asking the store would cost a round trip.
DEFAULT_REGION = "us-east-1"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENDPOINT = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_SECURE = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, and the store that holds it."""

    bucket: str
    endpoint: str  # host or host:port
    secure: bool = True
    region: str = DEFAULT_REGION

    @classmethod
    def parse(cls, url: str) -> "S3Address":
        """From s3://BUCKET?endpoint=HOST:PORT&secure=1&region=REGION; the last two may be left out.

        Raises ValueError, in words for whoever wrote it. Credentials have no place in it.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or parts.path.strip("/") or parts.fragment or "@" in parts.netloc:
            raise ValueError(
                "an object store is written s3://BUCKET?endpoint=HOST:PORT&secure=1&region=REGION"
            )
        if not _BUCKET.fullmatch(parts.netloc):
            raise ValueError("a bucket's name has 3 to 63 of a-z, 0-9, '.' and '-'")
        named = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = named.keys() - {"endpoint", "secure", "region"}
        if unknown:
            raise ValueError(f"an object store's address has no {', '.join(sorted(unknown))}")
        if not _ENDPOINT.fullmatch(named.get("endpoint", "")):
            raise ValueError("an object store's address needs endpoint=HOST:PORT")
        if named.get("secure", "1") not in _SECURE:
            raise ValueError("secure is 1 (TLS) or 0")
        return cls(
            bucket=parts.netloc,
            endpoint=named["endpoint"],
            secure=_SECURE[named.get("secure", "1")],
            region=named.get("region") or DEFAULT_REGION,
        )
