"""Reading Kodi: its whole library or what is new in it, single titles, and what it plays."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Self

from mydia_web.backends.errors import BackendError, NotOnServer, ServerTrouble
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.mapping import (
    SHOW_FIELDS,
    STATE_FIELDS,
    VOCABULARY,
    Entry,
    PlayedItem,
    Player,
    Progress,
    Video,
)
from mydia_web.backends.kodi.plan import PLAYERS, Shown, get_call, number_of
from mydia_web.backends.kodi.rpc import JsonRpc, RpcCall
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import (
    ContentKind,
    LibraryPage,
    Playing,
    RemoteItem,
    RemoteShow,
    Target,
)
from mydia_web.backends.wire import UnreadableEntry

#: Entries per request of a list.
PAGE = 500
#: Shows per request where they are asked for by their numbers.
_SHOWS_AT_ONCE = 50
_GONE = "Kodi does not have this title any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class _List:
    """One of Kodi's lists."""

    method: str
    entries: str
    id_name: str
    fields: Sequence[str]
    #: In Kodi's filter language; empty: all.
    filter: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_kind(cls, kind: ContentKind, filter_: Mapping[str, Any] | None = None) -> Self:
        words = VOCABULARY[kind]
        return cls(
            method=words.list,
            entries=words.entries,
            id_name=words.id_name,
            fields=words.fields,
            filter=filter_ or {},
        )

    def page(self, start: int, end: int) -> RpcCall:
        params: dict[str, Any] = {"properties": list(self.fields)}
        if self.filter:
            params["filter"] = self.filter
        params["limits"] = {"start": start, "end": end}
        return RpcCall(self.method, params)

    def count(self) -> RpcCall:
        return replace(self, fields=()).page(0, 1)


_SHOWS = _List(
    method="VideoLibrary.GetTVShows", entries="tvshows", id_name="tvshowid", fields=SHOW_FIELDS
)


@dataclass(frozen=True, slots=True)
class _Shows:
    """Shows by their numbers, and words about those that could not be read."""

    by_number: dict[int, RemoteShow] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, entries: Iterable[object]) -> Self:
        shows = cls()
        for entry in entries:
            try:
                number, show = mapping.show_item(entry)
            except UnreadableEntry as error:
                shows.problems.append(str(error))
            else:
                shows.by_number[number] = show
        return shows


def read_library(rpc: JsonRpc, time: KodiTime) -> Iterator[LibraryPage]:
    """Yield the whole library or raise: half a library looks like one with films removed."""
    movies = _List.of_kind("movie")
    episodes = _List.of_kind("episode")
    movie_total, episode_total = map(_total, rpc.batch([movies.count(), episodes.count()]))
    total = movie_total + episode_total
    if not total:
        yield LibraryPage(items=(), done=0, total=0)
    done = 0
    read_movie = partial(mapping.movie_item, time=time)
    for entries in _pages(rpc, movies, movie_total):
        done += len(entries)
        items, problems = _read_items(entries, read_movie)
        yield LibraryPage(items=items, done=done, total=max(done, total), problems=problems)
    if not episode_total:
        return
    shows = _Shows.read(entry for entries in _pages(rpc, _SHOWS) for entry in entries)
    problems_of_shows = shows.problems
    read_episode = partial(mapping.episode_item, time=time, shows=shows.by_number)
    for entries in _pages(rpc, episodes, episode_total):
        done += len(entries)
        items, problems = _read_items(entries, read_episode)
        yield LibraryPage(
            items=items, done=done, total=max(done, total), problems=problems_of_shows + problems
        )
        problems_of_shows = []


def read_changes(rpc: JsonRpc, time: KodiTime, since: datetime) -> Iterator[LibraryPage]:
    """Yield what was played, stopped or marked watched after `since`, or is new by its file's date.

    Films and episodes are asked for in one request and come in one page: all of it is read before
    any of it is merged.
    """
    local = time.to_local(since)
    is_new = {"or": [_after("lastplayed", local), _after("dateadded", local)]}
    lists = [_List.of_kind(kind, is_new) for kind in VOCABULARY]
    counts = [_List.of_kind(kind).count() for kind in VOCABULARY]
    sizes: list[Any] = []
    totals: dict[str, int] = {}
    start = 0
    done = 0
    while lists:
        pages = [listed.page(start, start + PAGE) for listed in lists]
        results = rpc.batch([*pages, *counts])
        sizes += results[len(pages) :]
        counts = []
        names = [listed.entries for listed in lists]
        answers = dict(zip(names, results[: len(pages)], strict=True))
        _note_totals(totals, answers)
        entries = [mapping.members(answers.get(name, {}), name) for name in ("movies", "episodes")]
        done += sum(map(len, entries))
        items, problems = _read_changed(rpc, time, *entries)
        total = max(done, sum(totals.values()))
        yield LibraryPage(
            items=items,
            done=done,
            total=total,
            problems=problems,
            library_size=sum(map(_total, sizes)),
        )
        start += PAGE
        lists = [listed for listed in lists if start < totals[listed.entries]]


