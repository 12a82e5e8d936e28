"""Episode numbers without a season: `01 - Pilot`, `[Group] Pier - 13`, `[01]`, `第3集`, `Ep 7`.

Only where no film is called so. A number that could be two things is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mydia_web.backends.folder import seasons, titles, words
from mydia_web.backends.folder.seasons import MOST_EPISODES
from mydia_web.backends.folder.words import BEGIN, END, groups, one_of, verbose

_PICTURE_LINES = {480, 540, 576, 720, 1080, 1440, 2160, 4320}
_YEARS = range(1900, 2040)
_HUNDRED = 100
#: A show of fewer episodes is numbered `2`, a larger one `02`.
_TWO_DIGITS = 10

_CJK_NUMBER = r"[0-9〇一二三四五六七八九十百]{1,4}"
#: The number, a range of them, half of one, the version of its file.
_NUMBER = r"""
    (?P<number>\d{1,4})
    (?: [-~–] (?:EP?)? (?P<last>\d{1,4}) (?!\d)
      | [ ][~][ ] (?P<last_2>\d{1,4}) (?!\d)
      | \. (?P<half>\d) (?!\d) )?
    (?: [ ]?v\d )? (?: [ ]?(?:END|FINAL|完) )?
    (?= $ | [ ._\[\](){}-] )
"""
_WORD = one_of(r"""
    episodes? épisode episodio episódio epizod episod jakso folge aflevering avsnitt afsnit capitulo
    capítulo серия эпизод bölüm ตอนที่ tập الحلقة פרק επεισόδιο eps? \#
""")
#: `第3集`, `3話`.
_CJK = re.compile(
    rf"""
    (?P<before>.*?)
    (?: [第제][ ]? (?P<number>{_CJK_NUMBER}) (?: \.(?P<half>\d) )? (?: [-~](?P<last>\d{{1,4}}) )?
        [ ]? [話话集回화회]
      | (?<![0-9]) (?P<number_2>\d{{1,4}}) (?: \.(?P<half_2>\d) )? (?: [-~](?P<last_2>\d{{1,4}}) )?
        [ ]? [話话集화회] )
    (?P<rest>.*)
    """,
    re.VERBOSE,
)
_IN_BRACKETS = verbose(r"""
    (?P<before>.*?)
    [\[{] (?: 第 | EP?[ ._]? )?
    (?P<number>\d{1,4}) (?: [-~](?P<last>\d{1,4}) | \.(?P<half>\d) )?
    (?: [ _]?v\d | [ _]?(?: END | Fin | FINAL ) | 完 | 话 | 話 | 集 )*
    [\]}]
    (?P<rest>.*)
""")
#: `Ep 7`, `Folge 7`, `e07`.
_BY_WORD = verbose(rf"""
    (?P<before>.*?)
    (?: {BEGIN} {_WORD} [ ._-]* | {BEGIN} e(?=\d\d) )
    {_NUMBER}
    (?P<rest>.*)
""")
#: `12. Bölüm`.
_NUMBER_AND_WORD = verbose(rf"""
    (?P<before>.*?) {BEGIN} (?P<number>\d{{1,4}}) [ ._-]*
    (?: серия | эпизод | bölüm | bolum | blm | rész | epizod | díl ) {END}
    (?P<rest>.*)
