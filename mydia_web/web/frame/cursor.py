"""Cursors: the place in a list where its next page begins, as written in an address."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from flask import request

from mydia_web.errors import InvalidValue

Place = TypeVar("Place")

_UNKNOWN = "unknown"
_SEPARATOR = re.compile("[~_]")


class Field(NamedTuple):
    """One part of a cursor. `read` raises `ValueError` for text that `write` never produces."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


def _read_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    # Times at the ends of the calendar do not exist in every zone.
    if at.tzinfo is None or not 1000 < at.year < 9000:
        raise ValueError(text)
    return at.astimezone(UTC)


def _read_optional_time(text: str) -> datetime | None:
    if text == _UNKNOWN:
        return None
    return _read_time(text)


def _write_optional_time(at: datetime | None) -> str:
    if at is None:
        return _UNKNOWN
    return at.isoformat()


def _read_id(text: str) -> int:
    # Databases refuse to look up numbers beyond 64 bits.
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


TIME = Field(_read_time, datetime.isoformat)
OPTIONAL_TIME = Field(_read_optional_time, _write_optional_time)
ID = Field(_read_id)
#: Any text, separators included; so it can only be the last field.
TEXT = Field(str)


def one_of(*words: str) -> Field:
    """Return a field that is one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Field(read)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor(Generic[Place]):
    """The written form of the places in one list.

    Fields are joined by tildes. Underscores are read too: addresses written by earlier versions
    have them.
    """

    #: The parameter of the query string that holds it.
    parameter: str
    #: Makes a place of the values of the fields.
    place: Callable[..., Place]
    fields: tuple[Field, ...]
    #: The message to whoever asks for a place that cannot be.
    error: str

    def asked(self) -> Place | None:
        """Return the place in the request's query string. Raises `InvalidValue`."""
        text = request.args.get(self.parameter, "")
        if text:
            return self.read(text)
        return None

    def read(self, text: str) -> Place:
        """Raises `InvalidValue`."""
        parts = _SEPARATOR.split(text, maxsplit=len(self.fields) - 1)
        try:
            pairs = list(zip(self.fields, parts, strict=True))
            values = [field.read(part) for field, part in pairs]
        except (ValueError, OverflowError) as error:
            raise InvalidValue(self.parameter, self.error) from error
        return self.place(*values)

    def write(self, *values: Any) -> str:
        pairs = zip(self.fields, values, strict=True)
        return "~".join(field.write(value) for field, value in pairs)
