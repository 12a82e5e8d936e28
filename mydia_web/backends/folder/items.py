"""Remote items from files: name, NFO file, pictures and running time brought together."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from mydia_web.backends.folder import ffprobe, folders, naming, nfo, seasons, words
from mydia_web.backends.folder.files import Directory, Listing, Root
from mydia_web.backends.folder.folders import Beside, titled
from mydia_web.backends.folder.naming import Episode, Film, Named, Unread
from mydia_web.backends.folder.nfo import Nfo, Record
from mydia_web.backends.folder.titles import Titled, letters, same_title
from mydia_web.backends.values import RemoteItem, RemoteShow

#: Files that `ffprobe` reads at a time: it waits for the disk more than it computes.
PROBES = 4
#: Folders above a file in which a `tvshow.nfo` is looked for.
_FOLDERS_OF_SHOW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Video:
    """A video file with all that was found out about it."""

    file: PurePosixPath
    directory: Directory
    named: Named
    nfo: Nfo
    show_folder: PurePosixPath | None


class Catalog:
    """The items of one listing, and the problems met on the way."""

    def __init__(self, root: Root, listing: Listing) -> None:
        self.listing = listing
        self._root = root
        self._ffprobe = ffprobe.program()
        self._problems = listing.problems
        self._nfos: dict[PurePosixPath, Nfo] = {}
        self._names = self._read_names()
        #: The films and episodes in several files whose first file is there.
        self._wholes = {
            _whole(file, named) for file, named in self._names.items() if _part(named) == 1
        }

    def items(self, files: Iterable[PurePosixPath]) -> list[RemoteItem]:
        videos = list(filter(None, map(self._video, files)))
        with ThreadPoolExecutor(PROBES) as pool:
            measured = list(pool.map(self._measured, videos))
        items: list[RemoteItem] = []
        for video, (seconds, problem) in zip(videos, measured, strict=True):
            items += self._items_of(video, seconds)
            if problem:
                self._problems.append(problem)
        return items

    def take_problems(self) -> list[str]:
        """Return the problems met since the last call."""
        problems = self._problems
        self._problems = []
        return problems

    def _read_names(self) -> dict[PurePosixPath, Named]:
        """Read all names at once: some say only beside others what they mean."""
        repeated = folders.repeated_names(self.listing.directories)
        names: dict[PurePosixPath, Named] = {}
        for directory in self.listing.directories.values():
            stems = tuple(PurePosixPath(name).stem for name in directory.videos)
            beside = Beside(stems=stems, repeated=repeated)
            for name in directory.videos:
                file = directory.path / name
                names[file] = self._read_name(file, beside)
        for file, reason in naming.told_apart(names).items():
            names[file] = _not_told_apart(names[file], reason)
        return names

    def _read_name(self, file: PurePosixPath, beside: Beside) -> Named:
        show_folder = self._show_folder(file)
        show_name = ""
        if show_folder is not None:
            show_name = self._folder_name(show_folder)
        library_name = self._folder_name(PurePosixPath())
        return naming.read(PurePosixPath(library_name) / file, show_name, beside)

    def _folder_name(self, folder: PurePosixPath) -> str:
        return folder.name or self._root.path.name or "library"

    def _show_folder(self, file: PurePosixPath) -> PurePosixPath | None:
        """Return the nearest folder above a file that a `tvshow.nfo` makes a show's."""
        for folder in list(file.parents)[:_FOLDERS_OF_SHOW]:
            directory = self.listing.directories.get(folder)
            if directory and "tvshow.nfo" in directory.sidecars:
                return folder
        return None

    def _video(self, file: PurePosixPath) -> _Video | None:
        """Return a video with its NFO file; None for a further part of another one."""
        directory = self.listing.directories[file.parent]
        named = self._names[file]
        is_further_part = (_part(named) or 1) > 1
        if is_further_part and _whole(file, named) in self._wholes:
            return None
        own_nfo = self._nfo(directory, _nfo_names(file, named, directory))
        named = _amended(named, own_nfo.records)
        show_folder = self._show_folder(file)
        if show_folder is None and isinstance(named, Episode):
            show_folder = _folder_of_show(file, named)
        return _Video(
            file=file,
            directory=directory,
            named=named,
            nfo=own_nfo,
            show_folder=show_folder,
        )

    def _nfo(self, directory: Directory, names: Iterable[str]) -> Nfo:
        """Return the first NFO file that holds records, else the first that holds links."""
        sidecars = filter(None, (directory.sidecars.get(name.lower()) for name in names))
        contents = [self._read_nfo(directory.path / sidecar) for sidecar in sidecars]
        contents.sort(key=lambda content: (not content.records, not content.linked_ids))
        return contents[0] if contents else Nfo()

    def _read_nfo(self, file: PurePosixPath) -> Nfo:
        """Read a file once in a scan: a show's NFO file belongs to all its episodes."""
        if file not in self._nfos:
            try:
                self._nfos[file] = nfo.read(self._root.path / file)
            except nfo.NfoError as error:
                self._nfos[file] = Nfo()
                self._problems.append(f"“{file}” was not read: {error}.")
        return self._nfos[file]

    def _measured(self, video: _Video) -> tuple[int | None, str]:
        """Return the file's running time, or why it cannot be told. Runs in a thread of its own."""
        for record in video.nfo.records:
            if record.measured_seconds:
                return record.measured_seconds, ""
        if not self._ffprobe or _part(video.named) is not None:
            return None, ""
        try:
            return ffprobe.seconds(self._ffprobe, self._root.path / video.file), ""
        except ffprobe.MeasureError as error:
            return None, f"“{video.file}” has no running time: {error}."

    def _items_of(self, video: _Video, seconds: int | None) -> list[RemoteItem]:
        """Return one item for each title in a file."""
        named = video.named
        if isinstance(named, Unread):
            return [self._unread(video, named)]
        if isinstance(named, Film):
            return [self._film(video, named, seconds)]
        numbers: Sequence[int | None] = named.numbers or (None,)
        share = seconds // len(numbers) if seconds else None
        show = self._show(video, named.show)
        return [self._episode(video, named, number, share, show) for number in numbers]

    def _unread(self, video: _Video, named: Unread) -> RemoteItem:
        """Return an item that is not recognised, with the reason; a person can say what it is."""
        item = RemoteItem(
            remote_id=video.file.as_posix(),
            kind="movie",
            title=video.file.stem,
            season_number=named.season,
            path=str(self._root.path / video.file),
            not_recognised=named.reason,
        )
        if named.show is None and named.reason not in (naming.NO_SHOW, naming.NO_NUMBER):
            return item
        return replace(item, kind="episode", show=self._show(video, named.show))

    def _film(self, video: _Video, film: Film, seconds: int | None) -> RemoteItem:
        record = video.nfo.record("movie")
        return RemoteItem(
            remote_id=video.file.as_posix(),
            kind="movie",
            title=record.title or film.name.title,
            external_ids={**video.nfo.linked_ids, **film.name.ids, **record.ids},
            year=record.year or film.name.year,
            runtime_seconds=seconds or record.runtime_seconds,
            path=str(self._root.path / video.file),
            artwork_url=video.directory.picture(_poster_names(video, film)),
        )

    def _episode(
        self,
        video: _Video,
        episode: Episode,
        number: int | None,
        seconds: int | None,
        show: RemoteShow,
    ) -> RemoteItem:
        has_several = len(episode.numbers) > 1
        record = _record_of(video.nfo.records, number, has_several=has_several)
        stem = video.file.stem
        aired = record.air_date or episode.air_date
        remote_id = video.file.as_posix()
        title = record.title
        if has_several:
            remote_id += f"#S{episode.season or 0:02}E{number:02}"
        else:
            title = title or episode.title
        if not title:
            title = str(aired) if number is None else f"Episode {number}"
        return RemoteItem(
            remote_id=remote_id,
            kind="episode",
            title=title,
            external_ids=record.ids,
            year=record.year,
            runtime_seconds=seconds or record.runtime_seconds,
            show=show,
            season_number=episode.season,
            episode_number=number,
            air_date=aired,
            path=str(self._root.path / video.file),
            artwork_url=video.directory.picture((f"{stem}-thumb", stem)),
        )

    def _show(self, video: _Video, named: Titled | None) -> RemoteShow:
        content = Nfo()
        artwork_url = ""
        if directory := self._directory(video.show_folder):
            content = self._nfo(directory, ("tvshow.nfo",))
            artwork_url = directory.picture(("poster", "folder", "show"))
        record = content.record("tvshow")
        name = named or Titled("")
        return RemoteShow(
            title=record.title or name.title,
            year=record.year or name.year,
            external_ids={**content.linked_ids, **name.ids, **record.ids},
            artwork_url=artwork_url,
        )

    def _directory(self, folder: PurePosixPath | None) -> Directory | None:
        return None if folder is None else self.listing.directories.get(folder)


