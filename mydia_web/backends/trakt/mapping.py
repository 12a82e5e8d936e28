"""The payloads of Trakt, and how its entries become items."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from mydia_web import clock
from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.values import (
    ContentKind,
    Playing,
    RemoteItem,
    RemoteShow,
    RemoteState,
    Target,
)
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import name_key

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
PayloadT = TypeVar("PayloadT", bound=BaseModel)
KINDS: tuple[ContentKind, ...] = get_args(ContentKind)
NEVER = datetime.min.replace(tzinfo=UTC)
#: As in addresses and listings.
PLURAL: Mapping[ContentKind, str] = {"movie": "movies", "episode": "episodes"}
#: In the order in which they are trusted.
_PROVIDERS = ("imdb", "tmdb", "tvdb")
_IMDB_ID = re.compile(r"tt\d+")
_NUMERIC_ID = re.compile(r"0*[1-9]\d*")
_WEB_SEARCH = "https://trakt.tv/search"


class Ids(BaseModel):
    trakt: Annotated[int, Field(gt=0)]
    imdb: Any = None
    tmdb: Any = None
    tvdb: Any = None


class TitleInfo(BaseModel):
    """A film, a show or an episode; what Trakt does not know is null or absent."""

    title: str | None = None
    year: Number | None = None
    ids: Ids
    #: In minutes.
    runtime: Number | None = None
    images: dict[str, Any] | None = None


class EpisodeInfo(TitleInfo):
    season: Number
    number: Number
    first_aired: str | None = None


class Row(BaseModel):
    """The titles in a row of any listing: plays, pauses, search results, what is being watched."""

    movie: TitleInfo | None = None
    episode: EpisodeInfo | None = None
    show: TitleInfo | None = None

    def title(self, kind: ContentKind) -> TitleInfo:
        """Return the film or the episode. Raises `UnreadableEntry`."""
        title = self.movie if kind == "movie" else self.episode
        if title is None:
            raise UnreadableEntry(f"An entry names no {kind}.")
        return title

    def runtime_seconds(self, kind: ContentKind) -> int | None:
        minutes = self.title(kind).runtime
        if not minutes and kind == "episode" and self.show:
            minutes = self.show.runtime
        if not minutes:
            return None
        return minutes * 60


class Play(Row):
    id: int
    watched_at: str | None = None


class Paused(Row):
    id: int
    progress: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    paused_at: str | None = None


class Watching(Row):
    type: str
    action: str = ""
    started_at: str | None = None
    expires_at: str | None = None


class User(BaseModel):
    username: str
    ids: dict[str, Any] = {}

    @property
    def remote_id(self) -> str:
        """An id that stays: people may change their names, and with them their slugs."""
        return str(self.ids.get("uuid") or self.ids.get("slug") or self.username)

    @property
    def names(self) -> set[str]:
        return {name_key(str(name)) for name in (self.username, *self.ids.values()) if name}


def parse(model: type[PayloadT], entry: object) -> PayloadT:
    """Return the entry as that model. Raises `UnreadableEntry`."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "entry"
        message = f"“{_label(entry)}” could not be read: {field}: {first['msg']}"
        raise UnreadableEntry(message) from error


def parse_readable(model: type[PayloadT], entries: Iterable[object]) -> Iterator[PayloadT]:
    """Yield the entries that can be read."""
    for entry in entries:
        try:
            yield parse(model, entry)
        except UnreadableEntry:
            continue


def _label(entry: object) -> str:
    if not isinstance(entry, dict):
        return "?"
    parts = [entry.get(name) for name in ("movie", "episode", "show")]
    titles = [part.get("title") for part in parts if isinstance(part, dict)]
    title = next(filter(None, titles), "?")
    return str(title)[:80]


def item(row: Row, kind: ContentKind, state: RemoteState) -> RemoteItem:
    """Return a row's title as an item. Raises `UnreadableEntry`."""
    if kind == "movie":
        return _movie_item(row, state)
    return _episode_item(row, state)


def _movie_item(row: Row, state: RemoteState) -> RemoteItem:
    movie = row.title("movie")
    if not movie.title:
        raise UnreadableEntry(f"Film {movie.ids.trakt} has no title.")
    return RemoteItem(
        remote_id=remote_id("movie", movie.ids.trakt),
        kind="movie",
        title=movie.title,
        external_ids=external_ids(movie.ids),
        year=movie.year or None,
        runtime_seconds=row.runtime_seconds("movie"),
        artwork_url=_picture(movie, "poster"),
        state=state,
    )


