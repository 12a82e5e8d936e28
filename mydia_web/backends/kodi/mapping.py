"""Kodi's names for things, and how its entries become ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ContentKind, RemoteItem, RemoteShow, RemoteState
from mydia_web.backends.wire import UnreadableEntry

#: Characters of a title or a file that an error message quotes.
QUOTED = 80
#: Kodi's "no date" is 1601-01-01.
_NO_DATE_YEAR = 1601

Count = Annotated[int, Field(le=2**31 - 1)]
Seconds = Annotated[float, Field(le=2**31 - 1, allow_inf_nan=False)]
Entry = TypeVar("Entry", bound=BaseModel)

_NUMERIC_PROVIDERS = {
    "tmdb": "tmdb",
    "themoviedb": "tmdb",
    "tvdb": "tvdb",
    "thetvdb": "tvdb",
}
_IMDB_ID = re.compile(r"tt\d+")
_NUMERIC_ID = re.compile(r"0*[1-9]\d*")


class Resume(BaseModel):
    """A resume point in seconds."""

    position: Seconds = 0.0
    total: Seconds = 0.0


class Video(BaseModel):
    """A film or an episode; Kodi leaves out or zeroes what it does not know."""

    title: str = ""
    label: str = ""
    file: str = ""
    playcount: Count = 0
    lastplayed: str = ""
    runtime: Count = 0
    resume: Resume = Resume()
    uniqueid: dict[str, Any] = {}
    art: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self.title or self.label

    @property
    def runtime_seconds(self) -> int | None:
        if self.runtime > 0:
            return self.runtime
        return max(0, int(self.resume.total)) or None


class Movie(Video):
    """A film of the library."""

    movieid: Count
    year: Count = 0


class Episode(Video):
    """An episode of the library."""

    episodeid: Count
    tvshowid: Count
    season: Count = -1
    episode: Count = -1
    firstaired: str = ""


class Show(BaseModel):
    """A show of the library."""

    tvshowid: Count
    title: str = ""
    label: str = ""
    year: Count = 0
    uniqueid: dict[str, Any] = {}
    art: dict[str, Any] = {}


class Player(BaseModel):
    """An active player."""

    playerid: Count
    type: str = ""


class PlayedItem(BaseModel):
    """The item in a player; a file outside the library has no id."""

    type: str = ""
    id: Count = 0
    file: str = ""
    title: str = ""
    label: str = ""
    showtitle: str = ""


class PlayerTime(BaseModel):
    """A time in a player, which is negative just after a start."""

    hours: Count = 0
    minutes: Count = 0
    seconds: Count = 0
    milliseconds: Count = 0

    @property
    def ms(self) -> int:
        minutes = self.hours * 60 + self.minutes
        seconds = minutes * 60 + self.seconds
        return max(0, seconds * 1000 + self.milliseconds)


class Progress(BaseModel):
    """How far a player is."""

    time: PlayerTime = PlayerTime()
    totaltime: PlayerTime = PlayerTime()
    speed: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The names of one kind of video in Kodi's methods and answers."""

    get: str
    set: str
    list: str
    id_name: str
    details: str
    entries: str
    fields: tuple[str, ...]


STATE_FIELDS = ("title", "file", "playcount", "lastplayed", "resume", "runtime", "uniqueid")
SHOW_FIELDS = ("title", "year", "uniqueid", "art")
VOCABULARY: Mapping[ContentKind, Vocabulary] = {
    "movie": Vocabulary(
        get="VideoLibrary.GetMovieDetails",
        set="VideoLibrary.SetMovieDetails",
        list="VideoLibrary.GetMovies",
        id_name="movieid",
        details="moviedetails",
        entries="movies",
        fields=(*STATE_FIELDS, "year", "art"),
    ),
    "episode": Vocabulary(
        get="VideoLibrary.GetEpisodeDetails",
        set="VideoLibrary.SetEpisodeDetails",
        list="VideoLibrary.GetEpisodes",
        id_name="episodeid",
        details="episodedetails",
        entries="episodes",
        fields=(*STATE_FIELDS, "season", "episode", "tvshowid", "firstaired", "art"),
    ),
}


