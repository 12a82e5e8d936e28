"""One person's account at a fake Trakt."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from tests.fakes.trakt_catalogue import Title

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = count(8_000_000_001)


@dataclass(eq=False)
class Play:
    title: Title
    #: To the second, as the real one keeps it.
    watched_at: datetime
    action: str = "watch"
    id: int = field(default_factory=lambda: next(_numbers))


@dataclass(eq=False)
class Pause:
    title: Title
    progress: float
    paused_at: datetime
    id: int = field(default_factory=lambda: next(_numbers))


@dataclass(eq=False)
class Watching:
    title: Title
    started_at: datetime
    expires_at: datetime


@dataclass(eq=False)
class Account:
    username: str
    now: Callable[[], datetime]
    plays: list[Play] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    watching: Watching | None = None
    #: (plural of the kind, name) → when that was last done.
    stamps: dict[tuple[str, str], datetime] = field(default_factory=dict)
    #: The latest play.
    latest: datetime = UNKNOWN
    #: A setting of the real one: a second play of a title is not kept.
    keeps_one_play: bool = False

    @property
    def slug(self) -> str:
        return self.username.lower()

    @property
    def uuid(self) -> str:
        return f"uuid-of-{self.slug}"

    def plays_of(self, title: Title) -> list[Play]:
        return [play for play in self.plays if play.title is title]

    def pause_of(self, title: Title) -> Pause | None:
        return next((pause for pause in self.pauses if pause.title is title), None)

    def watch(self, title: Title, at: datetime, action: str = "watch") -> int:
        """Add a play, even where there is one of that time. A pause stays as it is."""
        if self.keeps_one_play and self.plays_of(title):
            return 0
        self.plays.append(Play(title, at.replace(microsecond=0), action))
        self.latest = max(self.latest, at)
        self.touch(title, "watched_at")
        return 1

    def unwatch(self, title: Title) -> int:
        before = len(self.plays)
        self.plays = [play for play in self.plays if play.title is not title]
        self.touch(title, "watched_at")
        return before - len(self.plays)

    def pause(self, title: Title, progress: float, at: datetime) -> Pause:
        self.unpause(title)
        pause = Pause(title, progress, at.replace(microsecond=0))
        self.pauses.append(pause)
        self.touch(title, "paused_at")
        return pause

    def unpause(self, title: Title) -> None:
        self.pauses = [pause for pause in self.pauses if pause.title is not title]

    def touch(self, title: Title, name: str) -> None:
        self.stamps[f"{title.kind}s", name] = self.now()
