"""The contents of a fake Plex: libraries, titles, and each person's state of each title."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass
class Played:
    """One person's state; None is how Plex says nothing."""

    view_count: int = 0
    view_offset: int | None = None
    last_viewed_at: int | None = None


@dataclass
class Title:
    """A film, a show, a season or an episode."""

    key: int
    section: int
    kind: str
    title: str
    year: int = 0
    #: Milliseconds; 0: the file was never analysed.
    duration: int = 0
    #: As in `Guid`.
    guids: Sequence[str] = ()
    guid: str = ""
    files: Sequence[str] = ()
    show: "Title | None" = None
    season: int | None = None
    number: int | None = None
    #: Where credits begin, as a share; a play that gets there counts where it is before the
    #: threshold.
    credits_at: float = 1.0
    added_at: int = 1_600_000_000
    states: dict[int, Played] = field(default_factory=dict)
    #: Members that stand in the answers as they are here.
    strange: dict[str, Any] = field(default_factory=dict)

    def of(self, user_id: int) -> Played:
        return self.states.setdefault(user_id, Played())

    def metadata(self, user_id: int) -> dict[str, Any]:
        """As in an answer: nothing that is nothing is mentioned."""
        played = self.of(user_id)
        path = f"/library/metadata/{self.key}"
        said = {
            "ratingKey": str(self.key),
            "key": path,
            "guid": self.guid or f"plex://{self.kind}/{self.key:024x}",
            "type": self.kind,
            "title": self.title,
            "year": self.year,
            "duration": self.duration,
            "thumb": f"{path}/thumb/1700000000",
            "addedAt": self.added_at,
            "updatedAt": self.added_at,
            "librarySectionID": self.section,
            "viewCount": played.view_count,
            "viewOffset": played.view_offset,
            "lastViewedAt": played.last_viewed_at,
            "Guid": [{"id": guid} for guid in self.guids],
            "Media": self._media(),
            "Role": [{"tag": "Somebody"}],
        }
        found = {name: value for name, value in said.items() if value} | self._place()
        return found | self.strange

    def _place(self) -> dict[str, Any]:
        if self.show is None:
            return {}
        place = {
            "index": self.number,
            "parentIndex": self.season,
            "grandparentRatingKey": str(self.show.key),
            "grandparentKey": f"/library/metadata/{self.show.key}",
            "grandparentTitle": self.show.title,
            "grandparentThumb": f"/library/metadata/{self.show.key}/thumb/1700000000",
            "originallyAvailableAt": "2022-02-18",
        }
        return {name: value for name, value in place.items() if value is not None}

    def _media(self) -> list[dict[str, Any]]:
        return [
            {
                "id": self.key * 10 + number,
                "duration": self.duration,
                "container": "mkv",
                "Part": [{"id": self.key * 10 + number, "file": file, "container": "mkv"}],
            }
            for number, file in enumerate(self.files)
        ]


@dataclass
class Section:
    key: int
    type: str
    title: str

    def directory(self) -> dict[str, Any]:
        return {
            "key": str(self.key),
            "type": self.type,
            "title": self.title,
            "agent": "tv.plex.agents.movie" if self.type == "movie" else "tv.plex.agents.series",
            "language": "en-US",
            "uuid": f"0000-{self.key}",
            "updatedAt": 1_700_000_000,
            "Location": [{"id": self.key, "path": f"/{self.title}"}],
        }


class Library:
    """Three libraries, of which one has music."""

    def __init__(self) -> None:
        self.sections = [
            Section(1, "movie", "Films"),
            Section(2, "show", "Shows"),
            Section(3, "artist", "Music"),
        ]
        self.titles: dict[int, Title] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._last_key = 0

    def second(self) -> int:
        return int(self.now().timestamp())

    def add(self, kind: str, title: str, section: int, **other: Any) -> Title:
        """A number is never given twice, until the server is set up anew."""
        self._last_key += 1
        added = Title(self._last_key, section, kind, title, **other)
        added.added_at += self._last_key
        self.titles[added.key] = added
        return added

    def add_movie(
        self, title: str, *, minutes: float = 90, section: int = 1, **other: Any
    ) -> Title:
        other = {"year": 2010, "files": [f"/films/{title}.mkv"]} | other
        return self.add("movie", title, section, duration=round(minutes * 60_000), **other)

    def add_show(self, title: str, *, section: int = 2, **other: Any) -> Title:
        return self.add("show", title, section, **({"year": 2015} | other))

    def add_episode(
        self, show: Title, season: int, number: int, *, minutes: float = 45, **other: Any
    ) -> Title:
        name = f"{show.title} {season}x{number}"
        told = {"title": name, "files": [f"/shows/{name}.mkv"]} | other
        told |= {"show": show, "season": season, "number": number, "section": show.section}
        return self.add("episode", duration=round(minutes * 60_000), **told)

    def remove(self, title: Title) -> None:
        del self.titles[title.key]

    def set_up_anew(self) -> None:
        """Everything is gone, and numbers begin at 1 again."""
        self.titles.clear()
        self._last_key = 0

    def scrobble(self, title: Title, user_id: int) -> None:
        played = title.of(user_id)
        played.view_count += 1
        played.view_offset, played.last_viewed_at = None, self.second()

    def unscrobble(self, title: Title, user_id: int) -> None:
        title.states[user_id] = Played()
