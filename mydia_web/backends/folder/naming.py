"""What the path of a video file says it is: by the conventions first, else by guessit."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import PurePosixPath

from mydia_web.backends.folder import dates, folders, ids, numbers, seasons, titles, words
from mydia_web.backends.folder.folders import Around, Beside, show_before, titled
from mydia_web.backends.folder.numbers import Context, Numbered
from mydia_web.backends.folder.seasons import Mark
from mydia_web.backends.folder.titles import Titled, letters, same_title

NO_SHOW = "Its name does not say which show it is of. Put it into a folder with the show's name."
NO_NUMBER = "Its name does not say which episode it is. Name it like “S01E02”."
NO_ORDER = "Its name holds a day that may be one of two. Write it as year, month and day."
NO_TITLE = "Its name does not say what it is. Name it, or its folder, with title and year."
NOT_THE_FOLDERS = (
    "It lies in the folder of a film and is called otherwise. Name it with title and year."
)
SAME_NAME = (
    "Files in other folders are called the same. Name it, or its folder, with title and year."
)
SAME_NUMBER = (
    "Another file says to be the same episode, and they differ. Name them like “Show S01E02”."
)

#: `Dragonpier Z 002`: files of a show, counted through.
_COUNTED = re.compile(r"[ .]0\d\d$")


@dataclass(frozen=True, slots=True)
class Film:
    """A film's name. `part` is the number of the disc where a film lies in several files."""

    name: Titled
    part: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An episode's name. `show` is None, `numbers` empty, where the path does not tell."""

    show: Titled | None = None
    season: int | None = None
    numbers: tuple[int, ...] = ()
    title: str = ""
    air_date: date | None = None
    part: int | None = None
    #: What the file's own name says of its show, which may be less.
    own_show: str = ""
    #: Whether the name says season and episode beyond doubt.
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A name that nobody could read, and the reason in words."""

    reason: str
    show: Titled | None = None
    season: int | None = None


Named = Film | Episode | Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file's name without ids and extension, and what lies around it."""

    stem: str
    ids: Mapping[str, str]
    around: Around
    beside: Beside
    #: What the nearest folder that may name a title is called.
    folder: Titled

    @property
    def is_alone(self) -> bool:
        return len(self.beside.stems) <= 1

    @property
    def stems(self) -> Sequence[str]:
        """The names of all videos in the folder, this one among them."""
        return self.beside.stems or (self.stem,)

    @property
    def context(self) -> Context:
        folder = self.around.show or self.around.named
        return Context(
            show=titled(folder).title,
            is_show=self.around.is_show,
            season=self.around.season,
            beside=self.stems,
        )

    @property
    def named_by_folder(self) -> Titled:
        return replace(self.folder, ids={**self.folder.ids, **self.ids})


def read(path: PurePosixPath, show_folder: str = "", beside: Beside | None = None) -> Named:
    """Tell what `path` is, which begins with the library's own folder.

    `show_folder` is surely a show's.
    """
    named = _read(_file(path, show_folder, beside or Beside()))
    is_below_season = any(seasons.season_of(folder) is not None for folder in path.parts[1:-1])
    if isinstance(named, Film) and is_below_season:
        return Unread(NO_NUMBER)
    return named


def _file(path: PurePosixPath, show_folder: str, beside: Beside) -> _File:
    stem, ids_of_file = ids.taken_out(path.stem)
    around = folders.look_around(path, show_folder, beside.repeated)
    return _File(
        stem=titles.widened(stem) or path.stem.strip() or path.name,
        ids=ids_of_file,
        around=around,
        beside=beside,
        folder=titled(around.named),
    )


def _read(file: _File) -> Named:
    for reading in (_marked, _recorded, _signed, _daily, _released, _film_with_year, _numbered):
        named = reading(file)
        if named is not None:
            return named
    if file.around.is_show or file.around.release:
        return Episode(show=_show(file, Titled("")), season=file.around.season)
    return _film_without_year(file)


