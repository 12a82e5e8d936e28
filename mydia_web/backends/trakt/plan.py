"""The calls of a push to Trakt: pure, so that they are tested, and shown, without a server.

Plays are counted there, so a play is added only where it is missing. A position is a share of the
length: below one per cent there is none, and from 80 per cent on Trakt counts a play.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from mydia_web.backends.call import Call
from mydia_web.backends.errors import Rejected
from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.mapping import PLURAL, Row
from mydia_web.backends.values import ContentKind, RemoteState, Target, Wanted

ADD = "sync/history"
REMOVE = "sync/history/remove"
PAUSE = "scrobble/pause"
PLAYBACK = "sync/playback"
FULL = "full,images"
#: Rows that are asked for at once; a server that sends fewer says so.
PAGE = 250

#: Trakt keeps a pause from 1 per cent on, and counts one at 80 as watched.
LEAST_PERCENT = 1.0
MOST_PERCENT = 79.9
#: Percentages closer than this are the same: half of the coarsest step that Trakt may keep.
SAME_PERCENT = 0.05
#: Trakt's runtimes are whole minutes: lengths closer than this are the same (milliseconds).
SAME_LENGTH = 60_000
#: Plays of one title closer than this are the same: clients round, and some keep no seconds.
SAME_PLAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Plays:
    """The plays of one title: how many, and the dates of those that were read."""

    count: int = 0
    #: In any order; plays without a date are missing here.
    dates: tuple[datetime, ...] = ()
    #: The title, as it came along with them.
    row: Row | None = None

    @property
    def last(self) -> datetime | None:
        return max(self.dates, default=None)

    def has(self, at: datetime | None) -> bool:
        """Return whether this play is there. Without a date any play will do."""
        if at is None:
            return self.count > 0
        return any(abs(date - at) < SAME_PLAY for date in self.dates)

    def plus(self, at: datetime | None) -> "Plays":
        if at is None:
            return replace(self, count=self.count + 1)
        return replace(self, count=self.count + 1, dates=(*self.dates, at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A pause of a title."""

    #: Trakt's number of the pause; None for one that was not read.
    playback_id: int | None
    percent: float
    at: datetime | None = None
    row: Row | None = None


