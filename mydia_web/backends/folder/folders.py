"""What folders tell of their files: show, season, film and disc, or that they are extras."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath

from mydia_web.backends.folder import dates, ids, seasons, titles, words
from mydia_web.backends.folder.titles import Titled
from mydia_web.backends.folder.words import one_of, verbose


def _dotall(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE | re.DOTALL)


#: How many folders deep a file lies in what stores it: discs, qualities, releases of one episode.
_DEEPEST = 3
_YEAR_DIGITS = 4
#: `01 - Pilot`, `Ep 1`, `01.mkv`.
_NUMBER_FIRST = verbose(r"""
    (?: (?: episode | ep | e | folge ) [ ._-]? )? \d{1,3}
    (?: $ | [ ]-[ ] | [._][ ]?\D )
""")

_EXTRAS_FOLDER = verbose(r"""
    behind[ ._-]?the[ ._-]?scenes | deleted[ ._-]?(?:and[ ._-]extended[ ._-])?scenes?
  | featurettes? | trailers? | extras | sample | backdrops | theme-music
""")
#: Extras inside a film's folder; at the top they sort films.
_EXTRAS_FOLDER_BELOW = verbose(r"""
    interviews? | scenes? | shorts? | clips? | samples? | others? | extra
  | bonus(?: [ ._-]? (?: features? | materials? | discs? ) )? | bonusmaterial
  | making[ ._-]?of | special[ ._-]?features | teasers? | promos? | previews?
  | outtakes | bloopers | proof
    # Openings, endings and the like of anime.
  | sps | menus? | pvs? | cms? | creditless.* | nc(?:op|ed)?s? | ncop[ ._&+-]+nced
  | (?:op|ed)s? | (?:op|nc)[ ._&+-]+ed
""")
_EXTRA_KINDS = one_of("""
    trailer behind~the~scenes deleted(?:~scenes?)? featurette interview scene short other clip extra
    sample teaser promo bloopers? outtakes?
""")
_EXTRA = _dotall(rf"""
    .*-{_EXTRA_KINDS} [ ._-]? \d{{0,2}}
  | (?: .*[-._] )? (?: trailer | teaser )s? [ ._-]? \d{{0,2}}
  | sample[ ._-]?\d{{0,2}} | sample[-.].* | .*[-._]sample | theme\d? | backdrop\d?
""")
#: `Film Trailer`; behind an episode's number it is that episode's name.
_EXTRA_IN_WORDS = _dotall(rf"""
    .+[ ] (?: [(\[]? (?: official | teaser | theatrical )[ ] )* trailer[)\]]? [ ]? \d{{0,2}}
  | .+[ ]-[ ] {_EXTRA_KINDS}s? [ ]? \d{{0,2}}
""")
#: The whole name of a file beside a film.
_EXTRA_BELOW = verbose(r"""
    (?: the[ ._] )? making[ ._-]?of | behind[ ._-]the[ ._-]scenes | deleted[ ._-]scenes?
  | outtakes | bloopers | gag[ ._-]reel | featurettes? | interviews? | menu[ ._-]?\d{0,2}
