"""The library of the fake Kodi: what it holds, and what playing does to it."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from mydia_web.backends.values import ContentKind


@dataclass
class Played:
    """Kodi keeps watch state by file: two episodes in one file share it."""

    playcount: int = 0
    #: Local time of Kodi's zone, without a zone.
    lastplayed: str = ""
    position: float = 0.0
    total: float = 0.0


@dataclass
class Video:
    """A film or an episode."""

    id: int
    kind: ContentKind
    title: str
    file: str
    played: Played
    minutes: float = 0
    uniqueid: dict[str, str] = field(default_factory=dict)
    art: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    #: Of its file, however late it came into the library; local time as everything.
    dateadded: str = "2020-01-01 00:00:00"
    #: Fields that a broken Kodi would answer instead.
    broken: dict[str, Any] = field(default_factory=dict)

    playcount = property(lambda self: self.played.playcount)
    lastplayed = property(lambda self: self.played.lastplayed)
    position = property(lambda self: self.played.position)
    total = property(lambda self: self.played.total)

    @property
    def watched(self) -> bool:
        return self.played.playcount > 0

    def entry(self) -> dict[str, Any]:
        return {
            f"{self.kind}id": self.id,
            "label": self.title,
            "title": self.title,
            "file": self.file,
            "runtime": int(self.minutes * 60),
            "playcount": self.played.playcount,
            "lastplayed": self.played.lastplayed,
            "dateadded": self.dateadded,
            "resume": {"position": self.played.position, "total": self.played.total},
            "uniqueid": self.uniqueid,
            "art": self.art,
            **self.more,
            **self.broken,
        }


@dataclass
class Show:
    id: int
    title: str
    year: int
    uniqueid: dict[str, str]
    art: dict[str, str]
    episodes: list[Video] = field(default_factory=list)

    def episode(self, season: int, number: int) -> Video:
        return next(
            e for e in self.episodes if (e.more["season"], e.more["episode"]) == (season, number)
        )

    def entry(self) -> dict[str, Any]:
        return {
            "tvshowid": self.id,
            "label": self.title,
            "title": self.title,
            "year": self.year,
            "uniqueid": self.uniqueid,
            "art": self.art,
        }


class Library:
    """Films, shows and episodes by id, and how to add some."""

    def __init__(self) -> None:
        self.movies: dict[int, Video] = {}
        self.shows: dict[int, Show] = {}
        self.episodes: dict[int, Video] = {}
        self.files: dict[str, Played] = {}
        self.pictures: dict[str, bytes] = {}

    def add_movie(
        self,
        title: str,
        *,
        year: int = 0,
        minutes: float = 90,
        file: str | None = None,
        imdb: str = "",
        tmdb: str = "",
        uniqueid: Mapping[str, str] | None = None,
        playcount: int = 0,
        lastplayed: str = "",
        position: float = 0,
        broken: Mapping[str, Any] | None = None,
    ) -> Video:
        """Add a film as a scan would. `broken` replaces fields of its entry with what should not be
        there.
        """
        name = f"{title} ({year})" if year else title
        movie = self._video(
            "movie",
            _next_id(self.movies),
            title,
            file or f"/films/{name}/{name}.mkv",
            minutes,
            uniqueid or _ids(imdb=imdb, tmdb=tmdb),
            {"year": year},
        )
        movie.art["poster"] = self._picture(f"/films/{name}/poster.jpg")
        movie.broken = dict(broken or {})
        self._set_played(movie, playcount, lastplayed, position)
        self.movies[movie.id] = movie
        return movie

    def add_show(
        self,
        title: str,
        *,
        year: int = 0,
        seasons: int = 1,
        episodes: int = 0,
        minutes: float = 45,
        imdb: str = "",
        tmdb: str = "",
        tvdb: str = "",
    ) -> Show:
        """Add a show with `episodes` episodes in each of `seasons` seasons."""
        art = {"poster": self._picture(f"/shows/{title}/poster.jpg")}
        show = Show(_next_id(self.shows), title, year, _ids(imdb=imdb, tmdb=tmdb, tvdb=tvdb), art)
        self.shows[show.id] = show
        for season in range(1, seasons + 1):
            for number in range(1, episodes + 1):
                self.add_episode(show, season, number, minutes=minutes)
        return show

    def add_episode(
        self,
        show: Show,
        season: int,
        number: int,
        title: str = "",
        *,
        minutes: float = 45,
        file: str | None = None,
        tvdb: str = "",
        uniqueid: Mapping[str, str] | None = None,
        playcount: int = 0,
        lastplayed: str = "",
        position: float = 0,
        broken: Mapping[str, Any] | None = None,
    ) -> Video:
        name = f"{show.title} S{season:02d}E{number:02d}"
        episode = self._video(
            "episode",
            _next_id(self.episodes),
            title or f"Part {number} of season {season}",
            file or f"/shows/{show.title}/Season {season:02d}/{name}.mkv",
            minutes,
            uniqueid or _ids(tvdb=tvdb),
            {
                "showtitle": show.title,
                "tvshowid": show.id,
                "season": season,
                "episode": number,
                "firstaired": f"{show.year or 2000}-03-{number % 28 + 1:02d}",
            },
        )
        episode.art["thumb"] = self._picture(f"/shows/{show.title}/{name}-thumb.jpg")
        episode.broken = dict(broken or {})
        self._set_played(episode, playcount, lastplayed, position)
        show.episodes.append(episode)
        self.episodes[episode.id] = episode
        return episode

    def remove(self, video: Video) -> None:
        """As a Clean does. The next video that is added may get the same id."""
        videos = self.movies if video.kind == "movie" else self.episodes
        del videos[video.id]
        for show in self.shows.values():
            if video in show.episodes:
                show.episodes.remove(video)

    def _video(
        self,
        kind: ContentKind,
        number: int,
        title: str,
        file: str,
        minutes: float,
        ids: Mapping[str, str],
        more: Any,
    ) -> Video:
        played = self.files.setdefault(file, Played())
        return Video(
            number,
            kind,
            title,
            file,
            played,
            minutes,
            dict(ids),
            {"icon": "image://DefaultVideo.png/"},
            more,
        )

    def _set_played(self, video: Video, playcount: int, lastplayed: str, position: float) -> None:
        if playcount or lastplayed or position:
            total = video.minutes * 60 if position else 0.0
            vars(video.played).update(
                playcount=playcount, lastplayed=lastplayed, position=float(position), total=total
            )

    def _picture(self, path: str) -> str:
        url = f"image://{quote(path, safe='() ').lower().replace('/', '%2f')}/"
        self.pictures[url] = picture(zlib.crc32(path.encode()))
        return url


def _next_id(rows: dict[int, Any]) -> int:
    """As SQLite gives them: the id of a removed last row comes again. They are kept in their
    order.
    """
    return next(reversed(rows), 0) + 1


def _ids(**ids: str) -> dict[str, str]:
    return {provider: value for provider, value in ids.items() if value}


def picture(seed: int, width: int = 40, height: int = 60) -> bytes:
    """A PNG of one colour."""
    colour = bytes((seed & 0x7F, seed >> 8 & 0x7F, seed >> 16 & 0x7F))
    rows = (b"\0" + colour * width) * height

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
