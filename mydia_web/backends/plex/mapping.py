"""What Plex calls things, and how its entries become ours."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.plex.guids import external_ids, show_ids
from mydia_web.backends.values import ContentKind, RemoteItem, RemoteShow, RemoteState, Target
from mydia_web.backends.wire import UnreadableEntry

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Millis = Annotated[int, Field(ge=0, le=2**53)]
#: Of a season or an episode; 0 is a real one.
Number = Annotated[int, Field(ge=-1, le=2**31 - 1)]
Key = Annotated[str, Field(min_length=1, max_length=64)]


class Wire(BaseModel):
    """Something Plex says. It leaves out what is nothing: no `viewCount` is a count of 0."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


Said = TypeVar("Said", bound=Wire)


class Guid(Wire):
    id: str = ""


class Part(Wire):
    file: str = ""


class Media(Wire):
    parts: list[Part] = Field([], alias="Part")


class User(Wire):
    id: str = ""


class Player(Wire):
    title: str = ""
    state: str = ""


class Entry(Wire):
    """A film, a show or an episode, with the state of whoever asks."""

    rating_key: Key
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
    def ids(self) -> dict[str, str]:
        return external_ids((guid.id for guid in self.guids), self.guid)


class Session(Entry):
    """What somebody plays."""

    user: User = Field(User(), alias="User")
    player: Player = Field(Player(), alias="Player")


class Section(Wire):
    """A library."""

    key: Key
    type: str = ""
    title: str = ""


class Identity(Wire):
    machine_identifier: str = ""
    friendly_name: str = ""
    version: str = ""


def container(answer: Any) -> dict[str, Any]:
    found = answer.get("MediaContainer") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise ServerTrouble("What answers there does not answer as a Plex Media Server does.")
    return found


def members(container: Mapping[str, Any], name: str) -> list[Any]:
    """The list of that name; Plex leaves out an empty one."""
    entries = container.get(name) or []
    if not isinstance(entries, list):
        raise ServerTrouble("Plex answered with something that is not a list.")
    return entries


def read(model: type[Said], entry: object) -> Said:
    try:
        return model.model_validate(_without_nulls(entry))
    except ValidationError as error:
        named = entry.get("title") or entry.get("ratingKey") if isinstance(entry, dict) else None
        first = error.errors(include_url=False)[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'entry'}: {first['msg']}"
        raise UnreadableEntry(f"“{str(named or '?')[:80]}” could not be read: {why}") from error


def sure(model: type[Said], entry: object) -> Said:
    """As `read`, where there is nothing else to go on with."""
    try:
        return read(model, entry)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Plex's entry {error}") from error


def _without_nulls(entry: object) -> object:
    return {k: v for k, v in entry.items() if v is not None} if isinstance(entry, dict) else entry


def movie_item(entry: object) -> RemoteItem:
    movie = _named(entry, "movie")
    return RemoteItem(
        remote_id=movie.rating_key,
        kind="movie",
        title=movie.title,
        external_ids=movie.ids,
        year=movie.year or None,
        runtime_seconds=movie.duration // 1000 or None,
        path=_path(movie),
        artwork_url=_picture(movie.thumb),
        state=state(movie),
    )


def episode_item(entry: object, shows: Mapping[str, RemoteShow]) -> RemoteItem:
    episode = _named(entry, "episode")
    return RemoteItem(
        remote_id=episode.rating_key,
        kind="episode",
        title=episode.title,
        external_ids=episode.ids,
        runtime_seconds=episode.duration // 1000 or None,
        show=shows.get(episode.grandparent_rating_key) or _show_of(episode),
        season_number=_number(episode.parent_index),
        episode_number=_number(episode.index),
        air_date=_day(episode.originally_available_at),
        path=_path(episode),
        artwork_url=_picture(episode.thumb),
        state=state(episode),
    )


def show_item(entry: object) -> tuple[str, RemoteShow]:
    show = _named(entry, "show")
    return show.rating_key, RemoteShow(
        show.title, show.year or None, show.ids, _picture(show.thumb)
    )


def _show_of(episode: Entry) -> RemoteShow:
    """The show of an episode as far as the episode tells: an item of one show may be shared without
    it.
    """
    if not episode.grandparent_title:
        raise UnreadableEntry(f"{episode.name} belongs to a show that Plex does not name.")
    picture = _picture(episode.grandparent_thumb)
    return RemoteShow(episode.grandparent_title, None, show_ids(episode.guid), picture)


def state(entry: Entry) -> RemoteState:
    return RemoteState(
        watched=entry.view_count > 0,
        position_ms=entry.view_offset,
        play_count=entry.view_count,
        last_played_at=datetime.fromtimestamp(entry.last_viewed_at, UTC)
        if entry.last_viewed_at
        else None,
    )


def is_meant(entry: Entry, target: Target) -> bool:
    """Is this the title that had this number? A server set up anew gives its numbers again."""
    if entry.type != target.kind:
        return False
    if target.path and target.path in entry.files:
        return True
    ids = entry.ids
    shared = ids.keys() & target.external_ids.keys()
    if shared:
        return any(ids[provider] == target.external_ids[provider] for provider in shared)
    return not (target.path and entry.files)


def _named(entry: object, kind: ContentKind | str) -> Entry:
    found = read(Entry, entry)
    if found.type != kind:
        raise UnreadableEntry(f"{found.name} is a “{found.type[:20]}”, which is not kept here.")
    if not found.title:
        raise UnreadableEntry(f"Number {found.rating_key} has no title.")
    return found


def _path(entry: Entry) -> str:
    return next(iter(entry.files), "")


def _number(value: int) -> int | None:
    return value if value >= 0 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _picture(url: str) -> str:
    return url if is_picture(url) else ""


def is_picture(url: str) -> bool:
    """Of this server, and nothing but a picture: at Plex a GET can change things, too."""
    return url.startswith("/library/") and not set(url) & set("?#%\\") and ".." not in url