def _marked(file: _File) -> Named | None:
    """Read `Severance (2022) - S01E01 - Good News About Hell`."""
    is_show = file.around.is_show
    mark = seasons.find_mark(file.stem, in_show=is_show)
    if mark is None:
        return None
    own = show_before(file.stem[: mark.start])
    is_mixed = is_show and _is_mixed(tuple(file.beside.stems), file.around.show)
    if is_mixed and own.title:
        show: Titled | None = replace(own, ids=file.ids)
    else:
        show = _show(file, own)
    title, part = _title_and_part(file.stem, mark)
    day = dates.find(file.stem)
    return Episode(
        show=show,
        season=mark.season,
        numbers=mark.numbers,
        title=title,
        air_date=day.date if day else None,
        part=part,
        own_show=letters(own.title),
        is_marked=True,
    )


@lru_cache(maxsize=256)
def _is_mixed(stems: tuple[str, ...], show: str) -> bool:
    """Return whether a season's folder holds several shows, none called like the folder above."""
    shows: set[str] = set()
    for stem in stems:
        if mark := seasons.find_mark(titles.widened(stem), in_show=True):
            shows.add(letters(show_before(stem[: mark.start]).title))
    folder = letters(titled(show).title)
    is_named = bool(folder) and folder in shows
    return not is_named and _differ(shows)


def _title_and_part(stem: str, mark: Mark) -> tuple[str, int | None]:
    rest, part = titles.part_of_episode(stem[mark.end :])
    rest = rest.strip(" ._")
    if rest.startswith("-") and not words.RELEASE.search(rest):
        return titles.neat(rest.strip(" -")), part
    return titles.guessed_episode_title(stem), part


def _recorded(file: _File) -> Named | None:
    """Refuse a camera's own name for its recording."""
    if words.is_recorded(file.stem) and not file.around.is_show:
        return Unread(NO_TITLE)
    return None


def _signed(file: _File) -> Named | None:
    """Read a number that a word makes an episode's, whatever day or year stands beside it."""
    numbered = numbers.read_sign(file.stem, file.context)
    return _by_number(file, numbered) if numbered else None


def _daily(file: _File) -> Named | None:
    """Read `The Daily Show - 2024-01-15 - Guest`, which is known by its day."""
    day = dates.find(file.stem, dates.order_of(file.stems))
    if day is None or _is_of_title(file, day):
        return None
    before = file.stem[: day.start]
    own = Titled("")
    if titles.rest_after(before, file.folder.title) is None:
        own = show_before(before)
    show = _show(file, own)
    if day.date is None:
        return Unread(NO_ORDER, show)
    return Episode(
        show=show,
        season=file.around.season,
        title=titles.title_behind(file.stem[day.end :]),
        air_date=day.date,
    )


def _is_of_title(file: _File, day: dates.Day) -> bool:
    """Return whether a day is the title itself, as 11.22.63 is."""
    title = titled(file.around.show or file.around.named).title
    rest = titles.rest_after(file.stem, title)
    if rest is not None and len(file.stem) - len(rest) >= day.end:
        return True
    return day.date is None and titles.title_and_year(file.stem) is not None


def _released(file: _File) -> Named | None:
    """Read a file that tells nothing in a release's folder: `Pier.S01E02.720p/a1b2.mkv`."""
    mark = seasons.find_mark(file.around.release)
    if mark is None or not file.is_alone:
        return None
    return Episode(show=_show(file, Titled("")), season=mark.season, numbers=mark.numbers)


def _numbered(file: _File) -> Named | None:
    """Read the episode number of a name without season, where no film is called so."""
    numbered = numbers.read(file.stem, file.context)
    return _by_number(file, numbered) if numbered else None


def _by_number(file: _File, numbered: Numbered) -> Episode | Unread:
    own = show_before(numbered.show)
    own_show = letters(own.title)
    show = _show(file, own)
    season = numbered.season
    if season is None:
        season = _season_around(file)
    is_number_of_disc = file.around.disc is not None and not own_show
    if not numbered.numbers or is_number_of_disc:
        return Unread(NO_NUMBER, show, season)
    return Episode(
        show=show,
        season=season,
        numbers=numbered.numbers,
        title=numbered.title,
        own_show=own_show,
    )


def _season_around(file: _File) -> int:
    """Return the season of a number without one: a folder's, else the only one there is."""
    if file.around.season is not None:
        return file.around.season
    beside = seasons.beside_title(file.around.named)
    return beside[1] if beside else 1


