"""What every payload is made of. A field that holds nonsense counts as not told: the rest of the
news is good.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from mydia_web.backends import provider_ids
from mydia_web.backends.values import RemoteState

#: A play before this is none: some write year 1 for "never", others the first second of 1970.
_FIRST_PLAY = datetime(1970, 1, 2, tzinfo=UTC)
_LONGEST_MS = 2**31 - 1


def _text(value: object) -> str:
    """Without what a database would refuse."""
    if isinstance(value, bool) or not isinstance(value, str | int) or is_huge(value):
        return ""
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "").strip()[:1000]


def _id(value: object) -> str:
    text = _text(value)
    return text if len(text) <= 255 else ""


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}(\.[0-9]{1,9})?\s*", value):
        value = int(value.split(".")[0])
    if isinstance(value, float) and 0 <= value <= 2**53:
        value = int(value)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**62
    return int(value) if known else None  # type: ignore[call-overload]


def _number(value: object) -> int | None:
    """Of a season or an episode, 0 among them; the first of `6-10`."""
    if isinstance(value, str) and (
        span := re.fullmatch(r"\s*([0-9]{1,9})\s*-\s*[0-9]{1,9}\s*", value)
    ):
        value = span[1]
    number = _whole(value)
    return number if number is not None and number < 2**31 else None


def _year(value: object) -> int | None:
    year = _whole(value)
    return year if year is not None and 1 <= year <= 9999 else None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(_text(value).lower())


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(value))
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at >= _FIRST_PLAY else None


def _epoch(value: object) -> datetime | None:
    seconds = _whole(value)
    if seconds is None or seconds > 2**36:
        return None
    at = datetime.fromtimestamp(seconds, UTC)
    return at if at >= _FIRST_PLAY else None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(_text(value)[:10])
    except ValueError:
        return None


def _object(value: object) -> object:
    return value if isinstance(value, Mapping) else {}


def _named(value: object) -> dict[str, Any]:
    return {_text(name): told for name, told in value.items()} if isinstance(value, Mapping) else {}


def _ticks(value: object) -> int | None:
    ticks = _whole(value)
    return _ms(ticks // 10_000) if ticks is not None else None


def _ms(value: object) -> int | None:
    ms = _whole(value)
    return ms if ms is not None and ms <= _LONGEST_MS else None


Text = Annotated[str, BeforeValidator(_text)]
Id = Annotated[str, BeforeValidator(_id)]
Count = Annotated[int | None, BeforeValidator(_number)]
Number = Annotated[int | None, BeforeValidator(_number)]
Year = Annotated[int | None, BeforeValidator(_year)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
#: ISO 8601; UTC where it names no zone.
Instant = Annotated[datetime | None, BeforeValidator(_instant)]
#: Seconds since 1970.
Epoch = Annotated[datetime | None, BeforeValidator(_epoch)]
Day = Annotated[date | None, BeforeValidator(_day)]
#: Milliseconds, sent as such or as ticks of 100 ns.
Millis = Annotated[int | None, BeforeValidator(_ms)]
Ticks = Annotated[int | None, BeforeValidator(_ticks)]
#: In front of a model or a mapping: anything else counts as empty.
Lenient = BeforeValidator(_object)
Ids = Annotated[dict[str, Any], BeforeValidator(_named)]


class Wire(BaseModel):
    """Something a server says. No field is required, and none spoils the others."""


def is_huge(value: object) -> bool:
    """A number nobody means, which Python would refuse to write out."""
    return isinstance(value, int) and abs(value) > 2**63


def text_of(value: object) -> str:
    return _text(value)


def external_ids(told: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Of known providers only, where the value can be one of theirs; the first of a provider
    counts.
    """
    spelled = (provider_ids.spelled(_id(name), _id(value)) for name, value in told)
    found: dict[str, str] = {}
    for provider, value in filter(None, spelled):
        found.setdefault(provider, value)
    return found


def seconds(ms: int | None) -> int | None:
    return (ms or 0) // 1000 or None


def state(
    watched: bool | None = None,
    position_ms: int | None = None,
    plays: int | None = None,
    last_played_at: datetime | None = None,
) -> RemoteState:
    """What is not told stands as nothing; the event says which of it counts."""
    return RemoteState(bool(watched), position_ms or 0, plays or 0, last_played_at)
