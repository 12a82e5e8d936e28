"""The payloads of Plex, and how its entries become items."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.values import ContentKind, RemoteItem, RemoteShow, RemoteState, Target
from mydia_web.backends.wire import UnreadableEntry

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Millis = Annotated[int, Field(ge=0, le=2**53)]
#: The number of a season or an episode: 0 is a real one, -1 stands for none.
Number = Annotated[int, Field(ge=-1, le=2**31 - 1)]
Id = Annotated[str, Field(min_length=1, max_length=64)]

_PROVIDERS = {
    "imdb": "imdb",
    "tmdb": "tmdb",
    "tvdb": "tvdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
    "xbmcnfo": "imdb",
    "xbmcnfotv": "tvdb",
}
_LEGACY = re.compile(r"com\.plexapp\.agents\.(\w+)://([^?]+)")
#: HAMA names the provider in the id; tvdb2 to tvdb6 are other orders of the same show.
_HAMA = re.compile(r"(imdb|tmdb|tvdb)\d?-(.+)")
_IMDB_ID = re.compile(r"tt\d+")
_NUMERIC_ID = re.compile(r"0*[1-9]\d*")


class Payload(BaseModel):
    """Something Plex sends. It leaves out zeros: no `viewCount` is a count of 0."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


PayloadT = TypeVar("PayloadT", bound=Payload)


class Guid(Payload):
    id: str = ""


class Part(Payload):
    file: str = ""


class Media(Payload):
    parts: list[Part] = Field([], alias="Part")


class User(Payload):
    id: str = ""


class Player(Payload):
    title: str = ""
    state: str = ""


class Entry(Payload):
    """A film, a show or an episode, with the state of the person who asks."""

    rating_key: Id
    type: str = ""
    title: str = ""
    year: Count = 0
    duration: Millis = 0
    thumb: str = ""
    guid: str = ""
    guids: list[Guid] = Field([], alias="Guid")
    media: list[Media] = Field([], alias="Media")
    index: Number = -1
    parent_index: Number = -1
    grandparent_rating_key: str = ""
    grandparent_title: str = ""
    grandparent_thumb: str = ""
    originally_available_at: str = ""
    view_count: Count = 0
    view_offset: Millis = 0
    last_viewed_at: Count = 0

    @property
    def name(self) -> str:
        return f"“{self.title[:80]}”"

    @property
    def files(self) -> list[str]:
        return [part.file for media in self.media for part in media.parts if part.file]

    @property
    def external_ids(self) -> dict[str, str]:
        return external_ids((guid.id for guid in self.guids), self.guid)


class PlayingEntry(Entry):
    """A title that somebody is playing."""

    user: User = Field(User(), alias="User")
    player: Player = Field(Player(), alias="Player")


class Section(Payload):
    """A library."""

    key: Id
    type: str = ""
    title: str = ""


class Identity(Payload):
    machine_identifier: str = ""
    friendly_name: str = ""
    version: str = ""


class Setting(Payload):
    value: str = ""


def media_container(answer: Any) -> dict[str, Any]:
    """Return what every answer of Plex is wrapped in."""
    container = answer.get("MediaContainer") if isinstance(answer, dict) else None
    if not isinstance(container, dict):
        raise ServerTrouble("What answers there does not answer as a Plex Media Server does.")
    return container


