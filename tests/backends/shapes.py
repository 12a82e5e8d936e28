"""Reduce JSON to what a schema can tell apart, so that each shape is checked once.

A listing of 230 films has a handful of shapes: a film that was watched, one that stops half-way,
one without a year. Checking one film of each proves as much as checking all of them.
"""

import re
from collections.abc import Hashable
from typing import Any

#: Ids and hashes: which of their characters are digits says nothing.
_HEX = re.compile(r"[0-9a-f]{8,}", re.IGNORECASE)
_DIGIT = re.compile(r"[0-9]")


def shape(value: Any) -> Hashable:
    """Return the same for two values that a schema treats alike.

    Of text, it keeps the length, the letters and where digits stand: enough for enumerations,
    patterns and formats. Of numbers, it keeps the type, the sign and how many digits there are. Of
    lists, it keeps which shapes occur.
    """
    if isinstance(value, str):
        return text_shape(value)
    if isinstance(value, dict):
        return frozenset((name, shape(member)) for name, member in value.items())
    if isinstance(value, list):
        return (list, frozenset(shape(entry) for entry in value))
    if value is None or isinstance(value, bool):
        return (type(value), value)
    return (type(value), value > 0, value < 0, len(str(int(value))))


def text_shape(text: str) -> str:
    hashes_folded = _HEX.sub(lambda match: "f" * len(match[0]), text)
    return _DIGIT.sub("0", hashes_folded)


def reduced(value: Any) -> Any:
    """Return the value with the first entry of each shape in its lists, and without the others."""
    if isinstance(value, dict):
        return {name: reduced(member) for name, member in value.items()}
    if isinstance(value, list):
        first_of_shape: dict[Hashable, Any] = {}
        for entry in value:
            first_of_shape.setdefault(shape(entry), entry)
        return [reduced(entry) for entry in first_of_shape.values()]
    return value
