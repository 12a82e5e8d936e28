"""Words for pages: times in the user's zone, lengths, numbers, counts."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from flask import Flask, g

from mydia_web.clock import now


class Numbered(Protocol):
    """An episode, or anything that shows one."""

    @property
    def season_number(self) -> int | None: ...
    @property
    def episode_number(self) -> int | None: ...


_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_UNITS = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"))
_ORIGINS = {
    "web": "You",
    "api": "Your player",
    "player": "Your player",
    "webhook": "Webhook",
    "pull": "Pull",
    "import": "Import",
}
_TOO_MANY_TO_COUNT = 1000


def register(app: Flask) -> None:
    filters: tuple[Callable[..., str], ...] = (
        *(ago, soon, clock_time, time_or_day, exact_time, day_name, day_and_time),
        *(code, length_words, position, took, origin_words, and_list, counted, up_to_999),
    )
    for words in filters:
        app.add_template_filter(words)


def zone() -> ZoneInfo:
    """Return the time zone of the signed-in user."""
    user = g.get("user")
    return ZoneInfo(user.time_zone if user else "UTC")


def local(at: datetime) -> datetime:
    return at.astimezone(zone())


def today() -> date:
    return local(now()).date()


def ago(at: datetime | None) -> str:
    """`3 hours ago`, `yesterday`; the date when that is more than a week."""
    if at is None:
        return "never"
    seconds = (now() - at).total_seconds()
    if seconds <= -_MINUTE:
        return day_and_time(at)
    if seconds < _MINUTE:
        return "just now"
    days = (today() - local(at).date()).days
    if days == 1 and seconds > 6 * _HOUR:
        return "yesterday"
    if days > 7:
        return day_name(local(at).date())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{counted(int(seconds // size), unit)} ago"


def soon(at: datetime | None) -> str:
    """`in 40 s`, `in 2 min`, `in 3 h`; the day and time when that is more than 60 hours."""
    if at is None:
        return "soon"
    seconds = (at - now()).total_seconds()
    if seconds < 1:
        return "now"
    for size, unit in ((1, "s"), (_MINUTE, "min"), (_HOUR, "h")):
        if seconds < size * 60:
            return f"in {seconds / size:.0f} {unit}"
    return day_and_time(at)


def clock_time(at: datetime) -> str:
    """`14:02`."""
    return f"{local(at):%H:%M}"


def time_or_day(at: datetime) -> str:
    """`14:02`; with its date unless that is today."""
    if _is_today(at):
        return clock_time(at)
    return day_and_time(at)


def exact_time(at: datetime) -> str:
    """`14:02:31`; the date and the minute unless that is today."""
    if _is_today(at):
        return f"{local(at):%H:%M:%S}"
    return day_and_time(at)


def _is_today(at: datetime) -> bool:
    return local(at).date() == today()


def day_name(day: date) -> str:
    """`Saturday 21 November`, with the year unless it is this one."""
    name = f"{day:%A} {day.day} {day:%B}"
    if day.year == today().year:
        return name
    return f"{name} {day.year}"


def day_and_time(at: datetime) -> str:
    """`21 Nov 2026, 14:02`."""
    day = local(at).date()
    return f"{day.day} {day:%b} {day.year}, {clock_time(at)}"


def code(episode: Numbered) -> str:
    """`S2 E5`, `Special 1`."""
    if episode.season_number == 0:
        return f"Special {episode.episode_number}"
    return f"S{episode.season_number} E{episode.episode_number}"


def length_words(seconds: float | None) -> str:
    """`1 h 32 min`, `45 min`; "" when unknown."""
    if not seconds:
        return ""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    if not hours:
        return f"{minutes} min"
    if minutes:
        return f"{hours} h {minutes} min"
    return f"{hours} h"


def position(seconds: float) -> str:
    """`1:02:03`, `4:05`."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    if hour:
        return f"{hour}:{minute:02}:{second:02}"
    return f"{minute}:{second:02}"


def took(milliseconds: int) -> str:
    """`87 ms`, `5.0 s`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    return f"{milliseconds / 1000:.1f} s"


def origin_words(origin: str, source_name: str | None = None) -> str:
    """Where a play or a change came from: `Kodi in the living room`, `Import`."""
    return source_name or _ORIGINS.get(origin, origin)


def and_list(names: Sequence[str]) -> str:
    """`Kodi, Jellyfin and Plex`."""
    *others, last = names or ("",)
    if others:
        return f"{', '.join(others)} and {last}"
    return last


def counted(number: int, word: str) -> str:
    """`1 episode`, `1,204 episodes`."""
    plural = "" if number == 1 else "s"
    return f"{number:,} {word}{plural}"


def up_to_999(number: int) -> str:
    """`17`; `999+` for what was counted no further."""
    if number < _TOO_MANY_TO_COUNT:
        return str(number)
    return "999+"
