"""What the folders around a file tell: the show, the season, the film, the disc."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mydia_web.backends.folder import convention, dates, ids, marks, seasons, words

#: A file lies so many folders deep in what stores it: discs, qualities, releases of one episode.
_DEEPEST = 3
_YEAR_DIGITS = 4
_NUMBER_FIRST = re.compile(
    r"(?:(?:episode|ep|e|folge)[ ._-]?)?\d{1,3}(?:$|[ ]-[ ]|[._][ ]?\D)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What else lies in the file's folder, and how the library's other folders are called."""

    #: The names, without extension, of all videos in the folder.
    stems: Sequence[str] = ()
    #: Names of folders, in lower case, that lie in several places: such a name is no title.
    repeated: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The folders of one file, by what they are."""

    #: The name of the folder that surely is a show's; "" where none is.
    show: str = ""
    season: int | None = None
    #: The name of the nearest folder that may name a film or show.
    named: str = ""
    disc: int | None = None
    #: The name of the folder that holds the release of this one file.
    release: str = ""


def look(
    path: PurePosixPath, show_folder: str = "", repeated: Collection[str] = frozenset()
) -> Around:
    """Tell the folders of `path` apart, which begins with the library's own; `show_folder` is
    surely a show's.
    """
    folders, disc = _without_storage(list(path.parts[:-1]))
    if _is_bare_season(folders, path.stem):
        return Around(show=show_folder or folders[-2], season=int(folders[-1]), disc=disc)
    release = ""
    if len(folders) > 1 and seasons.season_of(folders[-1]) is None and marks.find(folders[-1]):
        release = folders[-1]
        if len(folders) > 2 and seasons.season_of(folders[-2]) is not None:
            folders.pop()
    show, season = _show_and_season(folders)
    named = "" if season is not None and not release else _named(folders, repeated)
    return Around(show=show_folder or show, season=season, named=named, disc=disc, release=release)


def _is_bare_season(folders: Sequence[str], stem: str) -> bool:
    """Whether a folder called `2` in a show's is its season, which a number in the file's name
    tells.
    """
    if len(folders) < 3 or not seasons.is_number(folders[-1]) or words.is_category(folders[-2]):
        return False
    is_year = len(folders[-1]) == _YEAR_DIGITS
    is_marked = marks.find(stem) is not None or dates.find(stem) is not None
    return is_marked or (not is_year and bool(_NUMBER_FIRST.match(stem)))


def _without_storage(folders: list[str]) -> tuple[list[str], int | None]:
    """Leave out the folders that say only how a title is stored, and tell the number of its disc."""
    disc = None
    for _ in range(_DEEPEST):
        if len(folders) <= 2 or seasons.season_of(folders[-1]) is not None:
            break
        number = words.disc_of(folders[-1])
        if number is None and not words.is_storage(folders[-1]):
            break
        disc = disc or number
        folders = folders[:-1]
    return folders, disc


def _show_and_season(folders: Sequence[str]) -> tuple[str, int | None]:
    if not folders:
        return "", None
    season = seasons.season_of(folders[-1])
    above = folders[-2] if len(folders) > 1 else ""
    if season is not None:
        return ("" if words.is_category(above) else above), season
    beside = seasons.beside_title(ids.taken_out(folders[-1])[0])
    if beside and len(folders) > 2 and _is_shows(above, beside[0]):
        return above, beside[1]
    return "", None


def _is_shows(above: str, title: str) -> bool:
    """Whether `Hijack - Season 2` lies in the folder of its show: one of its name, or with ids or a
    year.
    """
    if words.is_category(above):
        return False
    name, found = ids.taken_out(above)
    read = convention.title_and_year(name)
    plain = read[0].title if read else name
    return bool(found or read) or convention.same_title(plain, convention.neat(title))


def _named(folders: Sequence[str], repeated: Collection[str]) -> str:
    if len(folders) < 2 or words.is_category(folders[-1]):
        return ""
    name = folders[-1]
    if len(folders) > 2 and words.is_division(name) and not words.is_category(folders[-2]):
        return ""
    is_told = convention.title_and_year(name) or ids.taken_out(name)[1]
    return "" if name.lower() in repeated and not is_told else name
