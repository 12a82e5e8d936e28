"""What the path of a video file says it is: the conventions first, guessit for everything else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import PurePosixPath

from mydia_web.backends.folder import (
    around,
    convention,
    dates,
    guess,
    ids,
    marks,
    numbers,
    seasons,
    words,
)
from mydia_web.backends.folder.around import Around, Beside
from mydia_web.backends.folder.convention import Titled
from mydia_web.backends.folder.marks import Mark

MOST_EPISODES = marks.MOST_EPISODES

NO_SHOW = "Its name does not say which show it is of. Put it into a folder with the show's name."
NO_NUMBER = "Its name does not say which episode it is. Name it like “S01E02”."
NO_ORDER = "Its name holds a day that may be one of two. Write it as year, month and day."
NO_TITLE = "Its name does not say what it is. Name it, or its folder, with title and year."
NOT_THE_FOLDERS = (
    "It lies in the folder of a film and is called otherwise. Name it with title and year."
)


#: `Dragonpier Z 002`: files of a show, counted through.
_COUNTED = re.compile(r"[ .]0\d\d$")


@dataclass(frozen=True, slots=True)
class Film:
    """A film's name. `part` is the number of the disc where a film lies in several files."""

    name: Titled
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode's name. `show` is None, `numbers` empty, where the path does not tell."""

    show: Titled | None
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
    """A name that nobody could read; `reason` says in words why."""

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
    def is_shows(self) -> bool:
        return bool(self.around.show) or self.around.season is not None


def read(path: PurePosixPath, show_folder: str = "", beside: Beside | None = None) -> Named:
    """Tell what `path` is, which begins with the library's own folder; `show_folder` is surely a
    show's.
    """
    file = _file(path, show_folder, beside or Beside())
    named = _read(file)
    is_below_season = any(seasons.season_of(folder) is not None for folder in path.parts[1:-1])
    return Unread(NO_NUMBER) if isinstance(named, Film) and is_below_season else named


def _read(file: _File) -> Named:
    for reading in (_marked, _recorded, _signed, _daily, _released, _plain_film, _numbered):
        if (named := reading(file)) is not None:
            return named
    if file.is_shows or file.around.release:
        return Episode(_show(file, Titled("")), file.around.season)
    return _film(file)


def _file(path: PurePosixPath, show_folder: str, beside: Beside) -> _File:
    stem, found = ids.taken_out(path.stem)
    stem = convention.widened(stem) or path.stem.strip() or path.name
    folders = around.look(path, show_folder, beside.repeated)
    return _File(stem=stem, ids=found, around=folders, beside=beside, folder=titled(folders.named))


@lru_cache(maxsize=4096)
def titled(folder: str) -> Titled:
    """The title a folder's name gives, with year and ids."""
    name, found = ids.taken_out(folder)
    name = convention.widened(name)
    if read_plainly := convention.title_and_year(name):
        return replace(read_plainly[0], ids=found)
    if mark := marks.find(name):
        return replace(_before(name[: mark.start]), ids=found)
    if beside := seasons.beside_title(name):
        return replace(
            _before(beside[0]) if beside[0] else Titled(convention.neat(name)), ids=found
        )
    if convention.is_plain_title(name):
        return Titled(convention.neat(name), None, found)
    if released := convention.title_and_bare_year(name):
        return replace(released, ids=found)
    guessed = guess.titled(guess.ask(name, ""))
    return replace(guessed, title=guessed.title or convention.neat(name), ids=found)


def _before(text: str) -> Titled:
    """The show that stands before an episode's mark."""
    text = convention.without_group(text).strip(" _-([")
    if beside := seasons.beside_title(words.until_release(text)):
        text = beside[0] or text
    if read_plainly := convention.title_and_year(text):
        return read_plainly[0]
    if day := dates.find(text):
        text = text[: day.start].strip(" ._-([")
    if words.is_generic(text) and not text.strip(" ._-").isdecimal():
        return Titled("")
    return convention.title_and_bare_year(text) or Titled(convention.with_country(text))


def _marked(file: _File) -> Named | None:
    """`Severance (2022) - S01E01 - Good News About Hell`."""
    mark = marks.find(file.stem, in_show=file.is_shows)
    if mark is None:
        return None
    own = _before(file.stem[: mark.start])
    is_mixed = file.is_shows and _is_mixed(tuple(file.beside.stems), file.around.show)
    show = replace(own, ids=file.ids) if is_mixed and own.title else _show(file, own)
    title, part = _title_and_part(file.stem, mark)
    return Episode(
        show=show,
        season=mark.season,
        numbers=mark.numbers,
        title=title,
        air_date=_day_in(file.stem),
        part=part,
        own_show=convention.letters(own.title),
        is_marked=True,
    )