def _episode_item(row: Row, state: RemoteState) -> RemoteItem:
    episode = row.episode
    if episode is None:
        raise UnreadableEntry("An entry names no episode.")
    aired_at = instant(episode.first_aired)
    return RemoteItem(
        remote_id=remote_id("episode", episode.ids.trakt),
        kind="episode",
        title=episode.title or f"Episode {episode.number}",
        external_ids=external_ids(episode.ids),
        runtime_seconds=row.runtime_seconds("episode"),
        show=_show(row),
        season_number=episode.season,
        episode_number=episode.number,
        air_date=aired_at.date() if aired_at else None,
        artwork_url=_picture(episode, "screenshot"),
        state=state,
    )


def _show(row: Row) -> RemoteShow:
    show = row.show
    if show is None or not show.title:
        episode = row.title("episode").title or "?"
        raise UnreadableEntry(f"“{episode}” belongs to a show without a title.")
    return RemoteShow(
        title=show.title,
        year=show.year or None,
        external_ids=external_ids(show.ids),
        artwork_url=_picture(show, "poster"),
    )


def playing(payload: object, remote_user_id: str) -> Sequence[Playing]:
    """Return what the person is watching now, as players tell Trakt."""
    try:
        watching = parse(Watching, payload)
        kind = next((kind for kind in KINDS if kind == watching.type), None)
        if kind is None:
            return ()
        title = watching.title(kind)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Trakt does not tell what is being watched: {error}") from error
    started_at = instant(watching.started_at)
    duration_ms = _milliseconds(started_at, instant(watching.expires_at))
    runtime = watching.runtime_seconds(kind)
    if runtime:
        duration_ms = runtime * 1000
    # Trakt dates the start back by what was seen before.
    position_ms = _milliseconds(started_at, clock.now()) or 0
    now_playing = Playing(
        remote_id=remote_id(kind, title.ids.trakt),
        title=title.title or "",
        remote_user_id=remote_user_id,
        position_ms=min(position_ms, duration_ms or 0),
        duration_ms=duration_ms,
    )
    return (now_playing,)


def _milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    if start is None or end is None:
        return None
    return max(0, round((end - start).total_seconds() * 1000))


def web_page(target: Target) -> str:
    """Return the address of a title's page; "" where no id of it is known.

    Trakt's own addresses need names that only it knows, but a search by id leads to the page.
    """
    page = _web_search(target.external_ids, target.kind)
    if page:
        return page
    number = number_of(target.kind, target.remote_id)
    if number is not None:
        return f"{_WEB_SEARCH}/trakt/{number}?id_type={target.kind}"
    return _web_search(target.show_external_ids, "show")


def _web_search(external_ids: Mapping[str, str], kind: str) -> str:
    for provider, value in known_ids(external_ids):
        if provider == "imdb":
            return f"{_WEB_SEARCH}/{provider}/{value}"
        return f"{_WEB_SEARCH}/{provider}/{value}?id_type={kind}"
    return ""


def remote_id(kind: ContentKind, number: int) -> str:
    return f"{kind}:{number}"


def number_of(kind: ContentKind, remote_id: str) -> int | None:
    """Return Trakt's number in one of our remote ids; None where that is not of this kind."""
    prefix, _, number = remote_id.partition(":")
    if prefix != kind or not number.isdecimal():
        return None
    return int(number) or None


def external_ids(ids: Ids) -> dict[str, str]:
    return dict(known_ids(ids.model_dump()))


def known_ids(ids: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ids at known providers that can be theirs, the most trusted first."""
    texts = [(provider, str(ids.get(provider) or "").strip()) for provider in _PROVIDERS]
    return [(provider, text) for provider, text in texts if is_id(provider, text)]


def is_id(provider: str, value: str) -> bool:
    if provider == "imdb":
        return bool(_IMDB_ID.fullmatch(value))
    return bool(_NUMERIC_ID.fullmatch(value))


def instant(text: str | None) -> datetime | None:
    """Return a time in UTC; None also for what Trakt sends where nobody knows the date."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    if at.year <= 1970:
        return None
    return at


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _picture(title: TitleInfo, kind: str) -> str:
    """Return the address of the first picture of that kind; Trakt leaves out the scheme."""
    pictures = (title.images or {}).get(kind)
    if not isinstance(pictures, list) or not pictures:
        return ""
    address = pictures[0]
    if not isinstance(address, str) or not address:
        return ""
    if "://" in address:
        return address
    return f"https://{address}"