def member(value: object, name: str, default: object = None) -> Any:
    """Return what an object has under a name, None for what is no object."""
    if not isinstance(value, Mapping):
        return None
    return value.get(name, default)


def members(result: object, name: str) -> list[Any]:
    """Return the list of that name in an answer. Kodi may leave out an empty one."""
    entries = member(result, name, [])
    if not isinstance(entries, list):
        raise ServerTrouble("Kodi answered with something that is not a list of titles.")
    return entries


def read(model: type[Entry], entry: object) -> Entry:
    """Validate an entry. Raise `UnreadableEntry`."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field_name = ".".join(map(str, first["loc"])) or "entry"
        raise UnreadableEntry(
            f"“{_title_of(entry)[:QUOTED]}” could not be read: {field_name}: {first['msg']}"
        ) from error


def _title_of(entry: object) -> str:
    if not isinstance(entry, dict):
        return "?"
    return str(entry.get("title") or entry.get("label") or "?")


def movie_item(entry: object, time: KodiTime) -> RemoteItem:
    movie = read(Movie, entry)
    return RemoteItem(
        remote_id=f"movie:{movie.movieid}",
        kind="movie",
        title=_required_name(movie),
        external_ids=external_ids(movie.uniqueid),
        year=max(0, movie.year) or None,
        runtime_seconds=movie.runtime_seconds,
        path=movie.file,
        artwork_url=_picture(movie.art, "poster"),
        state=state(movie, time),
    )


def episode_item(entry: object, time: KodiTime, shows: Mapping[int, RemoteShow]) -> RemoteItem:
    episode = read(Episode, entry)
    if episode.tvshowid not in shows:
        raise UnreadableEntry(
            f"“{_required_name(episode)[:QUOTED]}” belongs to a show that Kodi does not list."
        )
    return RemoteItem(
        remote_id=f"episode:{episode.episodeid}",
        kind="episode",
        title=_required_name(episode),
        external_ids=external_ids(episode.uniqueid),
        runtime_seconds=episode.runtime_seconds,
        show=shows[episode.tvshowid],
        season_number=_known_number(episode.season),
        episode_number=_known_number(episode.episode),
        air_date=_day(episode.firstaired),
        path=episode.file,
        artwork_url=_picture(episode.art, "thumb"),
        state=state(episode, time),
    )


def show_item(entry: object) -> tuple[int, RemoteShow]:
    """Return a show with its number."""
    show = read(Show, entry)
    title = show.title or show.label
    if not title:
        raise UnreadableEntry(f"Show {show.tvshowid} has no title.")
    remote_show = RemoteShow(
        title=title,
        year=max(0, show.year) or None,
        external_ids=external_ids(show.uniqueid),
        artwork_url=_picture(show.art, "poster"),
    )
    return show.tvshowid, remote_show


def state(video: Video, time: KodiTime) -> RemoteState:
    return RemoteState(
        watched=video.playcount > 0,
        position_ms=max(0, round(video.resume.position * 1000)),
        play_count=max(0, video.playcount),
        last_played_at=time.to_utc(video.lastplayed),
    )


def external_ids(uniqueid: Mapping[str, Any]) -> dict[str, str]:
    """Return the ids of known providers: a scraper's own numbers mean nothing elsewhere."""
    ids: dict[str, str] = {}
    for name, value in uniqueid.items():
        text = str(value).strip()
        if _IMDB_ID.fullmatch(text):
            ids.setdefault("imdb", text)
            continue
        provider = _NUMERIC_PROVIDERS.get(name.lower(), "")
        if provider and _NUMERIC_ID.fullmatch(text):
            ids.setdefault(provider, text)
    return ids


def _required_name(video: Video) -> str:
    if not video.name:
        raise UnreadableEntry(f"“{video.file[-QUOTED:] or '?'}” has no title.")
    return video.name


def _known_number(value: int) -> int | None:
    """Return None for the -1 that Kodi writes where it knows no number; 0 is a real one."""
    return value if value >= 0 else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year > _NO_DATE_YEAR else None


def _picture(art: Mapping[str, Any], kind: str) -> str:
    url = str(art.get(kind, ""))
    if not url.startswith("image://"):
        return ""
    return url