@lru_cache(maxsize=256)
def _is_mixed(stems: tuple[str, ...], show: str) -> bool:
    """Whether a folder of a season holds several shows, none of which is called like the folder
    above.
    """
    own = {
        convention.letters(_before(stem[: mark.start]).title)
        for stem in stems
        if (mark := marks.find(convention.widened(stem), in_show=True))
    } - {""}
    folder = convention.letters(titled(show).title)
    shortest = min(own, key=len, default="")
    return folder not in own and any(shortest not in one for one in own)


def _title_and_part(stem: str, mark: Mark) -> tuple[str, int | None]:
    rest, part = convention.part_of_episode(stem[mark.end :])
    rest = rest.strip(" ._")
    if rest.startswith("-") and not words.RELEASE.search(rest):
        return convention.neat(rest.strip(" -")), part
    return guess.episode_title(guess.ask(stem, "episode")), part


def _day_in(stem: str) -> date | None:
    day = dates.find(stem)
    return day.date if day else None


def _recorded(file: _File) -> Named | None:
    """A camera's own name for its recording."""
    return Unread(NO_TITLE) if words.is_recorded(file.stem) and not file.is_shows else None


def _daily(file: _File) -> Named | None:
    """`The Daily Show - 2024-01-15 - Guest`: known by its day."""
    day = dates.find(file.stem, dates.order_of(file.beside.stems or (file.stem,)))
    if day is None or _is_of_title(file, day):
        return None
    text = file.stem[: day.start]
    is_folders = convention.rest_after(text, file.folder.title) is not None
    show = _show(file, Titled("") if is_folders else _before(text))
    if day.date is None:
        return Unread(NO_ORDER, show)
    return Episode(show, file.around.season, (), _title_behind(file.stem[day.end :]), day.date)


def _is_of_title(file: _File, day: dates.Day) -> bool:
    """Whether a day is the title itself, as 11.22.63 is."""
    title = titled(file.around.show).title if file.around.show else file.folder.title
    rest = convention.rest_after(file.stem, title)
    is_inside = rest is not None and len(file.stem) - len(rest) >= day.end
    return is_inside or (day.date is None and convention.title_and_year(file.stem) is not None)


def _title_behind(rest: str) -> str:
    rest = rest.strip(" ._-")
    return "" if words.RELEASE.search(rest) else convention.neat(rest)


def _signed(file: _File) -> Named | None:
    """A number that a word makes an episode's, whatever day or year stands beside it."""
    found = numbers.read_sign(file.stem, _context(file))
    return _of_number(file, found) if found else None


def _numbered(file: _File) -> Named | None:
    """The episode number of a name without season, where no film is called so."""
    found = numbers.read(file.stem, _context(file))
    return _of_number(file, found) if found else None


def _of_number(file: _File, found: numbers.Numbered) -> Episode | Unread:
    own = _before(found.show)
    show = _show(file, own)
    season = found.season if found.season is not None else _season_around(file)
    if not found.numbers:
        return Unread(NO_NUMBER, show, season)
    if file.around.disc is not None and not convention.letters(own.title):
        return Unread(NO_NUMBER, show, season)
    return Episode(
        show, season, found.numbers, found.title, None, None, convention.letters(own.title)
    )


def _context(file: _File) -> numbers.Context:
    folder = file.around.show or file.around.named
    return numbers.Context(
        show=titled(folder).title if folder else "",
        is_show=file.is_shows,
        season=file.around.season,
        beside=file.beside.stems or (file.stem,),
    )


def _season_around(file: _File) -> int:
    """The season of a number without one: what a folder says, else the only one there is."""
    if file.around.season is not None:
        return file.around.season
    within = seasons.beside_title(file.around.named)
    return within[1] if within else 1


def _show(file: _File, own: Titled) -> Titled | None:
    if file.around.show:
        show = titled(file.around.show)
        year = show.year or (own.year if convention.same_title(show.title, own.title) else None)
        return replace(show, year=year, ids={**file.ids, **show.ids})
    folder = file.folder
    is_shows = (
        not own.title or convention.same_title(own.title, folder.title) or bool(file.around.release)
    )
    if folder.title and is_shows:
        return Titled(folder.title, folder.year or own.year, {**file.ids, **folder.ids})
    return replace(own, ids={**own.ids, **file.ids}) if convention.letters(own.title) else None