def _nfo_names(file: PurePosixPath, named: Named, directory: Directory) -> list[str]:
    names = [f"{file.stem}.nfo"]
    if isinstance(named, Film):
        is_own_folder = _is_films_own(directory, named.name)
    else:
        is_nothing = isinstance(named, Unread) and named.show is None
        is_own_folder = is_nothing and len(directory.videos) == 1
    if is_own_folder:
        names += ["movie.nfo", f"{directory.path.name}.nfo"]
    return names


def _poster_names(video: _Video, film: Film) -> list[str]:
    stem = video.file.stem
    names = [f"{stem}-poster", stem]
    if _is_films_own(video.directory, film.name):
        names += ["poster", "folder", "movie", "cover", f"{video.directory.path.name}-poster"]
    return names


def _is_films_own(directory: Directory, film: Titled) -> bool:
    """Return whether a folder is one film's: a collection's pictures belong to no film in it."""
    if len(directory.videos) == 1:
        return True
    return same_title(titled(directory.path.name).title, film.title)


def _amended(named: Named, records: Sequence[Record]) -> Named:
    """Return what a file is, by its NFO file before its name."""
    if records:
        kind = records[0].kind
        if kind == "movie":
            named = _amended_film(named, records[0])
        elif kind == "episodedetails":
            named = _amended_episode(named, records)
    return _complete(named) if isinstance(named, Episode) else named


