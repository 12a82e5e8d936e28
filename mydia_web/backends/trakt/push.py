"""Pushing to Trakt: read what is there, send what is missing, one title or a hundred at a time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from mydia_web import clock
from mydia_web.backends.call import Call
from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    NotShown,
    Rejected,
    ServerTrouble,
)
from mydia_web.backends.trakt.api import NOT_THERE, Api
from mydia_web.backends.trakt.listing import Titles, list_history
from mydia_web.backends.trakt.mapping import KINDS, NEVER, PLURAL, TitleInfo, parse
from mydia_web.backends.trakt.plan import (
    ADD,
    PAUSE,
    REMOVE,
    SAME_PERCENT,
    Plays,
    Position,
    Title,
    merge,
    needs_row,
    plan,
    played_at,
)
from mydia_web.backends.trakt.titles import Finder, read_plays, read_positions
from mydia_web.backends.values import ContentKind, RemoteState, Target, Wanted
from mydia_web.backends.wire import UnreadableEntry

#: Pauses are cleared one by one, a second apart, and the pusher does not wait for ever.
MAX_CLEARED = 20
#: A pause of a title just scrobbled: Trakt has the play, and takes no pause of it for a while.
_DUPLICATE = 409

Result = RemoteState | BackendError
TitleId = tuple[ContentKind, int]
Group = Literal["watched", "unwatched", "alone"]


@dataclass(frozen=True, slots=True)
class PlaysAnswer:
    """The number of plays that Trakt added or removed, and the titles it does not know."""

    count: int = 0
    missing: frozenset[TitleId] = field(default_factory=frozenset)


class Writer:
    """Pushes titles one by one."""

    def __init__(self, api: Api, finder: Finder) -> None:
        self._api = api
        self._finder = finder

    def state(self, target: Target) -> RemoteState:
        title = self._read(target)
        if title.may_be_empty:
            # A title that is gone looks like one that was never watched.
            self._finder.row(title.kind, title.number)
        return title.state

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        title = self._read(target, until=played_at(wanted))
        if needs_row(title, wanted):
            title = replace(title, row=self._finder.row(title.kind, title.number))
        for call in plan(title, wanted):
            title = self.send(call, title, wanted)
        return title.state

    def _read(self, target: Target, *, until: datetime | None = None) -> Title:
        """Read a title. Raises `NotOnServer` where Trakt says so; without plays it may not."""
        number = self._finder.number(target)
        plays = read_plays(self._api, target.kind, number, until=until)
        positions, _ = read_positions(self._api, target.kind)
        position = positions.get(number)
        row = plays.row
        if position is not None:
            row = position.row
        return Title(kind=target.kind, number=number, plays=plays, position=position, row=row)

    def send(self, call: Call, title: Title, wanted: Wanted) -> Title:
        """Send one call of the plan and return the title as Trakt then has it."""
        if call.path == ADD:
            return self._add(call, title, played_at(wanted))
        if call.path == REMOVE:
            return self._remove(call, title)
        if call.path == PAUSE:
            return self._pause(call, title)
        # A pause that is gone already is no error.
        self._api.send(call, understood=(404,))
        return replace(title, position=None)

    def _add(self, call: Call, title: Title, at: datetime | None) -> Title:
        answer = send_plays(self._api, call)
        if answer.missing:
            raise NotOnServer(NOT_THERE)
        plays = title.plays or Plays()
        # An account can be set to keep only one play of a title.
        if answer.count:
            plays = plays.plus(at)
        if not plays.count:
            raise NotShown("Trakt took the play, but then did not say that it keeps it.")
        return replace(title, plays=plays)

    def _remove(self, call: Call, title: Title) -> Title:
        if send_plays(self._api, call).missing:
            raise NotOnServer(NOT_THERE)
        return replace(title, plays=Plays())

    def _pause(self, call: Call, title: Title) -> Title:
        answer = self._api.send(call, understood=(404, _DUPLICATE))
        if answer.status == 404:
            raise NotOnServer(NOT_THERE)
        positions, _ = read_positions(self._api, title.kind)
        position = positions.get(title.number)
        percent = float((call.body or {})["progress"])
        is_shown = position is not None and abs(position.percent - percent) <= SAME_PERCENT
        if answer.status == _DUPLICATE or is_shown:
            return replace(title, position=position)
        reply = answer.json()
        if not isinstance(reply, dict) or reply.get("action") != "pause":
            raise NotShown("Trakt took the position, but then did not say that it keeps it.")
        # The listing may lag behind.
        position = Position(playback_id=None, percent=percent, at=clock.now(), row=title.row)
        return replace(title, position=position)


def send_plays(api: Api, call: Call) -> PlaysAnswer:
    """Add or remove plays. A title that Trakt does not know is no error of the request."""
    reply = api.send(call).json()
    if not isinstance(reply, dict) or not isinstance(reply.get("not_found"), dict):
        raise ServerTrouble("Trakt did not say what it did with the plays.")
    counts = reply.get("added")
    if call.path == REMOVE:
        counts = reply.get("deleted")
    return PlaysAnswer(_sum(counts), frozenset(_missing(reply)))


def _sum(counts: object) -> int:
    if not isinstance(counts, dict):
        return 0
    return sum(count for count in counts.values() if isinstance(count, int))


def _missing(reply: Mapping[str, Any]) -> Iterator[TitleId]:
    """Yield the titles that an answer calls unknown."""
    for kind, plural in PLURAL.items():
        for entry in reply["not_found"].get(plural) or ():
            try:
                yield kind, parse(TitleInfo, entry).ids.trakt
            except UnreadableEntry:
                continue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """A push of a batch."""

    index: int
    title_id: TitleId
    target: Target
    wanted: Wanted

    @property
    def at(self) -> datetime | None:
        return played_at(self.wanted)

    @property
    def group(self) -> Group:
        watched = self.wanted.mark
        if watched is None or self.wanted.position:
            return "alone"
        if watched:
            return "watched"
        return "unwatched"


class Batch:
    """Pushes many titles: their plays in one request, their pauses one by one.

    Plays that are older than all that is sent may be missing in the states it returns.
    """

    def __init__(self, api: Api, finder: Finder) -> None:
        self._api = api
        self._finder = finder
        self._writer = Writer(api, finder)
        self._results: dict[int, Result] = {}
        #: What was read of the titles; of those to be unwatched no plays are.
        self._plays: dict[TitleId, Plays] = {}
        self._positions: dict[TitleId, Position] = {}
        self._cleared = 0

    def push(self, pushes: Sequence[tuple[Target, Wanted]]) -> Sequence[Result]:
        groups = self._group(pushes)
        marks = [*groups["watched"], *groups["unwatched"]]
        self._read_positions({push.title_id[0] for push in marks})
        self._add(groups["watched"])
        self._remove(groups["unwatched"])
        for push in groups["alone"]:
            self._push_alone(push)
        return [self._results[index] for index in range(len(pushes))]

    def _group(self, pushes: Sequence[tuple[Target, Wanted]]) -> dict[Group, list[_Push]]:
        """Sort by what can share a request.

        Different pushes of one title go out one by one, in their order.
        """
        known = self._find(pushes)
        groups_of: dict[TitleId, set[Group]] = {}
        for push in known:
            groups_of.setdefault(push.title_id, set()).add(push.group)
        groups: dict[Group, list[_Push]] = {"watched": [], "unwatched": [], "alone": []}
        for push in known:
            group = push.group
            if len(groups_of[push.title_id]) > 1:
                group = "alone"
            groups[group].append(push)
        return groups

    def _find(self, pushes: Sequence[tuple[Target, Wanted]]) -> list[_Push]:
        known: list[_Push] = []
        for index, (target, wanted) in enumerate(pushes):
            try:
                title_id = (target.kind, self._finder.number(target))
            except NotOnServer as error:
                self._results[index] = error
            else:
                push = _Push(index=index, title_id=title_id, target=target, wanted=wanted)
                known.append(push)
        return known

    def _read_positions(self, kinds: Collection[ContentKind]) -> None:
        for kind in kinds:
            positions, _ = read_positions(self._api, kind)
            self._positions |= {(kind, number): position for number, position in positions.items()}

    def _title(self, push: _Push) -> Title:
        kind, number = push.title_id
        plays = self._plays.get(push.title_id)
        position = self._positions.get(push.title_id)
        return Title(kind=kind, number=number, plays=plays, position=position)

    def _calls(self, push: _Push, path: str) -> list[Call]:
        return [call for call in plan(self._title(push), push.wanted) if call.path == path]

    def _add(self, pushes: list[_Push]) -> None:
        pushes = self._read_plays(pushes)
        plays_before = dict(self._plays)
        owed: list[_Push] = []
        calls: list[Call] = []
        for push in pushes:
            plays = self._plays.setdefault(push.title_id, Plays())
            added = self._calls(push, ADD)
            if added:
                owed.append(push)
                calls += added
                self._plays[push.title_id] = plays.plus(push.at)
        answer = self._send(calls)
        known = [push for push in owed if push.title_id not in answer.missing]
        if answer.count < len(known):
            # An account can be set to keep only one play of a title: look at each by itself.
            self._plays = plays_before
            for push in pushes:
                self._push_alone(push)
            return
        for push in pushes:
            self._settle(push, is_missing=push.title_id in answer.missing)

    def _remove(self, pushes: list[_Push]) -> None:
        calls: list[Call] = []
        for push in pushes:
            calls += self._calls(push, REMOVE)
        answer = self._send(calls)
        for push in pushes:
            self._plays[push.title_id] = Plays()
            # Trakt may also call a title unknown that was never played.
            is_missing = push.title_id in answer.missing and not self._exists(push.title_id)
            self._settle(push, is_missing=is_missing)

    def _send(self, calls: list[Call]) -> PlaysAnswer:
        if not calls:
            return PlaysAnswer()
        return send_plays(self._api, merge(calls))

    def _settle(self, push: _Push, *, is_missing: bool) -> None:
        """Clear the pause of a title that was marked, and note its state."""
        if is_missing:
            self._results[push.index] = NotOnServer(NOT_THERE)
            return
        title = self._title(push)
        for call in plan(title, push.wanted):
            if self._cleared == MAX_CLEARED:
                self._results[push.index] = ServerTrouble(
                    "Trakt takes one change a second. "
                    "The title is marked; its position will be cleared later."
                )
                return
            title = self._writer.send(call, title, push.wanted)
            del self._positions[push.title_id]
            self._cleared += 1
        self._results[push.index] = title.state

    def _push_alone(self, push: _Push) -> None:
        try:
            self._results[push.index] = self._writer.push(push.target, push.wanted)
        except (NotOnServer, Rejected) as error:
            self._results[push.index] = error

    def _exists(self, title_id: TitleId) -> bool:
        try:
            self._finder.row(*title_id)
        except NotOnServer:
            return False
        return True

    def _read_plays(self, pushes: list[_Push]) -> list[_Push]:
        """Read the plays that are there. Return the pushes of titles that exist."""
        for kind in KINDS:
            of_kind = [push for push in pushes if push.title_id[0] == kind]
            if of_kind and not self._read_all_since(kind, of_kind):
                self._read_one_by_one(of_kind)
        return [push for push in pushes if push.index not in self._results]

    def _read_all_since(self, kind: ContentKind, pushes: list[_Push]) -> bool:
        """Read all plays from the oldest one that is sent.

        Return False where asking for each title takes fewer requests.
        """
        dates = [push.at for push in pushes if push.at is not None]
        if len(dates) < len(pushes):
            return False
        titles = Titles(kind=kind)
        for page in self._api.pages(list_history(kind, since=min(dates), is_full=False)):
            if page.total > len(pushes) * len(page.rows):
                return False
            titles.add(page.rows)
        self._plays |= {(kind, number): plays for number, plays in titles.plays.items()}
        return True

    def _read_one_by_one(self, pushes: list[_Push]) -> None:
        oldest: dict[TitleId, datetime | None] = {}
        for push in sorted(pushes, key=lambda push: push.at or NEVER, reverse=True):
            oldest[push.title_id] = push.at
        for title_id, at in oldest.items():
            try:
                self._plays[title_id] = read_plays(self._api, *title_id, until=at)
            except NotOnServer as error:
                failed = [push.index for push in pushes if push.title_id == title_id]
                self._results |= dict.fromkeys(failed, error)