def _released(file: _File) -> Named | None:
    """A file that tells nothing, in the folder of a release that tells all:
    `Pier.S01E02.720p/a1b2.mkv`.
    """
    if not file.around.release or not file.is_alone:
        return None
    mark = marks.find(file.around.release)
    assert mark
    show = _show(file, Titled(""))
    return Episode(show, mark.season, mark.numbers)


def _plain_film(file: _File) -> Named | None:
    """A film with its year, in its own name or that of its folder."""
    if file.is_shows:
        return None
    stem, part = convention.part_of(file.stem)
    part = part or file.around.disc
    if own := convention.title_and_year(stem):
        film, rest = own
        if numbers.is_numbered(rest) or numbers.ends_numbered(film.title, rest):
            return None
        return Film(_joined(file, film), part)
    if (released := convention.title_and_bare_year(stem)) and not numbers.ends_numbered(
        released.title, "["
    ):
        return Film(_joined(file, released), part)
    return _film_of_folder(file, stem, part)


def _film_of_folder(file: _File, stem: str, part: int | None) -> Named | None:
    """A file that says less than its folder, which has a year or ids."""
    if file.folder.year is None and not file.folder.ids:
        return None
    name = Titled(file.folder.title, file.folder.year, {**file.folder.ids, **file.ids})
    rest = convention.rest_after(stem, file.folder.title)
    if words.is_generic(stem):
        is_whole = file.is_alone or part is not None or words.is_storage(stem.strip("[]() "))
        return Film(name, part) if is_whole else Unread(NOT_THE_FOLDERS)
    if rest is not None and not numbers.read(stem, _context(file)):
        return Film(name, part)
    if numbers.read(stem, _context(file)):
        return None
    own = _own_title(stem)
    if (
        _are_alike(own, file.folder.title)
        or file.is_alone
        or all(_are_alike(_own_title(one), own) for one in file.beside.stems)
    ):
        return Film(name, part)
    return Unread(NOT_THE_FOLDERS)


def _own_title(stem: str) -> str:
    stem, _ = convention.part_of(convention.widened(ids.taken_out(stem)[0]))
    return guess.title_of(guess.ask(stem, "movie")) or convention.neat(stem)


def _are_alike(one: str, other: str) -> bool:
    """Whether one title is the other, the beginning of it, or made of its first letters."""
    shorter, longer = sorted((convention.letters(one), convention.letters(other)), key=len)
    initials = "".join(
        word[0] for word in convention.neat(other).casefold().split() if word[0].isalnum()
    )
    return bool(shorter) and (longer.startswith(shorter) or shorter == initials)


def _joined(file: _File, film: Titled) -> Titled:
    """A film's own name with its folder's ids; a folder with ids is surely the film's."""
    folder = file.folder
    if folder.ids and folder.year in (None, film.year):
        return Titled(folder.title, film.year, {**folder.ids, **file.ids})
    return replace(film, ids=file.ids)


def _film(file: _File) -> Named:
    """A film without a year, by its own name or that of its folder."""
    stem, part = convention.part_of(file.stem)
    part = part or file.around.disc
    folder = file.folder
    if words.is_generic(stem):
        is_whole = file.is_alone or part is not None or words.is_storage(stem.strip("[]() "))
        is_films = is_whole and bool(folder.title) and not words.is_generic(folder.title)
        return (
            Film(replace(folder, ids={**folder.ids, **file.ids}), part)
            if is_films
            else Unread(NO_TITLE)
        )
    if convention.title_and_year(stem):
        # It has a year, and a number that is no film's.
        return Unread(NO_NUMBER)
    guessed = guess.titled(guess.ask(stem, "movie"))
    if numbers.is_left_over(stem, guessed.title or convention.neat(stem)):
        # Whatever is behind such a number, other files have the same title without it.
        return Unread(NO_TITLE)
    if convention.same_title(guessed.title, folder.title):
        return Film(
            Titled(folder.title, folder.year or guessed.year, {**folder.ids, **file.ids}), part
        )
    if file.is_alone and folder.title and words.RELEASE.search(file.around.named):
        # The folder is a release of one film, whose file is named in shorthand.
        return Film(folder, part)
    title = guessed.title or convention.neat(stem)
    if words.is_generic(title) and not guessed.year:
        return Unread(NO_TITLE)
    if not guessed.year and _COUNTED.search(title):
        return Unread(NO_NUMBER)
    return Film(Titled(title, guessed.year, file.ids), part)