def entries_of(container: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list of that name; Plex leaves out an empty one."""
    entries = container.get(name) or []
    if not isinstance(entries, list):
        raise ServerTrouble("Plex answered with something that is not a list.")
    return entries


def parse(model: type[PayloadT], entry: object) -> PayloadT:
    """Return the entry as that model. Raises `UnreadableEntry`."""
    try:
        return model.model_validate(_without_nulls(entry))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "entry"
        message = f"“{_label(entry)}” could not be read: {field}: {first['msg']}"
        raise UnreadableEntry(message) from error


def require(model: type[PayloadT], entry: object) -> PayloadT:
    """Return the entry as that model. Raises `ServerTrouble`."""
    try:
        return parse(model, entry)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Plex's entry {error}") from error


def _label(entry: object) -> str:
    if not isinstance(entry, dict):
        return "?"
    label = entry.get("title") or entry.get("ratingKey") or "?"
    return str(label)[:80]


def _without_nulls(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    return {name: value for name, value in entry.items() if value is not None}


def movie_item(entry: object) -> RemoteItem:
    """Return a film as an item. Raises `UnreadableEntry`."""
    movie = _parse_titled(entry, "movie")
    return RemoteItem(
        remote_id=movie.rating_key,
        kind="movie",
        title=movie.title,
        external_ids=movie.external_ids,
        year=movie.year or None,
        runtime_seconds=movie.duration // 1000 or None,
        path=_first_file(movie),
        artwork_url=_picture(movie.thumb),
        state=state(movie),
    )


def episode_item(entry: object, shows: Mapping[str, RemoteShow]) -> RemoteItem:
    """Return an episode as an item; `shows` is by rating key. Raises `UnreadableEntry`."""
    episode = _parse_titled(entry, "episode")
    return RemoteItem(
        remote_id=episode.rating_key,
        kind="episode",
        title=episode.title,
        external_ids=episode.external_ids,
        runtime_seconds=episode.duration // 1000 or None,
        show=shows.get(episode.grandparent_rating_key) or _show_of(episode),
        season_number=_known_number(episode.parent_index),
        episode_number=_known_number(episode.index),
        air_date=_day(episode.originally_available_at),
        path=_first_file(episode),
        artwork_url=_picture(episode.thumb),
        state=state(episode),
    )


def show_item(entry: object) -> tuple[str, RemoteShow]:
    """Return a show's rating key and the show. Raises `UnreadableEntry`."""
    parsed = _parse_titled(entry, "show")
    show = RemoteShow(
        title=parsed.title,
        year=parsed.year or None,
        external_ids=parsed.external_ids,
        artwork_url=_picture(parsed.thumb),
    )
    return parsed.rating_key, show


def _show_of(episode: Entry) -> RemoteShow:
    """Return the show as far as its episode names it: an episode may be shared without its show."""
    if not episode.grandparent_title:
        raise UnreadableEntry(f"{episode.name} belongs to a show that Plex does not name.")
    return RemoteShow(
        title=episode.grandparent_title,
        external_ids=show_ids(episode.guid),
        artwork_url=_picture(episode.grandparent_thumb),
    )


def state(entry: Entry) -> RemoteState:
    last_played_at = None
    if entry.last_viewed_at:
        last_played_at = datetime.fromtimestamp(entry.last_viewed_at, UTC)
    return RemoteState(
        watched=entry.view_count > 0,
        position_ms=entry.view_offset,
        play_count=entry.view_count,
        last_played_at=last_played_at,
    )


def matches(entry: Entry, target: Target) -> bool:
    """Return whether this title had that number when it was listed.

    A server that is set up anew gives its numbers to other titles.
    """
    if entry.type != target.kind:
        return False
    if target.path and target.path in entry.files:
        return True
    ids = entry.external_ids
    shared = ids.keys() & target.external_ids.keys()
    if shared:
        return any(ids[provider] == target.external_ids[provider] for provider in shared)
    return not (target.path and entry.files)


def _parse_titled(entry: object, kind: ContentKind | str) -> Entry:
    parsed = parse(Entry, entry)
    if parsed.type != kind:
        raise UnreadableEntry(f"{parsed.name} is a “{parsed.type[:20]}”, which is not kept here.")
    if not parsed.title:
        raise UnreadableEntry(f"Number {parsed.rating_key} has no title.")
    return parsed


def _first_file(entry: Entry) -> str:
    return next(iter(entry.files), "")


def _known_number(number: int) -> int | None:
    if number < 0:
        return None
    return number


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _picture(url: str) -> str:
    if not is_picture(url):
        return ""
    return url


def is_picture(url: str) -> bool:
    """Return whether it is a picture of this server: a GET of something else may change things."""
    is_hostile = set(url) & set("?#%\\") or ".." in url
    return url.startswith("/library/") and not is_hostile


def external_ids(guids: Iterable[str], legacy_guid: str = "") -> dict[str, str]:
    """Return the ids at known providers, the first of each.

    The guids are today's (`imdb://tt…`). Older agents write one legacy guid; where a season is in
    it, it names the show and not the episode.
    """
    ids: dict[str, str] = {}
    for guid in guids:
        scheme, _, value = guid.partition("://")
        _add_id(ids, _PROVIDERS.get(scheme.lower(), ""), value)
    provider, value, *numbers = _split_legacy(legacy_guid)
    if not numbers:
        _add_id(ids, provider, value)
    return ids


def show_ids(legacy_guid: str) -> Mapping[str, str]:
    """Return the ids of its show in the legacy guid of an episode."""
    ids: dict[str, str] = {}
    provider, value, *_ = _split_legacy(legacy_guid)
    _add_id(ids, provider, value)
    return ids


def _split_legacy(guid: str) -> list[str]:
    """Return provider and id and, for an episode, season and number."""
    match = _LEGACY.match(guid)
    if match is None:
        return ["", ""]
    agent = match[1].lower()
    value, *numbers = match[2].split("/")
    if agent == "hama" and (named := _HAMA.fullmatch(value)):
        return [named[1], named[2], *numbers]
    return [_PROVIDERS.get(agent, ""), value, *numbers]


def _add_id(ids: dict[str, str], provider: str, value: str) -> None:
    value = value.strip()
    if _IMDB_ID.fullmatch(value):
        ids.setdefault("imdb", value)
    elif provider not in ("", "imdb") and _NUMERIC_ID.fullmatch(value):
        ids.setdefault(provider, value)
