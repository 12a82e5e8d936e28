"""A queued change in words."""

from dataclasses import dataclass

from mydia_web.queue.models import QueuedChange


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a row does, in the parts that a page sets apart: Mark *Low Tide* S3 E7 watched on Kodi."""

    verb: str
    title: str
    code: str
    rest: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.title, self.code, self.rest)))


def sentence(change: QueuedChange, title: str, code: str, source_name: str, *, done: bool) -> Sentence:
    """What the change asks of the source, or has brought about once it is `done`."""
    at = f"to {clock_time(change.position_ms)}" if change.position_ms else "to the beginning"
    if change.completed is None:
        return Sentence("Set", title, code, f"{at} on {source_name}")
    mark = "watched" if change.completed else "unwatched"
    also = f" and set it {at}" if change.position_ms else ""
    return Sentence("Marked" if done else "Mark", title, code, f"{mark}{also} on {source_name}")


def clock_time(milliseconds: int) -> str:
    """12:34, or 1:02:03 from an hour on."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
