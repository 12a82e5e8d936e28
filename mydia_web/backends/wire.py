"""What the payloads of all servers share: field types, provider ids and unreadable entries.

The field types take a wrong value for an absent one, so that the rest of a payload still counts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from mydia_web.backends.values import RemoteItem, RemoteState

#: No play is older: some servers write year 1 for "never", others the first second of 1970.
_EARLIEST_PLAY = datetime(1970, 1, 2, tzinfo=UTC)
_INT32_MAX = 2**31 - 1
_DECIMAL = re.compile(r"\s*([0-9]{1,18})(\.[0-9]{1,9})?\s*")
_NUMBER_SPAN = re.compile(r"\s*([0-9]{1,9})\s*-\s*[0-9]{1,9}\s*")
_TEXT_CHARS = 1000
_ID_CHARS = 255
_NAME_CHARS = 80

_PROVIDERS = {
    **dict.fromkeys(("imdb", "imdbid", "imdb_id"), "imdb"),
    **dict.fromkeys(("tmdb", "tmdbid", "tmdb_id", "themoviedb", "moviedb"), "tmdb"),
    **dict.fromkeys(("tvdb", "tvdbid", "tvdb_id", "thetvdb"), "tvdb"),
}
_IMDB_ID = re.compile(r"tt[0-9]+")
#: IMDb's numbers have at least seven digits; a shorter one without `tt` is something else.
_BARE_IMDB_ID = re.compile(r"(?!0+$)[0-9]{7,10}")
_NUMERIC_ID = re.compile(r"0*([1-9][0-9]*)")


class UnreadableEntry(Exception):
    """An entry of an answer that cannot be used. The message is for the user."""

    @classmethod
    def invalid(cls, name: object, error: ValidationError) -> Self:
        """Name the entry and the first field that is wrong."""
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "entry"
        label = str(name or "?")[:_NAME_CHARS]
        return cls(f"“{label}” could not be read: {field}: {first['msg']}")


class Payload(BaseModel):
    """Something a server sends by itself. No field is required, and none spoils the others."""


def is_huge(value: object) -> bool:
    """Return whether this is a number too long to be meant, which Python refuses to print."""
    return isinstance(value, int) and abs(value) > 2**63


def text_of(value: object) -> str:
    """Return text that a database can store; "" for anything but a string or a whole number."""
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    if not is_text or is_huge(value):
        return ""
    text = str(value).encode("utf-8", "replace").decode()
    return text.replace("\x00", "").strip()[:_TEXT_CHARS]


def read_instant(text: str) -> datetime | None:
    """Return an ISO 8601 instant in UTC; None for nonsense and for dates that mean "never".

    A time without a zone is UTC.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return _if_plausible(at.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _if_plausible(at: datetime) -> datetime | None:
    if at < _EARLIEST_PLAY:
        return None
    return at


def _id(value: object) -> str:
    text = text_of(value)
    if len(text) > _ID_CHARS:
        return ""
    return text


def _whole(value: object) -> int | None:
    """Return a whole number that is not negative; decimals are cut off."""
    if isinstance(value, str):
        decimal = _DECIMAL.fullmatch(value)
        return decimal and int(decimal[1])
    if isinstance(value, float) and 0 <= value <= 2**53:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if not 0 <= value <= 2**62:
        return None
    return value


def _whole_up_to(limit: int, value: object) -> int | None:
    number = _whole(value)
    if number is None or number > limit:
        return None
    return number


def _number(value: object) -> int | None:
    if isinstance(value, str):
        span = _NUMBER_SPAN.fullmatch(value)
        if span:
            value = span[1]
    return _whole_up_to(_INT32_MAX, value)


def _year(value: object) -> int | None:
    return _whole_up_to(9999, value) or None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(text_of(value).lower())


def _instant(value: object) -> datetime | None:
    return read_instant(text_of(value))


def _epoch(value: object) -> datetime | None:
    seconds = _whole_up_to(2**36, value)
    if seconds is None:
        return None
    return _if_plausible(datetime.fromtimestamp(seconds, UTC))


def _day(value: object) -> date | None:
    try:
        day = date.fromisoformat(text_of(value)[:10])
    except ValueError:
        return None
    # Year 1 means "unknown".
    if day.year == 1:
        return None
    return day


def _millis(value: object) -> int | None:
    return _whole_up_to(_INT32_MAX, value)


def _ticks(value: object) -> int | None:
    ticks = _whole(value)
    if ticks is None:
        return None
    return _millis(ticks // 10_000)


def _mapping(value: object) -> object:
    if isinstance(value, Mapping):
        return value
    return {}


def _by_name(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {text_of(name): entry for name, entry in value.items()}


Text = Annotated[str, BeforeValidator(text_of)]
Id = Annotated[str, BeforeValidator(_id)]
#: A count, or the number of a season or an episode, where 0 is a real one; the first of `6-10`.
Number = Annotated[int | None, BeforeValidator(_number)]
Year = Annotated[int | None, BeforeValidator(_year)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
#: ISO 8601.
Instant = Annotated[datetime | None, BeforeValidator(_instant)]
#: Seconds since 1970.
Epoch = Annotated[datetime | None, BeforeValidator(_epoch)]
Day = Annotated[date | None, BeforeValidator(_day)]
#: Milliseconds, sent as such or as ticks of 100 ns.
Millis = Annotated[int | None, BeforeValidator(_millis)]
Ticks = Annotated[int | None, BeforeValidator(_ticks)]
#: Ids by the name of their provider, for `external_ids`.
Ids = Annotated[dict[str, Any], BeforeValidator(_by_name)]
#: For a nested model: anything but a mapping counts as empty.
Lenient = BeforeValidator(_mapping)
#: A number that must be right: an entry in which it is wrong is unreadable.
Int32 = Annotated[int, Field(ge=-(2**31), le=_INT32_MAX)]


def provider_of(name: str) -> str:
    """Return the provider that a name means, "" for an unknown one."""
    return _PROVIDERS.get(name.strip().lower(), "")


def canonical_id(name: str, value: str) -> tuple[str, str] | None:
    """Return provider and id in one spelling; None for what is no id of a known provider.

    `TT0113277` and imdb `0113277` are tt0113277, tmdb `00949` is 949. `tt…` is IMDb's, whatever
    provider is named.
    """
    value = value.strip().lower()
    if _IMDB_ID.fullmatch(value):
        return "imdb", value
    provider = provider_of(name)
    if provider == "imdb":
        is_imdb_id = _BARE_IMDB_ID.fullmatch(value)
        return ("imdb", f"tt{value}") if is_imdb_id else None
    number = _NUMERIC_ID.fullmatch(value)
    if not provider or not number:
        return None
    return provider, number[1]


def external_ids(pairs: Iterable[tuple[object, object]]) -> dict[str, str]:
    """Return the ids among pairs of provider and value; the first of each provider counts."""
    ids: dict[str, str] = {}
    for name, value in pairs:
        known = canonical_id(_id(name), _id(value))
        if known:
            ids.setdefault(*known)
    return ids


def whole_seconds(ms: int | None) -> int | None:
    """Return milliseconds as whole seconds, None for none."""
    return (ms or 0) // 1000 or None


def fields_of_kind(item: RemoteItem) -> RemoteItem:
    """Drop the fields that only an item of the other kind has."""
    if item.kind == "episode":
        return replace(item, year=None)
    return replace(item, show=None, season_number=None, episode_number=None, air_date=None)


def state(
    watched: bool | None = None,
    position_ms: int | None = None,
    plays: int | None = None,
    last_played_at: datetime | None = None,
) -> RemoteState:
    """Return a state in which what was not sent is nothing; `Event.tells_…` say what counts."""
    return RemoteState(
        watched=bool(watched),
        position_ms=position_ms or 0,
        play_count=plays or 0,
        last_played_at=last_played_at,
    )