""")
#: `Pier 3 of 8`.
_OF_ALL = verbose(rf"""
    (?P<before>.+?) [ ._(\[-]+ (?: part[ ._]? )?
    (?P<number>\d{{1,2}}) [ ._]? (?:of|von) [ ._]? (?P<all>\d{{1,2}}) {END}
    (?P<rest>.*)
""")
#: The patterns below are strict about case, but for words of releases.
_AT_START = re.compile(rf"{_NUMBER} (?P<between>[ ._-]*) (?P<rest>.*)", re.VERBOSE)
_SEASON_DOT_NUMBER = re.compile(
    r"(?P<season>\d{1,2}) [.-] (?P<number>\d\d) (?= $ | [ ._-] ) (?P<rest>.*)", re.VERBOSE
)
_AFTER_TITLE = re.compile(
    rf"(?P<before>) [ ._-]* (?P<dash>-?) [ ._-]* {_NUMBER} (?P<rest>.*)", re.VERBOSE
)
_AFTER_DASH = verbose(rf"""
    (?P<before>.+?) [ ._]-[ ._] {_NUMBER}
    (?P<rest>
        $
      | [ ._]* [\[({{] .*
      | [ ._]-[ ._] .*
      | [ ._]+ (?: dvd | hdtv | vost\w+ | web | bd | tv | \d{{3,4}}p ) .* )
""")
_MANY_AFTER_DASH = re.compile(rf"[ ._]*-[ ._]*\d{{2,4}}(?:-\d{{2,4}})+{END}")
_TIGHT_DASH = re.compile(rf"(?P<before>.+?) - {_NUMBER} (?P<rest> $ | [ ._]*[\[(].* )", re.VERBOSE)
#: Only behind a group, as in `[Group] Pier 03 [1080p]`.
_AT_END = re.compile(rf"(?P<before>.+?) [ .] {_NUMBER} (?P<rest> $ | [ .]*[\[(].* )", re.VERBOSE)
#: A number on its own, or of an episode.
_ANY_NUMBER = verbose(rf"""
    {BEGIN} (?: s\d{{1,2}} )? (?: e | ep | \d{{1,2}}x )? (\d{{1,4}}) (?: v\d )? {END}
""")
_NUMBERS_AT_END = re.compile(r"[ .]-[ .]\d{2,4}(?:-\d{2,4})?$")
#: `Gull-Pass 3 - 01`: the first number is of the show.
_SEQUEL_AND_NUMBER = re.compile(
    r"""
    [ ._]* (?P<sequel>\d{1,2})
    (?P<rest> [ ._]+-[ ._]+ \d{2,4} (?: v\d )? (?= $ | [ ._]*[\[(] | [ ._]+- ) .* )
    """,
    re.VERBOSE,
)
_SPECIAL = verbose(rf"""
    (?P<before>.*?) {BEGIN}
    (?P<word> sp | specials? | o[vn]a | oad | ovd ) (?: [ ._-]* (?P<number>\d{{1,2}}) )?
    (?P<rest> $ | [ ._]*[\[(].* | [ ._]+-.* )
""")
_NUMBERED_SPECIALS = ("sp", "special")
#: What sets a number at the start apart: `01 - Pilot`, `02. Quay`.
_SEPARATOR = re.compile(r"[ ._]*-[ ._]+|\.[ ]+|_+")
_RELEASE_NEXT = verbose(r"\d{3,4}[pi] | hdtv | web | dvd | blu")
_STARRED = re.compile(r"★[^★]*★")
_BRACKETED = re.compile(r"\[[^\]]*\]?")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """What an episode's own name says. Without `numbers`: it is one, and nobody can tell which."""

    numbers: tuple[int, ...] = ()
    season: int | None = None
    title: str = ""
    show: str = ""


#: An episode of which no number can be told.
_UNSURE = Numbered()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known of the show before the file's name is read."""

    #: "" where no folder names one.
    show: str = ""
    #: Whether the folder surely is a show's.
    is_show: bool = False
    season: int | None = None
    #: The names of all videos in the folder.
    beside: Sequence[str] = ()

    def rest_after_show(self, stem: str) -> str | None:
        """Return what follows the show's title in a name; None where it does not begin so."""
        return titles.rest_after(stem, self.show)


def read(stem: str, context: Context) -> Numbered | None:
    """Return the number that a name without season and day holds."""
    plain = titles.without_group(stem)
    spaced = _spaced(plain)
    if numbered := _by_signs(_spaced(stem), spaced, context):
        return numbered
    if context.show:
        numbered = _in_show(spaced, context) or _behind_shared_words(spaced, context)
        if numbered:
            return numbered
    rest = context.rest_after_show(spaced)
    if rest is None:
        return _by_place(spaced, has_group=plain != stem)
    return _after_title(rest, context) if rest else None


def read_sign(stem: str, context: Context) -> Numbered | None:
    """Return the number that a word makes an episode's: `Ep 7`, `第3集`, `12. Bölüm`."""
    plain = _spaced(titles.without_group(stem))
    for pattern in (_CJK, _NUMBER_AND_WORD):
        match = pattern.fullmatch(plain)
        if not match or match["before"].endswith("["):
            continue
        if numbered := _numbered(match):
            return numbered
    match = _BY_WORD.fullmatch(plain)
    if not match or not _may_count(match, context):
        return None
    # `E576` is no picture of 576 lines.
    return _numbered(match, is_sure=True)


def is_left_over(stem: str, title: str) -> bool:
    """Return whether a title leaves out a number of the name: then several files have it."""
    name = words.before_quality(_spaced(titles.without_group(stem)))
    of_title = re.findall(r"\d+", title)
    return any(number not in of_title for number in _ANY_NUMBER.findall(name))


def is_numbered(rest: str) -> bool:
    """Return whether an episode's number follows a title with year.

    `Attack on Titan (2013) - 25 [720p]`.
    """
    if _last_bracketed(rest) or _MANY_AFTER_DASH.match(rest):
        return True
    return bool(_by_place(_spaced(f"x{rest}"), has_group=False))


def ends_numbered(title: str, rest: str) -> bool:
    """Return whether a title before a year ends in an episode's number.

    `Pier - 09 (2021) [Group]`.
    """
    return "[" in rest and bool(_NUMBERS_AT_END.search(title))


def _spaced(stem: str) -> str:
    """Return a name with spaces where one without any has dots or underscores."""
    if " " in stem.strip():
        return stem
    return re.sub(r"\.(?!\d)|(?<!\d)\.", " ", stem.replace("_", " ")).strip()


def _by_signs(whole: str, stem: str, context: Context) -> Numbered | None:
    """Return a number that words or brackets make an episode's."""
    if numbered := read_sign(stem, context):
        return numbered
    if numbered := _in_brackets(whole, context):
        return numbered
    if match := _SPECIAL.fullmatch(stem):
        return _special(match, context)
    match = _OF_ALL.fullmatch(stem)
    if match and (context.is_show or int(match["all"]) > 3):
        return _numbered(match)
    return None


def _in_brackets(whole: str, context: Context) -> Numbered | None:
    match = _last_bracketed(whole)
    if not match:
        return None
    numbered = _numbered(match, show=_show_before_brackets(match, whole))
    if numbered and _repeats_season(match, context):
        return Numbered(show=numbered.show)
    return numbered


def _special(match: re.Match[str], context: Context) -> Numbered | None:
    """Read `Pier SP1`: which special, only a folder of specials tells, and not of an OVA."""
    number = match["number"]
    if not context.show and not number:
        return None
    show, _ = _show_and_season(match["before"])
    is_told = context.season == 0 and match["word"].lower() in _NUMBERED_SPECIALS
    if number and is_told:
        return Numbered(numbers=(int(number),), season=0, show=show)
    return Numbered(show=show)


def _last_bracketed(stem: str) -> re.Match[str] | None:
    """Return the last brackets around a number alone: a year may stand before them."""
    last = None
    start = 0
    while match := _IN_BRACKETS.fullmatch(stem, start):
        if not _is_year_or_picture(int(match["number"])):
            last = match
        start = match.start("rest")
    return last


def _show_before_brackets(match: re.Match[str], whole: str) -> str:
    """Return the title before `[01]`: outside brackets, or in the last ones before it."""
    before = whole[: match.start("number")].rstrip("[ 第EPep")
    outside = _STARRED.sub(" ", titles.without_group(before))
    outside = _BRACKETED.sub(" ", outside).strip()
    if titles.letters(outside):
        return outside
    inside = [text for text in re.findall(r"\[([^\]]+)\]", before) if not _YEAR.fullmatch(text)]
    return inside[-1] if len(inside) > 1 else ""


def _may_count(match: re.Match[str], context: Context) -> bool:
    """Return whether a number behind a word is an episode's: `Star Wars Episode 4` may be a film.

    A number of one digit needs a show's folder, or a name that is no more.
    """
    if context.is_show or len(match["number"]) > 1:
        return True
    before = match["before"]
    return not titles.letters(before) or context.rest_after_show(before) == ""


def _in_show(stem: str, context: Context) -> Numbered | None:
    """Return a number at the start, which is enough where a folder tells the show."""
    if context.rest_after_show(stem) is not None:
        return None
    if match := _SEASON_DOT_NUMBER.fullmatch(stem):
        return _season_and_number(match, context)
    match = _AT_START.fullmatch(stem)
    if not match or not (context.is_show or _is_set_apart(match)):
        return None
    number = match["number"]
    if len(number) == 4 and number.startswith("0"):
        # `0102` in season 1 is S01E02, or the 102nd.
        return _UNSURE
    if _is_hundreds(match):
        return _of_hundreds(match, context)
    return _numbered(match)


def _behind_shared_words(stem: str, context: Context) -> Numbered | None:
    """Read `pr 05`, where all names in a season's folder begin so."""
    match = _AT_END.fullmatch(stem)
    if not match or not context.is_show or len(context.beside) < 2:
        return None
    others = [_AT_END.fullmatch(_spaced(name)) for name in context.beside]
    is_shared = all(other and other["before"] == match["before"] for other in others)
    if not is_shared:
        return None
    return _numbered(match, show=" ")


def _is_set_apart(match: re.Match[str]) -> bool:
    """Return whether a number stands apart: `01 - Pilot`, `02. Quay`, but not `12 Monkeys`."""
    return not match["rest"] or bool(_SEPARATOR.fullmatch(match["between"]))


def _season_and_number(match: re.Match[str], context: Context) -> Numbered | None:
    """Read `1.02`: in season 1 it is the second episode; in season 2 nobody can tell."""
    season = 1 if context.season is None else context.season
    first = int(match["season"])
    if first == season:
        return _numbered(match)
    has_dash = "-" in match[0][: match.end("number")]
    if has_dash and first < int(match["number"]):
        return _numbered(_AT_START.fullmatch(match[0]) or match)
    return _UNSURE if context.is_show else None


def _is_hundreds(match: re.Match[str]) -> bool:
    is_alone = len(match["number"]) == 3 and not match["last"]
    return is_alone and int(match["number"]) >= _HUNDRED


def _repeats_season(match: re.Match[str], context: Context) -> bool:
    """Return whether `401` in season 4 may be its first episode."""
    return len(match["number"]) == 3 and context.season == int(match["number"]) // _HUNDRED


def _of_hundreds(match: re.Match[str], context: Context) -> Numbered | None:
    """Read `103`, the third of season 1 or the 103rd: the names beside it tell, or nobody does."""
    numbers_beside = _numbers_beside(context)
    if any(number < _HUNDRED for number in numbers_beside):
        return _numbered(match)
    season, number = divmod(int(match["number"]), _HUNDRED)
    if context.season not in (season, None):
        return _numbered(match)
    seasons_beside = {beside // _HUNDRED for beside in numbers_beside} | {season}
    is_one_season = seasons_beside == {season} and number > 0
    if is_one_season and context.season == season:
        return Numbered(numbers=(number,), season=season, title=titles.title_behind(match["rest"]))
    return _UNSURE


def _numbers_beside(context: Context) -> set[int]:
    """Return the numbers at the start, or behind the show's title, of all names in the folder."""
    numbers: set[int] = set()
    for name in map(_spaced, context.beside):
        rest = context.rest_after_show(name)
        match = _AT_START.fullmatch(name) if rest is None else _AFTER_TITLE.fullmatch(rest)
        if match:
            numbers.add(int(match["number"]))
    return numbers


def _after_title(rest: str, context: Context) -> Numbered | None:
    """Read `Naruto 08`, where the show's title is Naruto."""
    season, end = seasons.at_start(rest) or (None, 0)
    rest = rest[end:]
    if sequel := _SEQUEL_AND_NUMBER.fullmatch(rest):
        if season is None and context.season != int(sequel["sequel"]):
            # It may be the season, or belong to the show's name.
            return _UNSURE
        rest = sequel["rest"]
    match = _AFTER_TITLE.fullmatch(rest)
    if not match or not (context.is_show or _is_set_apart_from_title(match)):
        return None
    if season is not None:
        return _numbered(match, season=season)
    return _after_bare_title(match, context)


def _after_bare_title(match: re.Match[str], context: Context) -> Numbered | None:
    """Read a number with no season beside it."""
    if _is_hundreds(match) and (_is_released(match) or _repeats_season(match, context)):
        return _hundreds_after_title(match, context)
    if _may_be_sequel(match, context):
        return _UNSURE
    return _numbered(match)


def _hundreds_after_title(match: re.Match[str], context: Context) -> Numbered | None:
    """Read `Naruto 103` by the names beside it; alone, or behind a dash, nobody can tell."""
    if match["dash"] or len(context.beside) < 2:
        return _UNSURE
    return _of_hundreds(match, context)


def _is_released(match: re.Match[str]) -> bool:
    """Return whether the words of a release follow a number."""
    return bool(_RELEASE_NEXT.match(match["rest"].strip(" ._")))


def _is_set_apart_from_title(match: re.Match[str]) -> bool:
    if match["dash"] or match["number"].startswith("0") or _is_released(match):
        return True
    behind = match["rest"].strip(" ._")
    return not behind or behind[0] in "-[("


def _may_be_sequel(match: re.Match[str], context: Context) -> bool:
    """Return whether `Rocky 2` in a folder `Rocky` may be a film.

    A show has more files, or numbers them `02`.
    """
    if context.is_show or len(match["number"]) > 1 or match["dash"]:
        return False
    return max(_numbers_beside(context), default=0) < _TWO_DIGITS


def _by_place(stem: str, *, has_group: bool) -> Numbered | None:
    """Read `One Piece - 1071 [1080p]`, the way anime is numbered."""
    match = _AFTER_DASH.fullmatch(stem)
    if match and (has_group or len(match["number"]) > 1):
        return _numbered(match)
    if not has_group:
        return None
    for pattern in (_AT_END, _TIGHT_DASH):
        match = pattern.fullmatch(stem)
        if match and len(match["number"]) > 1:
            return _numbered(match)
    return None


def _numbered(
    match: re.Match[str], *, show: str = "", season: int | None = None, is_sure: bool = False
) -> Numbered | None:
    parts = groups(match)
    first = seasons.cjk_number(parts["number"])
    if first is None:
        return None
    if not is_sure and _is_year_or_picture(first, parts["number"]):
        return None
    before = show or parts.get("before", "")
    show, season_beside = _show_and_season(before)
    if "half" in parts or _SPECIAL.fullmatch(before.strip(" ._-")):
        return Numbered(season=season, show=show)
    return Numbered(
        numbers=_range(first, int(parts.get("last", first))),
        season=season or season_beside,
        title=titles.title_behind(parts.get("rest", "")),
        show=show,
    )


def _range(first: int, last: int) -> tuple[int, ...]:
    is_sound = first < last < first + MOST_EPISODES
    return tuple(range(first, last + 1)) if is_sound else (first,)


def _show_and_season(before: str) -> tuple[str, int | None]:
    """Return the title before a number, and the season that stands beside it."""
    before = before.strip(" ._-[(")
    beside = seasons.beside_title(before)
    if not beside:
        return before, None
    title, season = beside
    return title.strip(" ._-[("), season


def _is_year_or_picture(number: int, written: str = "") -> bool:
    is_year = number in _YEARS and len(written) in (0, 4)
    return is_year or number in _PICTURE_LINES
