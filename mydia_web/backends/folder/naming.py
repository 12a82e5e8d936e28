"""What the path of a video file says it is: the conventions first, guessit for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from mydia_web.backends.folder import convention, ids
from mydia_web.backends.folder.convention import Numbered, Titled

#: A file of more episodes than this is a misread name.
MOST_EPISODES = 20


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


@dataclass(frozen=True, slots=True)
class _Place:
    """A file's name without ids and extension, and the folders that may tell more."""

    stem: str
    ids: Mapping[str, str]
    #: "" for the library's own folder, which seldom names a show and never a film.
    folder: str
    show_folder: str
    season: int | None
    around: Titled = field(default_factory=lambda: Titled(""))


def read(path: PurePosixPath, show_folder: str = "") -> Film | Episode:
    """Tell what `path` is, which begins with the library's own folder; `show_folder` is surely a show's."""
    place = _placed(path, show_folder)
    if place.season is not None or place.show_folder or convention.is_marked(place.stem):
        return _episode(place, _numbered(place))
    if film := _plain_film(place):
        return film
    if numbered := _softly_numbered(place):
        return _episode(place, numbered)
    if convention.has_title_before_date(place.stem):
        return _episode(place, None)
    return _guessed_film(place)


def _placed(path: PurePosixPath, show_folder: str) -> _Place:
    stem, found = ids.taken_out(path.stem)
    stem = stem or path.stem.strip() or path.name
    folders = path.parts[:-1]
    season = convention.season_of(folders[-1]) if folders else None
    if season is not None and not show_folder and len(folders) > 1:
        show_folder = folders[-2]
    is_named = len(folders) > 1 and season is None and not convention.is_category(folders[-1])
    folder = folders[-1] if is_named else ""
    return _Place(stem, found, folder, show_folder, season, titled(folder))


@lru_cache(maxsize=4096)
def titled(folder: str) -> Titled:
    """The title a folder's name gives, with year and ids."""
    name, found = ids.taken_out(folder)
    if read_plainly := convention.title_and_year(name):
        return replace(read_plainly[0], ids=found)
    if convention.is_plain_title(name):
        return Titled(convention.neat(name), None, found)
    guess = _guess(name, "episode" if convention.is_marked(name) else "")
    guessed = _guessed_title(guess)
    return replace(guessed, title=guessed.title or convention.neat(name), ids=found)


def _numbered(place: _Place) -> Numbered | None:
    if convention.is_marked(place.stem):
        return convention.plain_episode(place.stem)
    return _softly_numbered(place)


def _softly_numbered(place: _Place) -> Numbered | None:
    """The episode number of a name without season, where no film is called so."""
    if convention.is_dated(place.stem):
        return None
    show = titled(place.show_folder).title if place.show_folder else place.around.title
    if show and convention.rest_after(place.stem, show) is not None:
        return convention.number_after(place.stem, show)
    first = convention.number_first(place.stem) if show or place.season is not None else None
    return first or convention.number_after_dash(place.stem)


def _episode(place: _Place, numbered: Numbered | None) -> Episode:
    """The whole of an episode; where its own name is not plain, as guessit reads it."""
    guess: Mapping[str, Any] = {}
    if numbered is None:
        guess = _guess(place.stem, "episode")
        numbered = Numbered(
            _numbers(guess), _first_number(guess.get("season")), _text(guess.get("episode_title"))
        )
    numbers = numbered.numbers if len(numbered.numbers) <= MOST_EPISODES else numbered.numbers[:1]
    season = numbered.season
    if season is None:
        season = _season_around(place) if numbers else place.season
    own = titled(numbered.show) if numbered.show else _guessed_title(guess)
    return Episode(_show(place, own), season, numbers, numbered.title, _date(guess))


def _season_around(place: _Place) -> int:
    """The season of a number without one: what a folder says, else the only one there is."""
    if place.season is not None:
        return place.season
    within = convention.season_within(place.folder)
    return within[1] if within else 1