def _note_totals(totals: dict[str, int], answers: Mapping[str, object]) -> None:
    """Keep each list's own total. Raise `ServerTrouble` where it has fallen."""
    for name, answer in answers.items():
        total = _total(answer)
        if total < totals.get(name, 0):
            raise _changed_meanwhile()
        totals[name] = total


def _read_changed(
    rpc: JsonRpc, time: KodiTime, movies: list[Any], episodes: list[Any]
) -> tuple[list[RemoteItem], list[str]]:
    shows = _read_shows_of(rpc, episodes)
    read_movie = partial(mapping.movie_item, time=time)
    read_episode = partial(mapping.episode_item, time=time, shows=shows.by_number)
    movie_items, movie_problems = _read_items(movies, read_movie)
    episode_items, episode_problems = _read_items(episodes, read_episode)
    return movie_items + episode_items, movie_problems + shows.problems + episode_problems


def _after(field_name: str, local: str) -> Mapping[str, str]:
    """Return a filter, which is exact to the second on Kodi 20. No date is after no other."""
    return {"field": field_name, "operator": "greaterthan", "value": local}


def _read_items(
    entries: list[Any], read: Callable[[object], RemoteItem]
) -> tuple[list[RemoteItem], list[str]]:
    """Return the items, and words about entries that cannot be read."""
    items: list[RemoteItem] = []
    problems: list[str] = []
    for entry in entries:
        try:
            items.append(read(entry))
        except UnreadableEntry as error:
            problems.append(str(error))
    return items, problems


def _read_shows_of(rpc: JsonRpc, episodes: Iterable[Any]) -> _Shows:
    """Read the shows of these episodes; one that is gone meanwhile is left out."""
    numbers = sorted(show_numbers(episodes))
    entries: list[Any] = []
    for start in range(0, len(numbers), _SHOWS_AT_ONCE):
        batch = numbers[start : start + _SHOWS_AT_ONCE]
        for result in rpc.try_batch([show_call(number) for number in batch]):
            if isinstance(result, BackendError) and not isinstance(result, NotOnServer):
                raise result
            if isinstance(result, dict) and "tvshowdetails" in result:
                entries.append(result["tvshowdetails"])
    return _Shows.read(entries)


def show_numbers(episodes: Iterable[Any]) -> set[int]:
    """Return the numbers of the shows that episodes name."""
    named = [episode.get("tvshowid") for episode in episodes if isinstance(episode, Mapping)]
    return {number for number in named if isinstance(number, int) and number > 0}


def show_call(number: int) -> RpcCall:
    return RpcCall(
        "VideoLibrary.GetTVShowDetails", {"tvshowid": number, "properties": list(SHOW_FIELDS)}
    )


def _pages(rpc: JsonRpc, listed: _List, total: int = 0) -> Iterator[list[Any]]:
    """Yield pages up to Kodi's own total, which may not fall below the earlier `total`."""
    seen: set[str] = set()
    start = 0
    while True:
        (result,) = rpc.batch([listed.page(start, start + PAGE)])
        entries = mapping.members(result, listed.entries)
        ids = {str(entry.get(listed.id_name)) for entry in entries if isinstance(entry, dict)}
        new_total = _total(result)
        # Rows that move up while we read are missed; rows that move down come twice.
        is_shorter = new_total < total
        ends_early = not entries and start < new_total
        if is_shorter or ends_early or ids & seen:
            raise _changed_meanwhile()
        total = new_total
        start += len(entries)
        seen |= ids
        if entries:
            yield entries
        if start >= total:
            return


def _changed_meanwhile() -> ServerTrouble:
    return ServerTrouble("Kodi's library changed while it was being read. It will be read again.")


def _total(result: object) -> int:
    """Return the number of entries in all, without which no listing can be trusted to be whole."""
    total = mapping.member(mapping.member(result, "limits"), "total")
    if not isinstance(total, int) or total < 0:
        raise ServerTrouble("Kodi does not tell how many titles it has.")
    return total


def find(rpc: JsonRpc, target: Target, *, asks_players: bool) -> Shown:
    """Find a title by its id, if that still means the same file, else by its file.

    Kodi gives the id of a removed film to the next one that is added. Raise `NotOnServer`.
    """
    [shown] = find_by_ids(rpc, [target], asks_players=asks_players)
    if isinstance(shown, BackendError):
        raise shown
    if shown is not None:
        return shown
    playing = _played_items(rpc, rpc.call(PLAYERS.method)) if asks_players else ()
    return _find_by_file(rpc, target, playing)


