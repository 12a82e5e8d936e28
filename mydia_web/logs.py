"""Logging: one line of text or JSON per event.

Its ids lead from a click to the server that took it.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

#: Fields of an event beside its message:
#: `log.info("delivered", extra={"change_set": 7, "row": 12})`.
FIELDS = ("change_set", "row", "source", "user", "outcome", "attempt", "seconds")


def set_up(
    form: Literal["text", "json"], level: str, *others: logging.Handler, stderr: bool = True
) -> None:
    """Log events of this level and above to the other handlers, and to stderr in this form."""
    handlers = list(others)
    if stderr:
        handlers.append(_stderr_handler(form))
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    # httpx2 logs every request with its address, Waitress every request that waits for a thread.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that an event has."""
    values = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def _stderr_handler(form: Literal["text", "json"]) -> logging.Handler:
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(TextLines())
    return handler


class TextLines(logging.Formatter):
    """Events as text, with their fields as `name=value` at the end."""

    def __init__(
        self,
        form: str = "%(asctime)s %(levelname)s %(name)s: %(message)s",
        times: str | None = None,
    ) -> None:
        super().__init__(form, times)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        pairs = [f"{name}={value}" for name, value in fields(record).items()]
        return " ".join([super().formatMessage(record), *pairs])


class JsonLines(logging.Formatter):
    """Events as JSON objects."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)
