"""What Trakt calls things, and how its entries become ours."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from mydia_web.backends.values import ContentKind, RemoteItem, RemoteShow, RemoteState
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import name_key

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Entry = TypeVar("Entry", bound=BaseModel)
KINDS: tuple[ContentKind, ...] = get_args(ContentKind)
NEVER = datetime.min.replace(tzinfo=UTC)
#: As in addresses and listings.
PLURAL: Mapping[ContentKind, str] = {"movie": "movies", "episode": "episodes"}
_PROVIDERS = ("imdb", "tmdb", "tvdb")


class Ids(BaseModel):
    trakt: Annotated[int, Field(gt=0)]
    imdb: Any = None
    tmdb: Any = None
    tvdb: Any = None


class Title(BaseModel):
    """A film, a show or an episode; what Trakt does not know is null or absent."""

    title: str | None = None
    year: Number | None = None
    ids: Ids
    #: In minutes.
    runtime: Number | None = None
    images: dict[str, Any] | None = None


class Episode(Title):
    season: Number
    number: Number
    first_aired: str | None = None


class Row(BaseModel):
    """What a play, a paused title, a search result and what is being watched have in common."""

    movie: Title | None = None
    episode: Episode | None = None
    show: Title | None = None

    def title(self, kind: ContentKind) -> Title:
        found = self.movie if kind == "movie" else self.episode
        if found is None:
            raise UnreadableEntry(f"An entry names no {kind}.")
        return found

    def runtime_seconds(self, kind: ContentKind) -> int | None:
        own, show = self.title(kind).runtime, self.show.runtime if self.show else None
        minutes = own or (show if kind == "episode" else None)
        return minutes * 60 if minutes else None


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
        """People may change their names, and with them their slugs."""
        return str(self.ids.get("uuid") or self.ids.get("slug") or self.username)

    @property
    def names(self) -> set[str]:
        return {name_key(str(name)) for name in (self.username, *self.ids.values()) if name}


def read(model: type[Entry], entry: object) -> Entry:
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where or 'entry'}: {first['msg']}"
        raise UnreadableEntry(f"“{_name(entry)}” could not be read: {why}") from error


def _name(entry: object) -> str:
    if isinstance(entry, dict):
        for part in ("movie", "episode", "show"):
            named = entry[part].get("title") if isinstance(entry.get(part), dict) else None
            if named:
                return str(named)[:80]
    return "?"


def item(row: Row, kind: ContentKind, state: RemoteState) -> RemoteItem:
    title = row.title(kind)
    shared: dict[str, Any] = {
        "remote_id": remote_id(kind, title.ids.trakt),
        "kind": kind,
        "external_ids": external_ids(title.ids),
        "runtime_seconds": row.runtime_seconds(kind),
        "artwork_url": picture(title, "poster" if kind == "movie" else "screenshot"),
        "state": state,
    }
    if isinstance(title, Episode):
        aired = instant(title.first_aired)
        return RemoteItem(
            **shared,
            title=title.title or f"Episode {title.number}",
            show=_show(row),
            season_number=title.season,
            episode_number=title.number,
            air_date=aired.date() if aired else None,
        )
    if not title.title:
        raise UnreadableEntry(f"Film {title.ids.trakt} has no title.")
    return RemoteItem(**shared, title=title.title, year=title.year or None)


def _show(row: Row) -> RemoteShow:
    if row.show is None or not row.show.title:
        raise UnreadableEntry(
            f"“{row.title('episode').title or '?'}” belongs to a show without a title."
        )
    return RemoteShow(
        title=row.show.title,
        year=row.show.year or None,
        external_ids=external_ids(row.show.ids),
        artwork_url=picture(row.show, "poster"),
    )


def remote_id(kind: ContentKind, number: int) -> str:
    return f"{kind}:{number}"


def number_of(kind: ContentKind, remote_id: str) -> int | None:
    """Trakt's number in a remote id of ours; None where that is not of this kind."""
    of_kind, _, number = remote_id.partition(":")
    return int(number) if of_kind == kind and number.isdecimal() and int(number) else None


def external_ids(ids: Ids) -> dict[str, str]:
    known = {provider: str(getattr(ids, provider) or "").strip() for provider in _PROVIDERS}
    return {provider: value for provider, value in known.items() if is_id(provider, value)}


def is_id(provider: str, value: str) -> bool:
    if provider not in _PROVIDERS:
        return False
    return bool(re.fullmatch(r"tt\d+" if provider == "imdb" else r"0*[1-9]\d*", value))


def instant(text: str | None) -> datetime | None:
    """None for what Trakt sends where the person did not know the date."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    return at if at.year > 1970 else None


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def picture(title: Title, kind: str) -> str:
    """Trakt leaves out the scheme."""
    known = (title.images or {}).get(kind)
    first = known[0] if isinstance(known, list) and known else None
    if not isinstance(first, str) or not first:
        return ""
    return first if "://" in first else f"https://{first}"
