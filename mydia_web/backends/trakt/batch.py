"""Many marks in one request: what is there already is read in as few questions as can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mydia_web.backends.errors import BackendError, NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.trakt import bodies, state
from mydia_web.backends.trakt.api import NOT_THERE, Api
from mydia_web.backends.trakt.bodies import ADD, REMOVE
from mydia_web.backends.trakt.finding import Finder
from mydia_web.backends.trakt.mapping import KINDS, NEVER, PLURAL
from mydia_web.backends.trakt.state import Plays, Position
from mydia_web.backends.trakt.titles import Titles
from mydia_web.backends.trakt.writing import (
    Title,
    Writer,
    is_watched_wanted,
    played_at,
    position_wanted,
)
from mydia_web.backends.values import ContentKind, RemoteState, Target, Wanted

Result = RemoteState | BackendError
Key = tuple[ContentKind, int]
Sort = Literal["watched", "unwatched", "alone"]
#: Pauses are cleared one by one, a second apart, and whoever pushes does not wait for ever.
MOST_CLEARED = 20


@dataclass(frozen=True, slots=True)
class _Push:
    """One of a batch."""

    place: int
    key: Key
    target: Target
    wanted: Wanted

    @property
    def at(self) -> datetime | None:
        return played_at(self.wanted)

    @property
    def sort(self) -> Sort:
        watched = is_watched_wanted(self.wanted)
        if watched is None or position_wanted(self.wanted):
            return "alone"
        return "watched" if watched else "unwatched"


class Batch:
    """The pushes of one call. Of a title's plays before those that are sent, none may have been
    counted.
    """

    def __init__(self, api: Api, finder: Finder) -> None:
        self._api, self._finder, self._writer = api, finder, Writer(api, finder)
        self._results: dict[int, Result] = {}
        self._plays: dict[Key, Plays] = {}
        self._positions: dict[Key, Position] = {}
        self._cleared = 0

    def push(self, pushes: Sequence[tuple[Target, Wanted]]) -> Sequence[Result]:
        sorts = self._sorted(pushes)
        self._read_positions({push.key[0] for push in (*sorts["watched"], *sorts["unwatched"])})
        self._add(sorts["watched"])
        self._remove(sorts["unwatched"])
        for push in sorts["alone"]:
            self._push_alone(push)
        return [self._results[place] for place in range(len(pushes))]

    def _sorted(self, pushes: Sequence[tuple[Target, Wanted]]) -> dict[Sort, list[_Push]]:
        """What can share a request. Different pushes of one title go out one by one, in their
        order.
        """
        found: list[_Push] = []
        for place, (target, wanted) in enumerate(pushes):
            try:
                found.append(
                    _Push(place, (target.kind, self._finder.number(target)), target, wanted)
                )
            except NotOnServer as error:
                self._results[place] = error
        of_title: dict[Key, set[Sort]] = {}
        for push in found:
            of_title.setdefault(push.key, set()).add(push.sort)
        sorts: dict[Sort, list[_Push]] = {"watched": [], "unwatched": [], "alone": []}
        for push in found:
            sorts[push.sort if len(of_title[push.key]) == 1 else "alone"].append(push)
        return sorts

    def _read_positions(self, kinds: set[ContentKind]) -> None:
        for kind in kinds:
            positions, _ = state.read_positions(self._api, kind)
            self._positions |= {(kind, number): position for number, position in positions.items()}

    def _add(self, pushes: list[_Push]) -> None:
        pushes = self._read_plays(pushes)
        before, owed = dict(self._plays), []
        for push in pushes:
            plays = self._plays.get(push.key) or Plays()
            if not plays.has(push.at):
                owed.append(push)
                plays = plays.plus(push.at)
            self._plays[push.key] = plays
        sent = self._send(ADD, owed) if owed else bodies.NOTHING
        known = [push for push in owed if push.key not in sent.missing]
        if sent.done < len(known):
            # An account can be set to keep one play of a title only: each is looked at by itself.
            self._plays = before
            for push in pushes:
                self._push_alone(push)
            return
        for push in pushes:
            self._settle(push, is_missing=push.key in sent.missing)

    def _remove(self, pushes: list[_Push]) -> None:
        sent = self._send(REMOVE, pushes) if pushes else bodies.NOTHING
        for push in pushes:
            self._plays[push.key] = Plays()
            self._settle(push, is_missing=push.key in sent.missing and not self._is_known(push.key))

    def _send(self, path: str, pushes: list[_Push]) -> bodies.Sent:
        entries = {
            kind: [
                bodies.play(push.key[1], push.at) if path == ADD else bodies.title(push.key[1])
                for push in pushes
                if push.key[0] == kind
            ]
            for kind in KINDS
        }
        return bodies.send(self._api, path, entries)

    def _settle(self, push: _Push, *, is_missing: bool) -> None:
        if is_missing:
            self._results[push.place] = NotOnServer(NOT_THERE)
            return
        title = Title(*push.key, self._plays[push.key], self._positions.get(push.key))
        if title.position and position_wanted(push.wanted) == 0:
            if self._cleared == MOST_CLEARED:
                self._results[push.place] = ServerTrouble(
                    "Trakt takes one change a second. The title is marked; its position will be cleared later."
                )
                return
            title = self._writer.without_position(title)
            del self._positions[push.key]
            self._cleared += 1
        self._results[push.place] = title.shown

    def _push_alone(self, push: _Push) -> None:
        try:
            self._results[push.place] = self._writer.push(push.target, push.wanted)
        except (NotOnServer, Rejected) as error:
            self._results[push.place] = error

    def _is_known(self, key: Key) -> bool:
        """Trakt may also call a title unknown that was never played."""
        try:
            self._finder.row(*key)
        except NotOnServer:
            return False
        return True

    def _read_plays(self, pushes: list[_Push]) -> list[_Push]:
        """Learn which plays are there. Returns the pushes of titles that exist."""
        for kind in KINDS:
            of_kind = [push for push in pushes if push.key[0] == kind]
            if of_kind and not self._read_all_since(kind, of_kind):
                self._read_one_by_one(of_kind)
        return [push for push in pushes if push.place not in self._results]

    def _read_all_since(self, kind: ContentKind, pushes: list[_Push]) -> bool:
        """Read all plays from the oldest that is sent. False: asking for each title takes less."""
        dates = [push.at for push in pushes if push.at]
        if len(dates) < len(pushes):
            return False
        titles = Titles(kind)
        start_at = state.day_before(min(dates))
        for page in self._api.pages(f"sync/history/{PLURAL[kind]}", start_at=start_at):
            if page.total > len(pushes) * len(page.rows):
                return False
            list(titles.add(page.rows))
        self._plays |= {(kind, number): plays for number, plays in titles.plays.items()}
        return True

    def _read_one_by_one(self, pushes: list[_Push]) -> None:
        oldest: dict[Key, datetime | None] = {}
        for push in sorted(pushes, key=lambda push: push.at or NEVER, reverse=True):
            oldest[push.key] = push.at
        for key, at in oldest.items():
            try:
                self._plays[key] = state.read_plays(self._api, *key, until=at)
            except NotOnServer as error:
                self._results |= {push.place: error for push in pushes if push.key == key}
