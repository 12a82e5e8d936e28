"""Logs: a line of text or of JSON for each event, with the ids that lead from a click to the server
that took it.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Literal

#: What an event may say besides its words: `log.info("delivered", extra={"change_set": 7, "row":
#: 12})`.
FIELDS = ("change_set", "row", "source", "user", "outcome", "attempt", "seconds")


def set_up(
    form: Literal["text", "json"], level: str, *others: logging.Handler, stderr: bool = True
) -> None:
    """Log to stderr in this form, and to the others in theirs, from this level up."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    handlers = [handler, *others] if stderr else others
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    # httpx2 tells of every request, with its address; Waitress of every request that waits for a
    # thread.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The ids and figures an event carries."""
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}


class TextLines(logging.Formatter):
    def __init__(
        self,
        form: str = "%(asctime)s %(levelname)s %(name)s: %(message)s",
        times: str | None = None,
    ) -> None:
        super().__init__(form, times)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        more = " ".join(f"{name}={value}" for name, value in fields(record).items())
        return f"{super().formatMessage(record)} {more}".rstrip()


class JsonLines(logging.Formatter):
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
