"""What Kodi calls things, and how its entries become ours."""

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

Count = Annotated[int, Field(le=2**31 - 1)]
Seconds = Annotated[float, Field(le=2**31 - 1, allow_inf_nan=False)]

_PROVIDERS = {
    "imdb": "imdb",
    "tmdb": "tmdb",
    "tvdb": "tvdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
}


Entry = TypeVar("Entry", bound=BaseModel)


class Resume(BaseModel):
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
        return next((whole for whole in (self.runtime, int(self.resume.total)) if whole > 0), None)


class Movie(Video):
    movieid: Count
    year: Count = 0


class Episode(Video):
    episodeid: Count
    tvshowid: Count
    season: Count = -1
    episode: Count = -1
    firstaired: str = ""


class Show(BaseModel):
    tvshowid: Count
    title: str = ""
    label: str = ""
    year: Count = 0
    uniqueid: dict[str, Any] = {}
    art: dict[str, Any] = {}


class Player(BaseModel):
    playerid: Count
    type: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of one kind of video in Kodi's methods and answers."""

    get: str
    set: str
    list: str
    id_name: str
    details: str
    entries: str
    fields: tuple[str, ...]


_STATE = ("title", "file", "playcount", "lastplayed", "resume", "runtime", "uniqueid")
VOCABULARY: Mapping[ContentKind, Vocabulary] = {
    "movie": Vocabulary(
        get="VideoLibrary.GetMovieDetails",
        set="VideoLibrary.SetMovieDetails",
        list="VideoLibrary.GetMovies",
        id_name="movieid",
        details="moviedetails",
        entries="movies",
        fields=(*_STATE, "year", "art"),
    ),
    "episode": Vocabulary(
        get="VideoLibrary.GetEpisodeDetails",
        set="VideoLibrary.SetEpisodeDetails",
        list="VideoLibrary.GetEpisodes",
        id_name="episodeid",
        details="episodedetails",
        entries="episodes",
        fields=(*_STATE, "season", "episode", "tvshowid", "firstaired", "art"),
    ),
}
STATE_FIELDS = _STATE
SHOW_FIELDS = ("title", "year", "uniqueid", "art")


def members(result: object, name: str) -> list[Any]:
    """The list of that name in an answer; Kodi may leave out an empty one."""
    entries = result.get(name, []) if isinstance(result, dict) else None
    if not isinstance(entries, list):
        raise ServerTrouble("Kodi answered with something that is not a list of titles.")
    return entries


def read(model: type[Entry], entry: object) -> Entry:
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        named = entry.get("title") or entry.get("label") if isinstance(entry, dict) else None
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where or 'entry'}: {first['msg']}"
        raise UnreadableEntry(f"“{str(named or '?')[:80]}” could not be read: {why}") from error


def movie_item(entry: object, time: KodiTime) -> RemoteItem:
    movie = read(Movie, entry)
    return RemoteItem(
        remote_id=f"movie:{movie.movieid}",
        kind="movie",
        title=_named(movie),
        external_ids=external_ids(movie.uniqueid),
        year=movie.year if movie.year > 0 else None,
        runtime_seconds=movie.runtime_seconds,
        path=movie.file,
        artwork_url=_picture(movie.art, "poster"),
        state=state(movie, time),
    )


def episode_item(entry: object, time: KodiTime, shows: Mapping[int, RemoteShow]) -> RemoteItem:
    episode = read(Episode, entry)
    if episode.tvshowid not in shows:
        raise UnreadableEntry(
            f"“{_named(episode)[:80]}” belongs to a show that Kodi does not list."
        )
    return RemoteItem(
        remote_id=f"episode:{episode.episodeid}",
        kind="episode",
        title=_named(episode),
        external_ids=external_ids(episode.uniqueid),
        runtime_seconds=episode.runtime_seconds,
        show=shows[episode.tvshowid],
        season_number=_number(episode.season),
        episode_number=_number(episode.episode),
        air_date=_day(episode.firstaired),
        path=episode.file,
        artwork_url=_picture(episode.art, "thumb"),
        state=state(episode, time),
    )


def show_item(entry: object) -> tuple[int, RemoteShow]:
    show = read(Show, entry)
    if not (show.title or show.label):
        raise UnreadableEntry(f"Show {show.tvshowid} has no title.")
    return show.tvshowid, RemoteShow(
        title=show.title or show.label,
        year=show.year if show.year > 0 else None,
        external_ids=external_ids(show.uniqueid),
        artwork_url=_picture(show.art, "poster"),
    )


def state(video: Video, time: KodiTime) -> RemoteState:
    return RemoteState(
        watched=video.playcount > 0,
        position_ms=max(0, round(video.resume.position * 1000)),
        play_count=max(0, video.playcount),
        last_played_at=time.to_utc(video.lastplayed),
    )


def external_ids(uniqueid: Mapping[str, Any]) -> dict[str, str]:
    """Of known providers only: what a scraper calls its own numbers means nothing elsewhere."""
    found: dict[str, str] = {}
    for name, value in uniqueid.items():
        text = str(value).strip()
        provider = "imdb" if re.fullmatch(r"tt\d+", text) else _PROVIDERS.get(name.lower(), "")
        if provider and re.fullmatch(r"tt\d+" if provider == "imdb" else r"0*[1-9]\d*", text):
            found.setdefault(provider, text)
    return found


def _named(video: Video) -> str:
    if not video.name:
        raise UnreadableEntry(f"“{video.file[-80:] or '?'}” has no title.")
    return video.name


def _number(value: int) -> int | None:
    """Kodi writes -1 where it knows no number; 0 is a real one."""
    return value if value >= 0 else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year > 1601 else None  # 1601-01-01 is Kodi's "no date"


def _picture(art: Mapping[str, Any], kind: str) -> str:
    url = art.get(kind)
    return url if isinstance(url, str) and url.startswith("image://") else ""
