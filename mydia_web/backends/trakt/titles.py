"""Reading single titles of Trakt: which one is meant, its plays, and where it was paused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.trakt.api import NOT_THERE, Api
from mydia_web.backends.trakt.mapping import (
    EpisodeInfo,
    Paused,
    Play,
    Row,
    TitleInfo,
    instant,
    known_ids,
    number_of,
    parse,
    parse_readable,
)
from mydia_web.backends.trakt.plan import (
    SAME_PLAY,
    Plays,
    Position,
    get_episode,
    list_plays,
    list_positions,
    search,
)
from mydia_web.backends.values import ContentKind, Target
from mydia_web.backends.wire import UnreadableEntry


@dataclass(slots=True)
class Finder:
    """Looks titles up by their own ids, or by those of their show; each show only once."""

    api: Api
    #: What was learnt of titles on the way, by kind and number.
    rows: dict[tuple[ContentKind, int], Row] = field(default_factory=dict)
    _shows: dict[tuple[str, str], TitleInfo | None] = field(default_factory=dict)

    def number(self, target: Target) -> int:
        """Return Trakt's number of the title. Raises `NotOnServer`."""
        number = number_of(target.kind, target.remote_id)
        if number is not None:
            return number
        row = self._find_by_own_ids(target) or self._find_by_show(target)
        number = row.title(target.kind).ids.trakt
        self.rows[target.kind, number] = row
        return number

    def row(self, kind: ContentKind, number: int) -> Row:
        """Return what Trakt knows of a title. Raises `NotOnServer`."""
        if (kind, number) not in self.rows:
            row = self._search("trakt", str(number), kind)
            if row is None:
                raise NotOnServer(NOT_THERE)
            self.rows[kind, number] = row
        return self.rows[kind, number]

    def _find_by_own_ids(self, target: Target) -> Row | None:
        for provider, value in known_ids(target.external_ids):
            row = self._search(provider, value, target.kind)
            if row is not None:
                return row
        return None

    def _find_by_show(self, target: Target) -> Row:
        season = target.season_number
        episode = target.episode_number
        if target.kind == "movie" or season is None or episode is None:
            raise NotOnServer("Trakt knows no title by these ids.")
        for provider, value in known_ids(target.show_external_ids):
            show = self._find_show(provider, value)
            if show is not None:
                return self._read_episode(show, season, episode)
        raise NotOnServer("Trakt knows no show by these ids.")

    def _find_show(self, provider: str, value: str) -> TitleInfo | None:
        if (provider, value) not in self._shows:
            row = self._search(provider, value, "show")
            self._shows[provider, value] = row.show if row else None
        return self._shows[provider, value]

    def _read_episode(self, show: TitleInfo, season: int, episode: int) -> Row:
        call = get_episode(show.ids.trakt, season, episode)
        answer = self.api.send(call, understood=(404,))
        if answer.status == 404:
            name = (show.title or "")[:80]
            raise NotOnServer(
                f"Trakt knows “{name}”, but no episode {episode} of its season {season}."
            )
        try:
            return Row(episode=parse(EpisodeInfo, answer.json()), show=show)
        except UnreadableEntry as error:
            raise NotOnServer(f"Trakt's entry of the episode cannot be read: {error}") from error

    def _search(self, provider: str, value: str, kind: ContentKind | Literal["show"]) -> Row | None:
        """Return the first title of that kind that bears the id.

        Trakt also finds titles whose ids look like it.
        """
        answer = self.api.send(search(provider, value, kind), understood=(404,))
        if answer.status == 404:
            return None
        entries = answer.json()
        if not isinstance(entries, list):
            return None
        for row in parse_readable(Row, entries):
            title: TitleInfo | None = getattr(row, kind)
            if title is not None and _has_id(title, provider, value):
                return row
        return None


def _has_id(title: TitleInfo, provider: str, value: str) -> bool:
    known = str(getattr(title.ids, provider) or "")
    if known.isdecimal() and value.isdecimal():
        return int(known) == int(value)
    return known == value


def read_plays(api: Api, kind: ContentKind, number: int, *, until: datetime | None = None) -> Plays:
    """Return the plays of a title, the newest first: back to `until`, or those of one request.

    They are not filtered by date, for it is not sure that Trakt minds the time of a date. Plays
    that cannot be read still count. Raises `NotOnServer`.
    """
    dates: list[datetime] = []
    count = 0
    row: Row | None = None
    for page in api.pages(list_plays(kind, number), is_of_title=True):
        count = page.total
        for play in parse_readable(Play, page.rows):
            row = row or play
            watched_at = instant(play.watched_at)
            if watched_at is not None:
                dates.append(watched_at)
        is_far_enough = until is None or (bool(dates) and min(dates) < until - SAME_PLAY)
        if is_far_enough:
            break
    return Plays(count, tuple(dates), row)


def read_positions(api: Api, kind: ContentKind) -> tuple[dict[int, Position], Sequence[str]]:
    """Return the latest pause of each title by its number, and words about unreadable ones."""
    positions: dict[int, Position] = {}
    problems: list[str] = []
    for page in api.pages(list_positions(kind), is_counted=False):
        problems += page.problems
        for entry in page.rows:
            try:
                paused = parse(Paused, entry)
                number = paused.title(kind).ids.trakt
            except UnreadableEntry as error:
                problems.append(str(error))
                continue
            position = Position(
                playback_id=paused.id,
                percent=paused.progress,
                at=instant(paused.paused_at),
                row=paused,
            )
            if _is_later(position, positions.get(number)):
                positions[number] = position
    return positions, problems


def _is_later(position: Position, other: Position | None) -> bool:
    if other is None:
        return True
    if position.at is None or other.at is None:
        return False
    return position.at > other.at