def _show(file: _File, own: Titled) -> Titled | None:
    """Return the show by the folders, or `own`, which the file itself names."""
    if file.around.show:
        return _show_of_folder(file, own)
    folder = file.folder
    is_same = not own.title or same_title(own.title, folder.title)
    if folder.title and (is_same or file.around.release):
        return Titled(folder.title, folder.year or own.year, {**file.ids, **folder.ids})
    if not letters(own.title):
        return None
    return replace(own, ids={**own.ids, **file.ids})


def _show_of_folder(file: _File, own: Titled) -> Titled:
    """Return the show of a folder that surely is one's, with the year that the file may add."""
    show = titled(file.around.show)
    year = show.year
    if year is None and same_title(show.title, own.title):
        year = own.year
    return replace(show, year=year, ids={**file.ids, **show.ids})


def _film_with_year(file: _File) -> Named | None:
    """Read a film with its year, in its own name or that of its folder."""
    if file.around.is_show:
        return None
    stem, part = _stem_and_part(file)
    if dated := titles.title_and_year(stem):
        film, rest = dated
        is_episode = numbers.is_numbered(rest) or numbers.ends_numbered(film.title, rest)
        return None if is_episode else Film(_with_ids(file, film), part)
    released = titles.title_and_bare_year(stem)
    if released and not numbers.ends_numbered(released.title, "["):
        return Film(_with_ids(file, released), part)
    if file.folder.year is None and not file.folder.ids:
        return None
    return _film_of_folder(file, stem, part)


def _film_of_folder(file: _File, stem: str, part: int | None) -> Named | None:
    """Read a file that says less than its folder, which has a year or ids."""
    film = Film(file.named_by_folder, part)
    if words.is_generic(stem):
        return film if _is_whole(file, stem, part) else Unread(NOT_THE_FOLDERS)
    if numbers.read(stem, file.context):
        return None
    if titles.rest_after(stem, file.folder.title) is not None or file.is_alone:
        return film
    own = _own_title(stem)
    if _are_alike(own, file.folder.title):
        return film
    if all(_are_alike(_own_title(other), own) for other in file.beside.stems):
        return film
    return Unread(NOT_THE_FOLDERS)


def _film_without_year(file: _File) -> Named:
    """Read a film without a year, by its own name or that of its folder."""
    stem, part = _stem_and_part(file)
    if words.is_generic(stem):
        return _film_without_name(file, stem, part)
    if titles.title_and_year(stem):
        # It has a year, and a number that is no film's.
        return Unread(NO_NUMBER)
    guessed = titles.guessed_title(stem, "movie")
    if not guessed.title:
        guessed = Titled(titles.neat(stem))
    if numbers.is_left_over(stem, guessed.title):
        # Whatever is behind such a number, other files have the same title without it.
        return Unread(NO_TITLE)
    return _film_by_guess(file, guessed, part)


def _film_without_name(file: _File, stem: str, part: int | None) -> Named:
    """Read a file called like any other, by the name of its folder."""
    if words.is_generic(file.folder.title) or not _is_whole(file, stem, part):
        return Unread(NO_TITLE)
    return Film(file.named_by_folder, part)


def _film_by_guess(file: _File, guessed: Titled, part: int | None) -> Named:
    """Read a film that guessit has named, unless the folder tells more."""
    folder = file.folder
    if same_title(guessed.title, folder.title):
        film = file.named_by_folder
        return Film(replace(film, year=film.year or guessed.year), part)
    if file.is_alone and folder.title and words.RELEASE.search(file.around.named):
        # The folder is a release of one film, whose file is named in shorthand.
        return Film(folder, part)
    if guessed.year is None and words.is_generic(guessed.title):
        return Unread(NO_TITLE)
    if guessed.year is None and _COUNTED.search(guessed.title):
        return Unread(NO_NUMBER)
    return Film(replace(guessed, ids=file.ids), part)


def _stem_and_part(file: _File) -> tuple[str, int | None]:
    stem, part = titles.part_of(file.stem)
    return stem, part or file.around.disc


def _is_whole(file: _File, stem: str, part: int | None) -> bool:
    """Return whether a file without a name of its own is all of its folder's film, or a part."""
    return file.is_alone or part is not None or words.is_storage(stem.strip("[]() "))


def _own_title(stem: str) -> str:
    plain, _ = ids.taken_out(stem)
    plain, _ = titles.part_of(titles.widened(plain))
    return titles.guessed_title(plain, "movie").title or titles.neat(plain)


