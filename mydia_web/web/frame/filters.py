"""How things are said on pages: times in the user's zone, lengths, counts."""

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from flask import Flask, g

from mydia_web.clock import now


class Numbered(Protocol):
    """An episode, or a card of one."""

    @property
    def season_number(self) -> int | None: ...
    @property
    def episode_number(self) -> int | None: ...


_UNITS = ((60 * 60 * 24, "day"), (60 * 60, "hour"), (60, "minute"))
_ORIGINS = {
    "web": "you, here",
    "api": "your player",
    "player": "your player",
    "webhook": "message",
    "pull": "library",
    "import": "import",
}


def register(app: Flask) -> None:
    app.add_template_filter(ago)
    app.add_template_filter(clock_time)
    app.add_template_filter(day_name)
    app.add_template_filter(day_and_time)
    app.add_template_filter(code)
    app.add_template_filter(length, "length_words")
    app.add_template_filter(position)
    app.add_template_filter(origin_words)
    app.add_template_filter(and_list)
    app.add_template_filter(counted)
    app.add_template_filter(iso)


def zone() -> ZoneInfo:
    """The time zone of the signed-in user."""
    user = g.get("user")
    return ZoneInfo(user.time_zone if user else "UTC")


def local(at: datetime) -> datetime:
    return at.astimezone(zone())


def today() -> date:
    return local(now()).date()


def ago(at: datetime | None) -> str:
    """`3 hours ago`, `yesterday`; older than a week the day itself."""
    if at is None:
        return "never"
    seconds = (now() - at).total_seconds()
    days = (today() - local(at).date()).days
    if seconds < 60:
        return "just now" if seconds > -60 else day_and_time(at)
    if days == 1 and seconds > 60 * 60 * 6:
        return "yesterday"
    if days > 7:
        return day_name(local(at).date())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return f"{counted(int(seconds // size), unit)} ago"


def clock_time(at: datetime) -> str:
    return f"{local(at):%H:%M}"


def day_name(day: date) -> str:
    """`Saturday 21 November`, with the year unless it is this one."""
    name = f"{day:%A} {day.day} {day:%B}"
    return name if day.year == today().year else f"{name} {day.year}"


def day_and_time(at: datetime) -> str:
    day = local(at).date()
    return f"{day.day} {day:%b} {day.year}, {clock_time(at)}"


def code(episode: Numbered) -> str:
    """`S2 E5`."""
    return f"S{episode.season_number} E{episode.episode_number}"


def length(seconds: float | None) -> str:
    """`1 h 32 min`, `45 min`."""
    if not seconds:
        return ""
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return " ".join(part for part in (hours and f"{hours} h", minutes and f"{minutes} min") if part)


def position(seconds: float) -> str:
    """`1:02:03`, `4:05`."""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def origin_words(origin: str, source_name: str | None = None) -> str:
    """Where a play came from, in words: `Kodi in the living room`, `you, here`."""
    return source_name or _ORIGINS.get(origin, origin)


def and_list(names: list[str] | tuple[str, ...]) -> str:
    """`Kodi, Jellyfin and Plex`."""
    *most, last = names or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def counted(number: int, word: str) -> str:
    """`1 episode`, `1,204 episodes`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
