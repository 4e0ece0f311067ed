"""One JSON object a line, on standard error: numbers and kinds, never a patient's data."""

import logging
import sys
import threading
import traceback
import types
import warnings

import orjson
import structlog


def set_up(part: str) -> None:
    """For this process, once. `part` is in every line: router, api, worker, supervisor."""
    structlog.configure(
        processors=[
            _named(part),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_values,
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
    warnings.simplefilter("ignore")  # pydicom warns of wrong values, and prints them
    sys.excepthook = _log_crash
    threading.excepthook = lambda given: _log_crash(given.exc_type, given.exc_value, given.exc_traceback)


def _log_crash(
    kind: type[BaseException], error: BaseException | None, trace: types.TracebackType | None
) -> None:
    """What nobody caught."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return
    structlog.get_logger().error("crash", exc_info=(kind, error, trace))


def _without_values(
    logger: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """An exception as its kind and where it was, innermost last: its text and its locals may hold values."""
    given = event.pop("exc_info", None)
    found = given if isinstance(given, tuple) else sys.exc_info() if given is True else None
    error = given if isinstance(given, BaseException) else found[1] if found else None
    if error is not None:
        event["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


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