""")
#: Openings and endings without credits: anime discs hold them. Short words count in capitals only.
_CREDITLESS = re.compile(
    r"""
    (?: ^ | (?<= [ ._\-\[\](] ) )
    (?: (?i: nc[ ._-]?(?:op|ed)
          | (?: creditless | textless | clean ) [ ._-]? (?: op | ed | opening | ending ) ) \w{0,3}
      | (?P<short> OP | ED | PV | CM )
      | (?P<word> (?i: menu | preview ) ) )
    (?P<number> [ ._-]* \#?\d{0,2}[a-z]? ) (?: v\d )?
    (?P<rest> $ | [ ._-]*[\[(\])].* | [ ._]-[ ._].* )
    """,
    re.VERBOSE,
)
_YEAR_NEXT = re.compile(r"[ ._]*[(\[](?:18|19|20)\d\d[)\]]")


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

    @property
    def is_show(self) -> bool:
        return bool(self.show) or self.season is not None


def repeated_names(folders: Iterable[PurePosixPath]) -> frozenset[str]:
    """Return the lower-case names of folders that lie in several places, which are no titles."""
    counts = Counter(folder.name.lower() for folder in folders if len(folder.parts) > 1)
    return frozenset(name for name, count in counts.items() if count > 1)


def look_around(
    path: PurePosixPath, show_folder: str = "", repeated: Collection[str] = frozenset()
) -> Around:
    """Tell the folders of `path` apart, which begins with the library's own folder.

    `show_folder` is surely a show's.
    """
    folders, disc = _without_storage(list(path.parts[:-1]))
    if _is_bare_season(folders, path.stem):
        return Around(show=show_folder or folders[-2], season=int(folders[-1]), disc=disc)
    release = _release_of(folders)
    if release and len(folders) > 2 and seasons.season_of(folders[-2]) is not None:
        folders.pop()
    show, season = _show_and_season(folders)
    is_named_by_season = season is not None and not release
    return Around(
        show=show_folder or show,
        season=season,
        named="" if is_named_by_season else _named(folders, repeated),
        disc=disc,
        release=release,
    )


def _without_storage(folders: list[str]) -> tuple[list[str], int | None]:
    """Leave out the folders that say only how a title is stored; return its disc with the rest."""
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


def _is_bare_season(folders: Sequence[str], stem: str) -> bool:
    """Return whether a folder `2` in a show's is its season, which the file's number tells."""
    if len(folders) < 3 or not seasons.is_number(folders[-1]) or words.is_category(folders[-2]):
        return False
    if seasons.find_mark(stem) or dates.find(stem):
        return True
    is_year = len(folders[-1]) == _YEAR_DIGITS
    return not is_year and bool(_NUMBER_FIRST.match(stem))


def _release_of(folders: Sequence[str]) -> str:
    if len(folders) < 2 or seasons.season_of(folders[-1]) is not None:
        return ""
    if seasons.find_mark(folders[-1]) is None:
        return ""
    return folders[-1]


def _show_and_season(folders: Sequence[str]) -> tuple[str, int | None]:
    if not folders:
        return "", None
    season = seasons.season_of(folders[-1])
    above = folders[-2] if len(folders) > 1 else ""
    if season is not None:
        show = "" if words.is_category(above) else above
        return show, season
    plain, _ = ids.taken_out(folders[-1])
    beside = seasons.beside_title(plain)
    if not beside or len(folders) < 3:
        return "", None
    title, season = beside
    if not _is_folder_of_show(above, title):
        return "", None
    return above, season


def _is_folder_of_show(above: str, title: str) -> bool:
    """Return whether `Hijack - Season 2` lies in the folder of its show.

    That has its name, or ids or a year.
    """
    if words.is_category(above):
        return False
    name, ids_of_folder = ids.taken_out(above)
    if ids_of_folder or titles.title_and_year(name):
        return True
    return titles.same_title(name, titles.neat(title))


def _named(folders: Sequence[str], repeated: Collection[str]) -> str:
    if len(folders) < 2 or words.is_category(folders[-1]):
        return ""
    name = folders[-1]
    is_division = len(folders) > 2 and words.is_division(name)
    if is_division and not words.is_category(folders[-2]):
        return ""
    if name.lower() not in repeated:
        return name
    _, ids_of_folder = ids.taken_out(name)
    return name if ids_of_folder or titles.title_and_year(name) else ""


@lru_cache(maxsize=4096)
def titled(folder: str) -> Titled:
    """Return the title that a folder's name gives, with year and ids."""
    if not folder:
        return Titled("")
    plain, ids_of_folder = ids.taken_out(folder)
    return replace(_titled(titles.widened(plain)), ids=ids_of_folder)


def _titled(name: str) -> Titled:
    if dated := titles.title_and_year(name):
        return dated[0]
    if mark := seasons.find_mark(name):
        return show_before(name[: mark.start])
    beside = seasons.beside_title(name)
    if beside and beside[0]:
        return show_before(beside[0])
    if beside:
        return Titled(titles.neat(name))
    if titles.is_plain_title(name):
        return Titled(titles.neat(name))
    if released := titles.title_and_bare_year(name):
        return released
    guessed = titles.guessed_title(name)
    if not guessed.title:
        return Titled(titles.neat(name))
    return guessed


def show_before(text: str) -> Titled:
    """Return the show that stands before an episode's mark."""
    text = titles.without_group(text).strip(" _-([")
    if beside := seasons.beside_title(words.until_release(text)):
        text = beside[0] or text
    if dated := titles.title_and_year(text):
        return dated[0]
    if day := dates.find(text):
        text = text[: day.start].strip(" ._-([")
    is_number = text.strip(" ._-").isdecimal()
    if words.is_generic(text) and not is_number:
        return Titled("")
    return titles.title_and_bare_year(text) or Titled(titles.with_country(text))


def is_extras_folder(path: Sequence[str], subfolders: Sequence[str]) -> bool:
    """Return whether the last of the folders holds trailers and the like.

    A show named Extras has seasons.
    """
    if not path or any(seasons.season_of(name) is not None for name in subfolders):
        return False
    if len(path) > 1 and _EXTRAS_FOLDER_BELOW.fullmatch(path[-1]):
        return True
    return bool(_EXTRAS_FOLDER.fullmatch(path[-1]))


def is_extra(stem: str, *, is_below: bool) -> bool:
    """Return whether a file is an extra. `is_below`: it does not lie at the library's top."""
    if _EXTRA.fullmatch(stem) or (is_below and _EXTRA_BELOW.fullmatch(stem)):
        return True
    if seasons.find_mark(stem):
        return False
    return bool(_EXTRA_IN_WORDS.fullmatch(stem)) or _is_creditless(stem)


def _is_creditless(stem: str) -> bool:
    match = _CREDITLESS.search(stem)
    if not match or _YEAR_NEXT.match(match["rest"]) or dates.find(stem):
        return False
    is_clear = not match["short"] and not match["word"]
    if is_clear or match["number"].strip(" ._-"):
        return True
    # `ED` alone may be a title; with the brackets of a release it is an ending.
    is_released = match["rest"].strip(" ._-").startswith(("[", "]"))
    return bool(match["short"]) and is_released
