"""One JSON object a line, on standard error: numbers and kinds, never a patient's data."""

import logging
import sys

import orjson
import structlog


def set_up(part: str) -> None:
    """For this process, once. `part` is in every line: router, api, worker, supervisor."""
    structlog.configure(
        processors=[
            _named(part),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_as_text),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak only when something is wrong; pynetdicom would print identifiers otherwise.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_LibraryLines(part))


def _named(part: str) -> structlog.typing.Processor:
    """In the lines of every thread."""

    def add(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["part"] = part
        return event

    return add


class _LibraryLines(logging.Formatter):
    """A library's log line: its place and its level, without the values in its message.

    What a library formats into a message may come from a data set.
    """

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "part": self.part,
            "event": "library",
            "level": record.levelname.lower(),
            "logger": record.name,
            "at": f"{record.module}:{record.lineno}",
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return orjson.dumps(line).decode()


def _as_text(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
