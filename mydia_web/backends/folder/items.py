"""Remote items from files: name, NFO file, pictures and running time brought together."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mydia_web.backends.folder import art, collisions, convention, ffprobe, naming, nfo, words
from mydia_web.backends.folder.around import Beside
from mydia_web.backends.folder.convention import Titled
from mydia_web.backends.folder.naming import Episode, Film, Named, Unread
from mydia_web.backends.folder.nfo import Nfo, Record
from mydia_web.backends.folder.place import Place
from mydia_web.backends.folder.walk import Holdings, Shelf
from mydia_web.backends.values import RemoteItem, RemoteShow

#: How many files `ffprobe` reads at a time: it waits for the disk more than it computes.
PROBES = 4


@dataclass(frozen=True, slots=True)
class _Video:
    """A video file with all that was found out about it."""

    file: PurePosixPath
    shelf: Shelf
    named: Named
    records: Sequence[Record]
    linked_ids: Mapping[str, str]
    show_folder: PurePosixPath | None


@dataclass(slots=True)
class Cataloguer:
    """Turns the videos of one scan into items and keeps the problems met on the way."""

    place: Place
    holdings: Holdings
    ffprobe: str | None
    problems: list[str] = field(default_factory=list)
    _read: dict[PurePosixPath, Nfo] = field(default_factory=dict)
    _named: dict[PurePosixPath, Named] = field(default_factory=dict)
    #: The first parts of films and episodes that lie in several files.
    _first_parts: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read all names at once: some say only beside others what they mean."""
        repeated = collisions.repeated_names(self.holdings.shelves)
        for shelf in self.holdings.shelves.values():
            stems = tuple(PurePosixPath(name).stem for name in shelf.videos)
            beside = Beside(stems=stems, repeated=repeated)
            for name in shelf.videos:
                self._named[shelf.folder / name] = self._name(shelf.folder / name, beside)
        for file, reason in collisions.told_apart(self._named).items():
            self._named[file] = _not_told_apart(self._named[file], reason)
        self._first_parts = {
            _whole(file, named) for file, named in self._named.items() if _part(named) == 1
        }

    def items(self, files: Iterable[PurePosixPath]) -> list[RemoteItem]:
        videos = [video for file in files if (video := self._video(file))]
        with ThreadPoolExecutor(PROBES) as pool:
            measured = list(pool.map(self._measured, videos))
        found: list[RemoteItem] = []
        for video, (seconds, problem) in zip(videos, measured, strict=True):
            found += self._copies(video, seconds)
            self.problems += [problem] if problem else []
        return found

    def take_problems(self) -> list[str]:
        taken, self.problems = self.problems, []
        return taken

    def _name(self, file: PurePosixPath, beside: Beside) -> Named:
        show_folder = self._show_folder(file)
        show_name = self._name_of(show_folder) if show_folder is not None else ""
        return naming.read(PurePosixPath(self._name_of(PurePosixPath())) / file, show_name, beside)

    def _video(self, file: PurePosixPath) -> _Video | None:
        shelf = self.holdings.shelves[file.parent]
        named = self._named[file]
        if (_part(named) or 1) > 1 and _whole(file, named) in self._first_parts:
            return None
        own = self._nfo(shelf, _nfo_names(file, named, shelf))
        named = _amended(named, own.records)
        show_folder = self._show_folder(file)
        if isinstance(named, Episode):
            named = _complete(named)
        if isinstance(named, Episode) and show_folder is None:
            show_folder = _folder_of_show(file, named)
        return _Video(file, shelf, named, own.records, own.linked_ids, show_folder)

    def _show_folder(self, file: PurePosixPath) -> PurePosixPath | None:
        """The nearest folder above a file that a `tvshow.nfo` makes a show's."""
        for folder in list(file.parents)[:3]:
            shelf = self.holdings.shelves.get(folder)
            if shelf and "tvshow.nfo" in shelf.asides:
                return folder
        return None

    def _name_of(self, folder: PurePosixPath) -> str:
        return folder.name or self.place.path.name or "library"

    def _nfo(self, shelf: Shelf, names: Iterable[str]) -> Nfo:
        """Return the first that holds records; links are read where none does."""
        found = [
            self._nfo_at(shelf.folder / aside)
            for name in names
            if (aside := shelf.asides.get(name.lower()))
        ]
        with_records = (one for one in found if one.records)
        with_links = (one for one in found if one.linked_ids)
        return next(with_records, next(with_links, Nfo()))

    def _nfo_at(self, file: PurePosixPath) -> Nfo:
        """Read once in a scan: a show's NFO file belongs to all its episodes."""
        if file not in self._read:
            try:
                self._read[file] = nfo.read(self.place.path / file)
            except nfo.NfoError as error:
                self._read[file] = Nfo()
                self.problems.append(f"“{file}” was not read: {error}.")
        return self._read[file]

    def _measured(self, video: _Video) -> tuple[int | None, str]:
        """The file's running time, or why it cannot be told. Runs in a thread of its own."""
        exact = next(
            (record.measured_seconds for record in video.records if record.measured_seconds), None
        )
        if exact or not self.ffprobe or _part(video.named) is not None:
            return exact, ""
        try:
            return ffprobe.seconds(self.ffprobe, self.place.path / video.file), ""
        except ffprobe.MeasureError as error:
            return None, f"“{video.file}” has no running time: {error}."

    def _copies(self, video: _Video, seconds: int | None) -> list[RemoteItem]:
        if isinstance(video.named, Unread):
            return [self._unread(video, video.named)]
        if isinstance(video.named, Film):
            return [self._film(video, video.named, seconds)]
        numbers: Sequence[int | None] = video.named.numbers or (None,)
        share = seconds // len(numbers) if seconds else None
        show = self._show(video, video.named.show)
        return [self._episode(video, video.named, number, share, show) for number in numbers]

    def _unread(self, video: _Video, named: Unread) -> RemoteItem:
        """Return what is listed as not recognised, with the reason; a person can say what it is."""
        is_episode = named.show is not None or named.reason in (naming.NO_SHOW, naming.NO_NUMBER)
        return RemoteItem(
            remote_id=video.file.as_posix(),
            kind="episode" if is_episode else "movie",
            title=video.file.stem,
            show=self._show(video, named.show) if is_episode else None,
            season_number=named.season,
            path=str(self.place.path / video.file),
            not_recognised=named.reason,
        )

    def _film(self, video: _Video, film: Film, seconds: int | None) -> RemoteItem:
        record = next(
            (record for record in video.records if record.kind == "movie"), Record("movie")
        )
        return RemoteItem(
            remote_id=video.file.as_posix(),
            kind="movie",
            title=record.title or film.name.title,
            external_ids={**video.linked_ids, **film.name.ids, **record.ids},
            year=record.year or film.name.year,
            runtime_seconds=seconds or record.runtime_seconds,
            path=str(self.place.path / video.file),
            artwork_url=art.first_of(
                video.shelf, _poster_names(video.file, film.name, video.shelf)
            ),
        )

    def _episode(
        self,
        video: _Video,
        episode: Episode,
        number: int | None,
        seconds: int | None,
        show: RemoteShow,
    ) -> RemoteItem:
        record = _record_of(video.records, number, len(episode.numbers))
        several = len(episode.numbers) > 1
        title = record.title or ("" if several else episode.title)
        aired = record.air_date or episode.air_date
        return RemoteItem(
            remote_id=video.file.as_posix()
            + (f"#S{episode.season or 0:02}E{number:02}" if several else ""),
            kind="episode",
            title=title or (f"Episode {number}" if number is not None else str(aired)),
            external_ids=record.ids,
            year=record.year,
            runtime_seconds=seconds or record.runtime_seconds,
            show=show,
            season_number=episode.season,
            episode_number=number,
            air_date=aired,
            path=str(self.place.path / video.file),
            artwork_url=art.first_of(video.shelf, (f"{video.file.stem}-thumb", video.file.stem)),
        )

    def _show(self, video: _Video, named: Titled | None) -> RemoteShow:
        shelf = (
            self.holdings.shelves.get(video.show_folder) if video.show_folder is not None else None
        )
        told = self._nfo(shelf, ("tvshow.nfo",)) if shelf else Nfo()
        record = next(
            (record for record in told.records if record.kind == "tvshow"), Record("tvshow")
        )
        name = named or Titled(record.title)
        return RemoteShow(
            title=record.title or name.title,
            year=record.year or name.year,
            external_ids={**told.linked_ids, **name.ids, **record.ids},
            artwork_url=art.first_of(shelf, ("poster", "folder", "show")) if shelf else "",
        )


