"""What the account shows of one title: its plays, and where it was paused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.api import Api
from mydia_web.backends.trakt.mapping import PLURAL, Paused, Play, Row
from mydia_web.backends.values import ContentKind, RemoteState
from mydia_web.backends.wire import UnreadableEntry

FULL = "full,images"
#: Two plays of one title closer than this are the same one: other clients round, and some keep no
#: seconds.
SAME_PLAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Plays:
    """The plays of one title: how many, and the dates of those that were looked at."""

    count: int = 0
    #: Newest first is not promised; those without a date are missing here.
    dates: tuple[datetime, ...] = ()
    #: What came along with them of the title.
    row: Row | None = None

    @property
    def last(self) -> datetime | None:
        return max(self.dates, default=None)

    def has(self, at: datetime | None) -> bool:
        """Is this play there? Without a date any will do."""
        if at is None:
            return self.count > 0
        return any(abs(date - at) < SAME_PLAY for date in self.dates)

    def plus(self, at: datetime | None) -> "Plays":
        return replace(self, count=self.count + 1, dates=(*self.dates, *((at,) if at else ())))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a title was paused."""

    playback_id: int
    percent: float
    at: datetime | None
    row: Row


#: By Trakt's number of the title.
Positions = Mapping[int, Position]


def current(plays: Plays, position: Position | None) -> Position | None:
    """A pause before the last play is what is left of that play, and says nothing."""
    is_left_over = position and position.at and plays.last and position.at < plays.last
    return None if is_left_over else position


def show(plays: Plays, position: Position | None, kind: ContentKind) -> RemoteState:
    position, last = current(plays, position), plays.last
    rows = (position.row, plays.row) if position else ()
    runtime = next(filter(None, (row.runtime_seconds(kind) for row in rows if row)), None)
    dates = [at for at in (last, position.at if position else None) if at]
    return RemoteState(
        watched=plays.count > 0,
        position_ms=round(position.percent * runtime * 10) if position and runtime else 0,
        play_count=plays.count,
        last_played_at=max(dates, default=None),
    )


def read_plays(api: Api, kind: ContentKind, number: int, *, until: datetime | None = None) -> Plays:
    """The plays of a title, the newest first; all back to `until`, or as many as come at once.

    Not filtered by date: whether Trakt takes the time of a date into account is not sure. Raises
    `NotOnServer`.
    """
    dates: list[datetime] = []
    count, first = 0, None
    pages = api.pages(f"sync/history/{PLURAL[kind]}/{number}", of_title=True, extended=FULL)
    for page in pages:
        count = page.total
        for play in _readable(Play, page.rows):
            first = first or play
            dates += filter(None, [mapping.instant(play.watched_at)])
        if until is None or (dates and min(dates) < until - SAME_PLAY):
            break
    return Plays(count, tuple(dates), first)


def read_positions(api: Api, kind: ContentKind) -> tuple[dict[int, Position], Sequence[str]]:
    """Where each title was paused, and words about entries that could not be read."""
    found: dict[int, Position] = {}
    problems: list[str] = []
    for page in api.pages(f"sync/playback/{PLURAL[kind]}", is_counted=False, extended=FULL):
        problems += page.problems
        for entry in page.rows:
            try:
                paused = mapping.read(Paused, entry)
                number = paused.title(kind).ids.trakt
            except UnreadableEntry as error:
                problems.append(str(error))
                continue
            position = Position(
                paused.id, paused.progress, mapping.instant(paused.paused_at), paused
            )
            found[number] = _later(position, found.get(number))
    return found, problems


def _later(one: Position, other: Position | None) -> Position:
    if other is None or (one.at and other.at and one.at > other.at):
        return one
    return other


def _readable(model: type[mapping.Entry], rows: Sequence[object]) -> Iterator[mapping.Entry]:
    """Without those that cannot be read: they still count."""
    for row in rows:
        try:
            yield mapping.read(model, row)
        except UnreadableEntry:
            continue


def day_before(at: datetime) -> str:
    """For questions about a time: Trakt describes it as a day, and takes an instant."""
    return mapping.stamp(
        (at - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    )