def _amended_film(named: Named, record: Record) -> Named:
    if isinstance(named, Film):
        return named
    if isinstance(named, Unread):
        return Film(Titled(record.title, record.year)) if record.title else named
    show_title = named.show.title if named.show else ""
    return Film(Titled(named.title or show_title))


def _amended_episode(named: Named, records: Sequence[Record]) -> Episode:
    episode = _as_episode(named)
    record = records[0]
    numbers = tuple(record.episode for record in records if record.episode is not None)
    # One record for a file of several episodes speaks of the first of them.
    if len(numbers) < len(episode.numbers):
        numbers = episode.numbers
    show = episode.show
    if show is None and record.show_title:
        show = Titled(record.show_title)
    return Episode(
        show=show,
        season=episode.season if record.season is None else record.season,
        part=episode.part,
        numbers=tuple(dict.fromkeys(numbers))[: seasons.MOST_EPISODES],
        title=episode.title,
        air_date=episode.air_date or record.air_date,
    )


def _as_episode(named: Named) -> Episode:
    if isinstance(named, Film):
        return Episode(title=named.name.title)
    if isinstance(named, Unread):
        return Episode(show=named.show, season=named.season)
    return named


def _complete(episode: Episode) -> Episode | Unread:
    """Return an episode that can be told from others, else a name that nobody could read."""
    if not episode.show or not episode.show.title:
        return Unread(naming.NO_SHOW, None, episode.season)
    if not episode.numbers and not episode.air_date:
        return Unread(naming.NO_NUMBER, episode.show, episode.season)
    return episode


def _record_of(records: Sequence[Record], number: int | None, *, has_several: bool) -> Record:
    """Return the record of one episode in a file."""
    for record in records:
        is_own = not has_several or record.episode == number
        if record.kind == "episodedetails" and is_own:
            return record
    return Record(kind="episodedetails")


def _folder_of_show(file: PurePosixPath, episode: Episode) -> PurePosixPath | None:
    """Return the folder of a show's poster: above the season's, or with the show's name."""
    folder = file.parent
    if seasons.season_of(folder.name) is not None:
        return folder.parent
    title = episode.show.title if episode.show else ""
    return folder if same_title(titled(folder.name).title, title) else None


def _not_told_apart(named: Named, reason: str) -> Unread:
    if isinstance(named, Episode):
        return Unread(reason, named.show, named.season)
    return Unread(reason)


def _part(named: Named) -> int | None:
    return None if isinstance(named, Unread) else named.part


def _whole(file: PurePosixPath, named: Named) -> tuple[object, ...]:
    """Return what a part is of, by which it finds the first one."""
    folder = file.parent
    if words.disc_of(folder.name) is not None:
        folder = folder.parent
    if isinstance(named, Film):
        return folder, letters(named.name.title), named.name.year
    if isinstance(named, Episode) and named.show:
        return folder, letters(named.show.title), named.season, named.numbers
    return folder, file