def find_by_ids(
    rpc: JsonRpc, targets: Sequence[Target], *, asks_players: bool
) -> Sequence[Shown | BackendError | None]:
    """Read titles by their ids in one request; None where an id is gone or means another title."""
    numbers = [number_of(target) for target in targets]
    pairs = list(zip(targets, numbers, strict=True))
    calls = [get_call(target.kind, number) for target, number in pairs if number is not None]
    if not calls:
        return [None] * len(targets)
    if asks_players:
        calls.append(PLAYERS)
    results = rpc.try_batch(calls)
    playing = _played_items(rpc, results.pop()) if asks_players else ()
    answers = iter(results)
    return [
        None if number is None else _shown(next(answers), target, number, playing)
        for target, number in pairs
    ]


def video_of(kind: ContentKind, result: Mapping[str, Any]) -> Video:
    return _read_or_trouble(Video, result.get(VOCABULARY[kind].details))


def _shown(
    answer: Any, target: Target, number: int, playing: Sequence[PlayedItem]
) -> Shown | BackendError | None:
    if isinstance(answer, NotOnServer):
        return None
    if isinstance(answer, BackendError):
        return answer
    try:
        video = video_of(target.kind, answer)
    except ServerTrouble as error:
        return error
    if not _is_meant(video, target):
        return None
    return Shown(kind=target.kind, number=number, video=video, playing=playing)


def _is_meant(video: Video, target: Target) -> bool:
    """Return whether a title under the target's id is still the same one."""
    if target.path:
        return video.file == target.path
    ids = mapping.external_ids(video.uniqueid)
    shared = ids.keys() & target.external_ids.keys()
    return not shared or any(ids[provider] == target.external_ids[provider] for provider in shared)


def _find_by_file(rpc: JsonRpc, target: Target, playing: Sequence[PlayedItem]) -> Shown:
    words = VOCABULARY[target.kind]
    name_at = max(target.path.rfind("/"), target.path.rfind("\\")) + 1
    name = target.path[name_at:]
    parts = {"filename": name, "path": target.path[:name_at]}
    rules = [
        {"field": part, "operator": "is", "value": value} for part, value in parts.items() if value
    ]
    if not rules:
        raise NotOnServer(_GONE)
    result = rpc.call(words.list, properties=list(STATE_FIELDS), filter={"and": rules})
    for entry in mapping.members(result, words.entries):
        # Kodi compares with LIKE: "_" and "%" in a name match other names, and case does not count.
        video = _read_or_trouble(Video, entry)
        if video.file == target.path:
            number = int(entry[words.id_name])
            return Shown(kind=target.kind, number=number, video=video, playing=playing)
    raise NotOnServer(f"“{name}” is not in Kodi's library any more.")


def read_playing(rpc: JsonRpc) -> Sequence[Playing]:
    """Return the films and episodes of the library that play; an unreadable one hides no other."""
    players = rpc.call(PLAYERS.method)
    if not isinstance(players, list):
        return []
    playing: list[Playing] = []
    for entry in players:
        try:
            item = _playing_video(rpc, mapping.read(Player, entry))
        except UnreadableEntry:
            continue
        if item:
            playing.append(item)
    return playing


def _playing_video(rpc: JsonRpc, player: Player) -> Playing | None:
    """Return what a player plays; None for music, pictures and files outside the library."""
    if player.type != "video":
        return None
    number = player.playerid
    properties = ["time", "totaltime", "speed"]
    result, answer = rpc.batch(
        [
            RpcCall("Player.GetItem", {"playerid": number, "properties": ["title", "showtitle"]}),
            RpcCall("Player.GetProperties", {"playerid": number, "properties": properties}),
        ]
    )
    item = mapping.read(PlayedItem, mapping.member(result, "item"))
    is_in_library = item.type in VOCABULARY and item.id > 0
    if not is_in_library:
        return None
    progress = mapping.read(Progress, answer)
    return Playing(
        remote_id=f"{item.type}:{item.id}",
        title=" · ".join(filter(None, (item.showtitle, item.title or item.label))),
        position_ms=progress.time.ms,
        duration_ms=progress.totaltime.ms or None,
        paused=progress.speed == 0,
    )


def _played_items(rpc: JsonRpc, players: Any) -> Sequence[PlayedItem]:
    """Ask each of the active players for its item."""
    if isinstance(players, BackendError):
        raise players
    items: list[PlayedItem] = []
    for entry in players:
        player = _read_or_trouble(Player, entry)
        result = rpc.call("Player.GetItem", playerid=player.playerid, properties=["file"])
        items.append(_read_or_trouble(PlayedItem, result.get("item")))
    return items


def _read_or_trouble(model: type[Entry], entry: object) -> Entry:
    """Validate an entry of a single title. Raise `ServerTrouble`."""
    try:
        return mapping.read(model, entry)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Kodi's entry {error}") from error