def _nfo_names(file: PurePosixPath, named: Named, shelf: Shelf) -> list[str]:
    names = [f"{file.stem}.nfo"]
    if isinstance(named, Unread) and named.show is None and len(shelf.videos) == 1:
        names += ["movie.nfo", f"{shelf.folder.name}.nfo"]
    if isinstance(named, Film) and _is_films_own(shelf, named.name):
        names += ["movie.nfo", f"{shelf.folder.name}.nfo"]
    return names


def _poster_names(file: PurePosixPath, film: Titled, shelf: Shelf) -> list[str]:
    names = [f"{file.stem}-poster", file.stem]
    if _is_films_own(shelf, film):
        names += ["poster", "folder", "movie", "cover", f"{shelf.folder.name}-poster"]
    return names


def _is_films_own(shelf: Shelf, film: Titled) -> bool:
    """Whether a folder is one film's and not a collection, whose pictures belong to no film in it."""
    folder = naming.titled(shelf.folder.name)
    return len(shelf.videos) == 1 or convention.same_title(folder.title, film.title)


def _amended(named: Named, records: Sequence[Record]) -> Named:
    """What an NFO file says counts more than a name."""
    if not records:
        return named
    told = records[0]
    if told.kind == "movie" and isinstance(named, Unread):
        return Film(Titled(told.title, told.year)) if told.title else named
    if told.kind == "movie" and isinstance(named, Episode):
        return Film(Titled(named.title or (named.show.title if named.show else "")))
    if told.kind != "episodedetails":
        return named
    if isinstance(named, Film):
        named = Episode(None, title=named.name.title)
    if isinstance(named, Unread):
        named = Episode(named.show, named.season)
    return _amended_episode(named, records)