#: Stands for the pause that a title may have.
UNREAD = Position(playback_id=None, percent=float("nan"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A title as the account shows it."""

    kind: ContentKind
    #: Trakt's number; 0 where it has to be looked up first.
    number: int
    #: None where they were not read.
    plays: Plays | None
    #: None where there is none.
    position: Position | None
    row: Row | None = None

    @property
    def may_be_empty(self) -> bool:
        """Return whether it may have no play and no pause, as a title that is gone."""
        has_plays = self.plays is not None and self.plays.count > 0
        has_position = self.position is not None and self.position is not UNREAD
        return not has_plays and not has_position

    @property
    def state(self) -> RemoteState:
        return remote_state(self.kind, self.plays or Plays(), self.position)


def current_position(plays: Plays, position: Position | None) -> Position | None:
    """Return the position unless it is older than the last play, and so a rest of that play."""
    if position is None or position.at is None or plays.last is None:
        return position
    if position.at < plays.last:
        return None
    return position


def remote_state(kind: ContentKind, plays: Plays, position: Position | None) -> RemoteState:
    position = current_position(plays, position)
    dates = [plays.last]
    position_ms = 0
    if position is not None:
        dates.append(position.at)
        rows = [row for row in (position.row, plays.row) if row is not None]
        runtimes = [row.runtime_seconds(kind) for row in rows]
        runtime = next(filter(None, runtimes), 0)
        position_ms = round(position.percent * runtime * 10)
    return RemoteState(
        watched=plays.count > 0,
        position_ms=position_ms,
        play_count=plays.count,
        last_played_at=max(filter(None, dates), default=None),
    )


def played_at(wanted: Wanted) -> datetime | None:
    """Return the date of the play that is owed; None where nobody knows it."""
    at = wanted.watched_at
    if at is None and wanted.change_type == "mark_watched":
        at = wanted.at
    if at is None or at.year <= 1970:
        return None
    return at


def page_of(listing: Call, number: int) -> Call:
    """Return the request for one page of a listing."""
    params = {"page": number, "limit": PAGE, **listing.params}
    return replace(listing, params=params)


def list_plays(kind: ContentKind, number: int) -> Call:
    path = f"{ADD}/{PLURAL[kind]}/{number or '…'}"
    return Call(method="GET", path=path, params={"extended": FULL})


def list_positions(kind: ContentKind) -> Call:
    return Call(method="GET", path=f"{PLAYBACK}/{PLURAL[kind]}", params={"extended": FULL})


def search(provider: str, value: str, kind: ContentKind | Literal["show"]) -> Call:
    params = {"type": kind, "extended": FULL}
    return Call(method="GET", path=f"search/{provider}/{value}", params=params)


def get_episode(show: int | str, season: int, episode: int) -> Call:
    path = f"shows/{show}/seasons/{season}/episodes/{episode}"
    return Call(method="GET", path=path, params={"extended": FULL})


def add_play(title: Title, at: datetime | None) -> Call:
    watched_at = "unknown" if at is None else mapping.stamp(at)
    play = {**_by_number(title), "watched_at": watched_at}
    body = {PLURAL[title.kind]: [play]}
    return Call(method="POST", path=ADD, body=body, condition="unless this play is there")


def remove_plays(title: Title) -> Call:
    body = {PLURAL[title.kind]: [_by_number(title)]}
    return Call(method="POST", path=REMOVE, body=body, condition="unless there is no play")


def pause(title: Title, percent: float | None) -> Call:
    """Set the position; None stands for a share of a length that is not known yet."""
    named: dict[str, Any] = _by_number(title)
    if title.row is not None:
        known = title.row.title(title.kind)
        if title.kind == "movie" and known.title and known.year:
            named |= {"title": known.title, "year": known.year}
    condition = f"unless it is paused there; from {LEAST_PERCENT} to {MOST_PERCENT} per cent"
    body = {title.kind: named, "progress": percent or "…"}
    return Call(method="POST", path=PAUSE, body=body, condition=condition)


def remove_position(position: Position) -> Call:
    path = f"{PLAYBACK}/{position.playback_id or '…'}"
    return Call(method="DELETE", path=path, condition="if it is paused there")


def _by_number(title: Title) -> dict[str, Any]:
    """Name a title by one id: Trakt's description allows no more."""
    return {"ids": {"trakt": title.number}}


def merge(calls: Sequence[Call]) -> Call:
    """Return one request that adds, or removes, the plays of all these."""
    body: dict[str, list[Any]] = {}
    for call in calls:
        for plural, entries in (call.body or {}).items():
            body.setdefault(plural, []).extend(entries)
    return replace(calls[0], body=body)


def plan(title: Title, wanted: Wanted) -> list[Call]:
    """Return the calls that bring `wanted` about; none where the account shows it.

    For a title that was not read these are all calls that may be needed, each with its condition.
    Raises `Rejected` for a position in a title without a length.
    """
    return [*_plan_mark(title, wanted), *_plan_position(title, wanted)]


def needs_row(title: Title, wanted: Wanted) -> bool:
    """Return whether the title itself has to be looked up before its calls are planned.

    A position needs its length; and a title that is gone may look like one never watched.
    """
    if title.row is not None:
        return False
    if wanted.position:
        return True
    return not wanted.mark and title.may_be_empty


def explain(target: Target, wanted: Wanted) -> list[Call]:
    """Return the calls of a push, whatever the account shows."""
    number = mapping.number_of(target.kind, target.remote_id)
    title = Title(kind=target.kind, number=number or 0, plays=None, position=UNREAD)
    positions = page_of(list_positions(target.kind), 1)
    calls = []
    if number is None:
        calls += _lookups(target)
    calls += [page_of(list_plays(target.kind, title.number), 1), positions]
    if number is not None and needs_row(title, wanted):
        lookup = search("trakt", str(number), target.kind)
        calls.append(lookup.with_condition("if it was never played or paused there"))
    for call in plan(title, wanted):
        calls.append(call)
        if call.path == PAUSE:
            calls.append(positions)
    return calls


def _lookups(target: Target) -> list[Call]:
    """Return the searches for a title whose number is not known yet."""
    own_ids = mapping.known_ids(target.external_ids)
    calls = [search(provider, value, target.kind) for provider, value in own_ids]
    season = target.season_number
    episode = target.episode_number
    if target.kind == "movie" or season is None or episode is None:
        return [call.with_condition("until one is found") for call in calls]
    show_ids = mapping.known_ids(target.show_external_ids)
    calls += [search(provider, value, "show") for provider, value in show_ids]
    searches = [call.with_condition("until one is found") for call in calls]
    return [*searches, get_episode("…", season, episode).with_condition("if not found")]


def _plan_mark(title: Title, wanted: Wanted) -> list[Call]:
    watched = wanted.mark
    at = played_at(wanted)
    plays = title.plays
    if watched and (plays is None or not plays.has(at)):
        return [add_play(title, at)]
    if watched is False and (plays is None or plays.count > 0):
        return [remove_plays(title)]
    return []


def _plan_position(title: Title, wanted: Wanted) -> list[Call]:
    position_ms = wanted.position
    if position_ms is None:
        return []
    if position_ms == 0:
        return _plan_no_position(title)
    percent = _percent(title, wanted, position_ms)
    if percent is None:
        return [pause(title, None)]
    if percent < LEAST_PERCENT:
        return _plan_no_position(title)
    percent = min(percent, MOST_PERCENT)
    position = current_position(_expected_plays(title, wanted), title.position)
    if position is not None and abs(position.percent - percent) <= SAME_PERCENT:
        return []
    return [pause(title, percent)]


def _plan_no_position(title: Title) -> list[Call]:
    if title.position is None:
        return []
    return [remove_position(title.position)]


def _expected_plays(title: Title, wanted: Wanted) -> Plays:
    """Return the plays as they are once the mark was sent."""
    plays = title.plays or Plays()
    if not _plan_mark(title, wanted):
        return plays
    if wanted.mark:
        return plays.plus(played_at(wanted))
    return Plays()


def _percent(title: Title, wanted: Wanted, position_ms: int) -> float | None:
    """Return the position as a share; None where the title's own length may still be read."""
    length = wanted.duration_ms or 0
    if title.row is not None:
        runtime_ms = (title.row.runtime_seconds(title.kind) or 0) * 1000
        length = _length(length, runtime_ms)
    if length:
        return round(100 * position_ms / length, 3)
    if title.row is None:
        return None
    raise Rejected(
        "Trakt keeps positions as a share of the length, and nobody knows how long this title is."
    )


def _length(duration_ms: int, runtime_ms: int) -> int:
    """Return the length to take a share of.

    Trakt's own where ours is about the same: the position then reads back as it was sent.
    """
    if not runtime_ms:
        return duration_ms
    is_same = abs(duration_ms - runtime_ms) <= SAME_LENGTH
    if not duration_ms or is_same:
        return runtime_ms
    return duration_ms