def _are_alike(title: str, other: str) -> bool:
    """Return whether a title is the other, its beginning, or made of its first letters."""
    shorter, longer = sorted((letters(title), letters(other)), key=len)
    first_letters = [word[0] for word in titles.neat(other).casefold().split()]
    initials = "".join(filter(str.isalnum, first_letters))
    return bool(shorter) and (longer.startswith(shorter) or shorter == initials)


def _with_ids(file: _File, film: Titled) -> Titled:
    """Return a film's own name with its folder's ids; a folder with ids is surely the film's."""
    folder = file.folder
    if folder.ids and folder.year in (None, film.year):
        return Titled(folder.title, film.year, {**folder.ids, **file.ids})
    return replace(film, ids=file.ids)


_Files = Mapping[PurePosixPath, Named]


def told_apart(files: _Files) -> dict[PurePosixPath, str]:
    """Return why files are not recognised that would be taken for others by accident.

    Two unrelated files never become one title.
    """
    groups: dict[tuple[object, ...], list[PurePosixPath]] = defaultdict(list)
    for file, named in files.items():
        for key in _keys(named):
            groups[key].append(file)
    reasons: dict[PurePosixPath, str] = {}
    for group in groups.values():
        if len(group) > 1:
            reasons |= _accidents({file: files[file] for file in group})
    return reasons


def _keys(named: Named) -> list[tuple[object, ...]]:
    """Return what makes two files the same title, for names that do not tell titles apart."""
    if isinstance(named, Film):
        is_sure = named.name.year is not None or named.name.ids
        return [] if is_sure else [("film", letters(named.name.title) or named.name.title)]
    if isinstance(named, Episode) and named.show:
        show = (letters(named.show.title) or named.show.title, named.show.year)
        return [("episode", *show, named.season, number) for number in named.numbers]
    return []


def _accidents(group: _Files) -> dict[PurePosixPath, str]:
    films = {file: named for file, named in group.items() if isinstance(named, Film)}
    episodes = {file: named for file, named in group.items() if isinstance(named, Episode)}
    return _same_films(films) | _other_shows(episodes) | _loose_numbers(episodes)


def _same_films(films: Mapping[PurePosixPath, Film]) -> dict[PurePosixPath, str]:
    """Find films without a year in different folders, but for folders called like the film."""
    if len({file.parent for file in films}) < 2:
        return {}
    strangers = [file for file, film in films.items() if not _is_at_home(file, film)]
    return dict.fromkeys(strangers, SAME_NAME)


def _is_at_home(file: PurePosixPath, film: Film) -> bool:
    folder = file.parent.name
    if not folder or words.is_category(folder) or words.is_storage(folder):
        return True
    return same_title(titled(folder).title, film.name.title)


def _other_shows(episodes: Mapping[PurePosixPath, Episode]) -> dict[PurePosixPath, str]:
    """Find files that name another show than their folder, where the names differ."""
    own_shows = {file: episode.own_show for file, episode in episodes.items() if episode.own_show}
    if not _differ(own_shows.values()):
        return {}
    shows = {letters(episode.show.title) for episode in episodes.values() if episode.show}
    strangers = [file for file, own_show in own_shows.items() if own_show not in shows]
    return dict.fromkeys(strangers, SAME_NUMBER)


def _loose_numbers(episodes: Mapping[PurePosixPath, Episode]) -> dict[PurePosixPath, str]:
    """Find bare numbers before different titles, or in several folders that are no season's."""
    loose = {file: episode for file, episode in episodes.items() if not episode.is_marked}
    parents = {file.parent for file in loose}
    if _differ(letters(episode.title) for episode in loose.values()):
        return dict.fromkeys(loose, SAME_NUMBER)
    if len(parents) < 2 or all(map(_sorts_a_show, parents)):
        return {}
    nameless = [file for file, episode in loose.items() if not episode.own_show]
    return dict.fromkeys(nameless, SAME_NUMBER)


def _differ(names: Iterable[str]) -> bool:
    """Return whether the names that say something are not all longer forms of the shortest."""
    told = set(names) - {""}
    shortest = min(told, key=len, default="")
    return any(shortest not in name for name in told)


def _sorts_a_show(folder: PurePosixPath) -> bool:
    return seasons.season_of(folder.name) is not None or words.is_storage(folder.name)
