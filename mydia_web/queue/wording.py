"""A queued change, and what came of it, in words."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from mydia_web.clock import now
from mydia_web.queue.models import QueuedChange

_OUTCOMES = {
    "ok": "Delivered",
    "transient": "Not reached, or in trouble",
    "unconfirmed": "Taken, but not shown",
    "rate_limited": "Asked us to wait",
    "auth": "Sign-in refused",
    "unmatched": "Not found there",
    "invalid": "Change refused",
    "overtaken": "Changed there meanwhile",
    "bug": "Error inside mydia-web",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a row does, in the parts that a page sets apart: Mark *Low Tide* S3 E7 watched on Kodi."""

    verb: str
    title: str
    code: str
    rest: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.title, self.code, self.rest)))


def sentence(
    change: QueuedChange, title: str, code: str, source_name: str, *, done: bool, zone: tzinfo
) -> Sentence:
    """What the change asks of the source, or has brought about once it is `done`."""
    if change.play_key and change.watched_at:
        verb = f"{'Added' if done else 'Add'} the play of {_day(change.watched_at, zone)} to"
        return Sentence(verb, title, code, f"on {source_name}")
    at = f"to {clock_time(change.position_ms)}" if change.position_ms else "to the beginning"
    if change.completed is None:
        return Sentence("Set", title, code, f"{at} on {source_name}")
    mark = "watched" if change.completed else "unwatched"
    also = f" and set it {at}" if change.position_ms else ""
    return Sentence("Marked" if done else "Mark", title, code, f"{mark}{also} on {source_name}")


def outcome_words(outcome: str) -> str:
    """The kind of an attempt's outcome. A newer version may have noted one that is not known here."""
    return _OUTCOMES.get(outcome, "Not delivered")


def clock_time(milliseconds: int) -> str:
    """12:34, or 1:02:03 from an hour on."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _day(at: datetime, zone: tzinfo) -> str:
    """3 March; of another year 3 March 2024."""
    day, today = at.astimezone(zone), now().astimezone(zone)
    return f"{day.day} {day:%B}" if day.year == today.year else f"{day.day} {day:%B %Y}"