def _amended_episode(episode: Episode, records: Sequence[Record]) -> Episode:
    told = records[0]
    numbers = tuple(record.episode for record in records if record.episode is not None)
    # One record for a file of several episodes speaks of the first of them.
    if len(numbers) < len(episode.numbers):
        numbers = episode.numbers
    return Episode(
        show=episode.show or (Titled(told.show_title) if told.show_title else None),
        season=told.season if told.season is not None else episode.season,
        part=episode.part,
        numbers=tuple(dict.fromkeys(numbers))[: naming.MOST_EPISODES],
        title=episode.title,
        air_date=episode.air_date or told.air_date,
    )


def _complete(episode: Episode) -> Episode | Unread:
    """An episode that somebody can tell from others, else a name that nobody could read."""
    if not episode.show or not episode.show.title:
        return Unread(naming.NO_SHOW, None, episode.season)
    if not episode.numbers and not episode.air_date:
        return Unread(naming.NO_NUMBER, episode.show, episode.season)
    return episode


def _record_of(records: Sequence[Record], number: int | None, count: int) -> Record:
    own = [record for record in records if record.kind == "episodedetails"]
    if count <= 1 and own:
        return own[0]
    return next((record for record in own if record.episode == number), Record("episodedetails"))


def _folder_of_show(file: PurePosixPath, episode: Episode) -> PurePosixPath | None:
    """The folder a show's poster lies in: above the season's, or the one with the show's name."""
    folder = file.parent
    if convention.season_of(folder.name) is not None:
        return folder.parent
    is_shows = episode.show and convention.same_title(
        naming.titled(folder.name).title, episode.show.title
    )
    return folder if is_shows else None


def _not_told_apart(named: Named, reason: str) -> Unread:
    if isinstance(named, Episode):
        return Unread(reason, named.show, named.season)
    return Unread(reason)


def _part(named: Named) -> int | None:
    return None if isinstance(named, Unread) else named.part


def _whole(file: PurePosixPath, named: Named) -> tuple[object, ...]:
    """Return what a part is of, by which it finds the first one."""
    folder = file.parent.parent if words.disc_of(file.parent.name) is not None else file.parent
    if isinstance(named, Film):
        return folder, convention.letters(named.name.title), named.name.year
    if isinstance(named, Episode) and named.show:
        return folder, convention.letters(named.show.title), named.season, named.numbers
    return (folder, file)
