"""What a sender is answered (HL7 v2.5.1 §2.9.2, §2.15.5, §2.15.8): MSH, MSA and, where we say no, ERR."""

import re
from datetime import UTC, datetime
from uuid import uuid4

from exchange.hl7.errors import BadMessage
from exchange.hl7.message import Message, Segment


def accepted(message: Message) -> bytes:
    """AA: what the message says is durable."""
    return _answer(message, "AA", [])


def is_accepted(answer: bytes) -> bool:
    """Whether an answer of ours is AA."""
    return b"\rMSA|AA|" in answer


def refused(message: Message | None, error: BadMessage) -> bytes:
    """AE or AR. MSA-3 and ERR name the segment and the field."""
    where = error.where
    condition = f"{error.condition.code}^{error.condition.text}^HL70357"
    place = [
        where.segment,
        where.sequence,
        where.field,
        where.repetition if where.field else None,
        where.component,
    ]
    location = "^".join("" if part is None else str(part) for part in place).rstrip("^")
    # ERR-1 is where receivers of v2.3 and v2.4 look.
    legacy = "^".join(
        [where.segment, str(where.sequence), str(where.field or ""), condition.replace("^", "&")]
    )
    words = escaped(str(error))
    return _answer(
        message, error.acknowledgement, [f"ERR|{legacy}|{location}|{condition}|E||||{words}"], str(error)
    )


def _answer(message: Message | None, code: str, more: list[str], words: str = "") -> bytes:
    asked: Segment | None = message.header if message else None

    def echo(field: int) -> str:
        return "^".join(escaped(part) for part in asked.field(field).components) if asked else ""

    event = asked.text(9, 2) if asked else ""
    kind = f"ACK^{escaped(event)}^ACK" if event else "ACK"
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    header = [
        "MSH", "^~\\&", echo(5), echo(6), echo(3), echo(4), now, "", kind, uuid4().hex[:20],
        echo(11) or "P", echo(12) or "2.5.1", "", "", "", "", "", "UNICODE UTF-8",
    ]  # fmt: skip
    said = f"MSA|{code}|{echo(10)}|{escaped(words[:80])}".rstrip("|")
    return ("\r".join(["|".join(header), said, *more]) + "\r").encode("utf-8", "replace")


def escaped(text: str) -> str:
    """Separators as escape sequences; control characters, which would end a segment, as nothing."""
    names = {"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\\": "\\E\\"}
    return re.sub(r"[|^&~\\]", lambda found: names[found[0]], re.sub(r"[\0-\x1f\x7f-\x9f]", "", text))