def _show(place: _Place, own: Titled) -> Titled | None:
    if place.show_folder:
        show = titled(place.show_folder)
        year = show.year or (own.year if convention.same_title(show.title, own.title) else None)
        return replace(show, year=year, ids={**place.ids, **show.ids})
    around = place.around
    is_shows = not own.title or convention.same_title(own.title, around.title) or _is_pack(place.folder)
    if around.title and is_shows:
        return Titled(around.title, around.year or own.year, {**place.ids, **around.ids})
    return replace(own, ids={**own.ids, **place.ids}) if own.title else None


def _is_pack(folder: str) -> bool:
    """Whether a folder is the release of one episode; the file in it is often named in shorthand."""
    return convention.is_marked(folder)


def _plain_film(place: _Place) -> Film | None:
    stem, part = convention.part_of(place.stem)
    if own := convention.title_and_year(stem):
        film, rest = own
        if convention.number_after_dash(f"x{rest}"):
            return None
        return Film(_joined(place, film), part)
    if place.around.year is None or _softly_numbered(place):
        return None
    guessed = _guess(stem, "movie")
    if _year(guessed) not in (None, place.around.year) and not convention.same_title(
        _title(guessed), place.around.title
    ):
        return None
    return Film(replace(place.around, ids={**place.around.ids, **place.ids}), part)


def _joined(place: _Place, film: Titled) -> Titled:
    """A film's own name with its folder's ids; a folder with ids is surely the film's."""
    if place.around.ids and (place.around.year in (None, film.year)):
        return Titled(place.around.title, film.year, {**place.around.ids, **place.ids})
    return replace(film, ids=place.ids)


def _guessed_film(place: _Place) -> Film:
    stem, part = convention.part_of(place.stem)
    guess = _guess(stem, "movie")
    around = place.around
    if convention.same_title(_title(guess), around.title) or (around.ids and not _year(guess)):
        return Film(Titled(around.title, around.year or _year(guess), {**around.ids, **place.ids}), part)
    guessed = _guessed_title(guess)
    return Film(replace(guessed, title=guessed.title or convention.neat(stem), ids=place.ids), part)


@lru_cache(maxsize=16384)
def _guess(name: str, kind: str) -> Mapping[str, Any]:
    # Only here: whoever has no folder is spared its 7 MB in every process.
    from guessit.api import GuessitException, guessit  # noqa: PLC0415

    # `Naruto 103` is episode 103 and not season 1, episode 3: a wrong mark is worse than none.
    options: dict[str, object] = {"name_only": True, "no_user_config": True, "episode_prefer_number": True}
    if kind:
        options["type"] = kind
    try:
        return dict(guessit(f"{name}.mkv", options))
    except GuessitException:
        return {}


def _guessed_title(guess: Mapping[str, Any]) -> Titled:
    """A film called 1917 is nothing but a year to guessit: then neither is known."""
    title = _title(guess)
    return Titled(title, _year(guess) if title else None)


def _title(guess: Mapping[str, Any]) -> str:
    title = _text(guess.get("title"))
    if guess.get("type") == "movie" and (more := _text(guess.get("alternative_title"))):
        title = f"{title} - {more}"
    if title and (country := getattr(_first(guess.get("country")), "alpha2", "")):
        title = f"{title} ({'UK' if country == 'GB' else country})"
    return convention.neat(title)


def _year(guess: Mapping[str, Any]) -> int | None:
    return _first_number(guess.get("year"))


def _date(guess: Mapping[str, Any]) -> date | None:
    value = _first(guess.get("date"))
    return value if isinstance(value, date) else None


def _numbers(guess: Mapping[str, Any]) -> tuple[int, ...]:
    found = guess.get("episode", ())
    found = found if isinstance(found, list | tuple) else [found]
    return tuple(dict.fromkeys(number for number in found if isinstance(number, int)))


def _first(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) else value


def _first_number(value: object) -> int | None:
    first = _first(value)
    return first if isinstance(first, int) else None


def _text(value: object) -> str:
    return str(_first(value) or "")
