"""Episode numbers without a season: `01 - Pilot`, `[Group] Pier - 13`, `Pier [01]`, `第3集`, `Ep 7`.

Only where no film is called so. A number that could be two things is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mydia_web.backends.folder import convention, seasons, words

_PICTURE_LINES = {480, 540, 576, 720, 1080, 1440, 2160, 4320}
_FIRST_YEAR, _LAST_YEAR = 1900, 2039
_CJK_NUMBER = r"[0-9〇一二三四五六七八九十百]{1,4}"

#: The number, a range of them, half of one, the version of its file.
_NUMBER = (
    r"(?P<number>\d{1,4})"
    r"(?:[-~–](?:EP?)?(?P<last>\d{1,4})(?!\d)|[ ][~][ ](?P<last_apart>\d{1,4})(?!\d)|\.(?P<half>\d)(?!\d))?"
    r"(?:[ ]?v\d)?(?:[ ]?(?:END|FINAL|完))?(?=$|[ ._\[\](){}-])"
)
_WORD = (
    r"(?:episodes?|épisode|episodio|episódio|epizod|episod|jakso|folge|aflevering|avsnitt|afsnit|capitulo|capítulo"
    r"|серия|эпизод|bölüm|ตอนที่|tập|الحلقة|פרק|επεισόδιο|eps?|#)"
)
_CJK = re.compile(
    r"(?P<before>.*?)(?:"
    rf"[第제][ ]?(?P<number>{_CJK_NUMBER})(?:\.(?P<half>\d))?(?:[-~](?P<last>\d{{1,4}}))?[ ]?[話话集回화회]"
    r"|(?<![0-9])(?P<number_2>\d{1,4})(?:\.(?P<half_2>\d))?(?:[-~](?P<last_2>\d{1,4}))?[ ]?[話话集화회]"
    r")(?P<rest>.*)"
)
_IN_BRACKETS = re.compile(
    r"(?P<before>.*?)[\[{](?:第|EP?[ ._]?)?(?P<number>\d{1,4})(?:[-~](?P<last>\d{1,4})|\.(?P<half>\d))?"
    r"(?:[ _]?v\d|[ _]?(?:END|Fin|FINAL)|完|话|話|集)*[\]}](?P<rest>.*)",
    re.IGNORECASE,
)
_BY_WORD = re.compile(
    rf"(?P<before>.*?)(?:(?<![^\W_]){_WORD}[ ._-]*|(?<![^\W_])e(?=\d\d)){_NUMBER}(?P<rest>.*)",
    re.IGNORECASE,
)
_NUMBER_AND_WORD = re.compile(
    r"(?P<before>.*?)(?<![^\W_])(?P<number>\d{1,4})[ ._-]*"
    r"(?:серия|эпизод|bölüm|bolum|blm|rész|epizod|díl)(?![^\W_])(?P<rest>.*)",
    re.IGNORECASE,
)
_OF_ALL = re.compile(
    r"(?P<before>.+?)[ ._(\[-]+(?:part[ ._]?)?"
    r"(?P<number>\d{1,2})[ ._]?(?:of|von)[ ._]?(?P<all>\d{1,2})(?![^\W_])(?P<rest>.*)",
    re.IGNORECASE,
)
_AT_START = re.compile(rf"{_NUMBER}(?P<between>[ ._-]*)(?P<rest>.*)")
_SEASON_DOT_NUMBER = re.compile(r"(?P<season>\d{1,2})[.-](?P<number>\d\d)(?=$|[ ._-])(?P<rest>.*)")
_AFTER_TITLE = re.compile(rf"(?P<before>)[ ._-]*(?P<dash>-?)[ ._-]*{_NUMBER}(?P<rest>.*)")
_AFTER_DASH = re.compile(
    rf"(?P<before>.+?)[ ._]-[ ._]{_NUMBER}"
    r"(?P<rest>$|[ ._]*[\[({].*|[ ._]-[ ._].*|[ ._]+(?:dvd|hdtv|vost\w+|web|bd|tv|\d{3,4}p).*)",
    re.IGNORECASE,
)
_MANY_AFTER_DASH = re.compile(r"[ ._]*-[ ._]*\d{2,4}(?:-\d{2,4})+(?![^\W_])")
_TIGHT_DASH = re.compile(rf"(?P<before>.+?)-{_NUMBER}(?P<rest>$|[ ._]*[\[(].*)")
#: Only behind a group, as in `[Group] Pier 03 [1080p]`.
_AT_END = re.compile(rf"(?P<before>.+?)[ .]{_NUMBER}(?P<rest>$|[ .]*[\[(].*)")
#: A number on its own, or of an episode.
_A_NUMBER = re.compile(
    r"(?<![^\W_])(?:s\d{1,2})?(?:e|ep|\d{1,2}x)?(\d{1,4})(?:v\d)?(?![^\W_])", re.IGNORECASE
)
#: `Gull-Pass 3 - 01`: the first number is of the show.
_SEQUEL_AND_NUMBER = re.compile(
    r"[ ._]*(?P<sequel>\d{1,2})(?P<rest>[ ._]+-[ ._]+\d{2,4}(?:v\d)?(?=$|[ ._]*[\[(]|[ ._]+-).*)"
)
_SPECIAL = re.compile(
    r"(?P<before>.*?)(?<![^\W_])(?P<word>sp|specials?|o[vn]a|oad|ovd)(?:[ ._-]*(?P<number>\d{1,2}))?"
    r"(?P<rest>$|[ ._]*[\[(].*|[ ._]+-.*)",
    re.IGNORECASE,
)
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Numbered:
    """What an episode's own name says. Without `numbers`: it is one, and nobody can tell which."""

    numbers: tuple[int, ...]
    season: int | None = None
    title: str = ""
    show: str = ""


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


def read(stem: str, context: Context) -> Numbered | None:
    """Return the number that a name without season and day holds."""
    plain = convention.without_group(stem)
    spaced = _spaced(plain)
    found = _by_signs(_spaced(stem), spaced, context)
    if found is None and context.show:
        found = _in_show(spaced, context) or _behind_shared_words(spaced, context)
    if found is None and (rest := _rest(spaced, context)) is None:
        found = _by_place(spaced, has_group=plain != stem)
    elif found is None and rest:
        found = _after_title(rest, context)
    return found


def read_sign(stem: str, context: Context) -> Numbered | None:
    """Return the number that a word makes an episode's: `Ep 7`, `第3集`, `12. Bölüm`."""
    plain = _spaced(convention.without_group(stem))
    for pattern in (_CJK, _NUMBER_AND_WORD):
        found = pattern.fullmatch(plain)
        if found and not found["before"].endswith("[") and (numbered := _numbered(found)):
            return numbered
    found = _BY_WORD.fullmatch(plain)
    # `E576` is no picture of 576 lines.
    return _numbered(found, is_sure=True) if found and _may_count(found, context) else None


def is_left_over(stem: str, title: str) -> bool:
    """Whether a title leaves out a number of the name: then it is that of several files."""
    name = words.before_quality(_spaced(convention.without_group(stem)))
    of_title = re.findall(r"\d+", title)
    return any(number not in of_title for number in _A_NUMBER.findall(name))


def is_numbered(rest: str) -> bool:
    """Whether an episode's number follows a title with year: `Attack on Titan (2013) - 25 [720p]`."""
    text = _spaced(f"x{rest}")
    return bool(
        _bracketed(rest) or _MANY_AFTER_DASH.match(rest) or _by_place(text, has_group=False)
    )


def ends_numbered(title: str, rest: str) -> bool:
    """Whether a title with the year behind it ends in an episode's number: `Pier - 09 (2021)
    [Group]`.
    """
    return "[" in rest and bool(re.search(r"[ .]-[ .]\d{2,4}(?:-\d{2,4})?$", title))


def _spaced(stem: str) -> str:
    """Spaces where a name without any has dots or underscores for them."""
    if " " in stem.strip():
        return stem
    return re.sub(r"\.(?!\d)|(?<!\d)\.", " ", stem.replace("_", " ")).strip()


def _rest(stem: str, context: Context) -> str | None:
    return convention.rest_after(stem, context.show) if context.show else None


def _by_signs(whole: str, stem: str, context: Context) -> Numbered | None:
    """A number that words or brackets make an episode's."""
    if numbered := read_sign(stem, context):
        return numbered
    if (found := _bracketed(whole)) and (
        numbered := _numbered(found, show=_show_in_brackets(found, whole))
    ):
        return Numbered((), show=numbered.show) if _repeats_season(found, context) else numbered
    if found := _SPECIAL.fullmatch(stem):
        return _special(found, context)
    if (found := _OF_ALL.fullmatch(stem)) and (context.is_show or int(found["all"]) > 3):
        return _numbered(found)
    return None


def _special(found: re.Match[str], context: Context) -> Numbered | None:
    """`Pier SP1` is a special; which one, only a folder of specials tells, and not of an OVA."""
    if not (context.show or found["number"]):
        return None
    if context.season == 0 and found["number"] and found["word"].lower() in ("sp", "special"):
        return Numbered((int(found["number"]),), 0, "", _show_of(found["before"])[0])
    return Numbered((), None, "", _show_of(found["before"])[0])


def _bracketed(stem: str) -> re.Match[str] | None:
    """The last brackets that hold nothing but a number, for a year may stand before it."""
    at = 0
    best = None
    while found := _IN_BRACKETS.fullmatch(stem, at):
        if not _is_year_or_picture(int(found["number"])):
            best = found
        at = found.start("rest")
    return best


def _show_in_brackets(found: re.Match[str], whole: str) -> str:
    """The title before `[01]`: outside brackets, or in the last ones before it."""
    before = whole[: found.start("number")].rstrip("[ 第EPep")
    outside = re.sub(r"★[^★]*★", " ", convention.without_group(before))
    outside = re.sub(r"\[[^\]]*\]?", " ", outside).strip()
    if convention.letters(outside):
        return outside
    held = [
        text
        for text in re.findall(r"\[([^\]]+)\]", before)
        if not re.fullmatch(r"(?:19|20)\d\d", text)
    ]
    return held[-1] if len(held) > 1 else ""


def _may_count(found: re.Match[str], context: Context) -> bool:
    """`Star Wars Episode 4` may be a film: a number of one digit needs a show's folder, or a name
    that is no more.
    """
    is_more = len(found["number"]) > 1 or context.is_show
    return bool(
        is_more or not convention.letters(found["before"]) or _rest(found["before"], context) == ""
    )


def _in_show(stem: str, context: Context) -> Numbered | None:
    """A number at the start: enough where a folder tells the show."""
    if _rest(stem, context) is not None:
        return None
    if found := _SEASON_DOT_NUMBER.fullmatch(stem):
        return _season_and_number(found, context)
    found = _AT_START.fullmatch(stem)
    if not found or not (context.is_show or _is_set_apart(found)):
        return None
    if len(found["number"]) == 4 and found["number"].startswith("0"):
        # `0102` in season 1 is S01E02, or the 102nd.
        return Numbered(())
    if _is_hundreds(found):
        return _of_hundreds(found, context)
    return _numbered(found)


def _behind_shared_words(stem: str, context: Context) -> Numbered | None:
    """`pr 05`, where all names in a season's folder begin so."""
    found = _AT_END.fullmatch(stem)
    if not found or not context.is_show or len(context.beside) < 2:
        return None
    others = [_AT_END.fullmatch(_spaced(name)) for name in context.beside]
    is_shared = all(other and other["before"] == found["before"] for other in others)
    return _numbered(found, show=" ") if is_shared else None


def _is_set_apart(found: re.Match[str]) -> bool:
    """`01`, `01 - Pilot` and `02. Quay`, but not `12 Monkeys`."""
    return not found["rest"] or bool(re.fullmatch(r"[ ._]*-[ ._]+|\.[ ]+|_+", found["between"]))


def _season_and_number(found: re.Match[str], context: Context) -> Numbered | None:
    """`1.02` in season 1 is its second episode; in season 2 nobody can tell."""
    season = context.season if context.season is not None else 1
    if int(found["season"]) == season:
        return _numbered(found)
    is_range = "-" in found[0][: found.end("number")] and int(found["season"]) < int(
        found["number"]
    )
    if is_range:
        return _numbered(_AT_START.fullmatch(found[0]) or found)
    return Numbered(()) if context.is_show else None


def _is_hundreds(found: re.Match[str]) -> bool:
    return len(found["number"]) == 3 and not found["last"] and int(found["number"]) >= _HUNDRED


def _repeats_season(found: re.Match[str], context: Context) -> bool:
    """Whether `401` in season 4 may be its first episode."""
    return len(found["number"]) == 3 and context.season == int(found["number"]) // _HUNDRED


def _of_hundreds(found: re.Match[str], context: Context) -> Numbered | None:
    """`103` is the third of season 1, or the 103rd: the names beside it tell, or nobody does."""
    all_numbers = _numbers_beside(context)
    if any(number < _HUNDRED for number in all_numbers):
        return _numbered(found)
    number = int(found["number"])
    season, within = divmod(number, _HUNDRED)
    seasons_beside = {one // _HUNDRED for one in all_numbers} | {season}
    if context.season in (season, None) and seasons_beside == {season} and within:
        is_told = context.season == season
        return Numbered((within,), season, _title(found["rest"])) if is_told else Numbered(())
    return _numbered(found) if context.season not in (season, None) else Numbered(())


def _numbers_beside(context: Context) -> set[int]:
    """The numbers at the start, or behind the show's title, of all names in the folder."""
    found: set[int] = set()
    for name in map(_spaced, context.beside):
        rest = _rest(name, context)
        one = _AT_START.fullmatch(name) if rest is None else _AFTER_TITLE.fullmatch(rest)
        found |= {int(one["number"])} if one else set()
    return found


def _after_title(rest: str, context: Context) -> Numbered | None:
    """`Naruto 08`, where the show's title is Naruto."""
    season, end = seasons.at_start(rest) or (None, 0)
    sequel = _SEQUEL_AND_NUMBER.fullmatch(rest[end:])
    found = _AFTER_TITLE.fullmatch(sequel["rest"] if sequel else rest[end:])
    if not found:
        return None
    if sequel and season is None and context.season != int(sequel["sequel"]):
        return Numbered(())  # It may be the season, or belong to the show's name.
    behind = found["rest"].strip(" ._")
    is_set_apart = (
        found["dash"] or not behind or behind[0] in "-[(" or found["number"].startswith("0")
    )
    is_scene = bool(re.match(r"\d{3,4}[pi]|(?:hdtv|web|dvd|blu)", behind, re.IGNORECASE))
    if not (context.is_show or is_set_apart or is_scene):
        return None
    if season is None and _is_hundreds(found) and (is_scene or _repeats_season(found, context)):
        is_sure = not found["dash"] and len(context.beside) > 1
        return _of_hundreds(found, context) if is_sure else Numbered(())
    if _may_be_sequel(found, context):
        return Numbered(()) if season is None else _numbered(found, season=season)
    return _numbered(found, season=season)


def _may_be_sequel(found: re.Match[str], context: Context) -> bool:
    """`Rocky 2` in a folder `Rocky` may be a film; a show has more files, or numbers them `02`."""
    if context.is_show or len(found["number"]) > 1 or found["dash"]:
        return False
    return max(_numbers_beside(context), default=0) < 10


def _by_place(stem: str, *, has_group: bool) -> Numbered | None:
    """`One Piece - 1071 [1080p]`: the way anime is numbered."""
    patterns = [_AFTER_DASH, _AT_END, _TIGHT_DASH] if has_group else [_AFTER_DASH]
    for pattern in patterns:
        found = pattern.fullmatch(stem)
        if found and (len(found["number"]) > 1 or (has_group and pattern is _AFTER_DASH)):
            return _numbered(found)
    return None


def _numbered(
    found: re.Match[str], *, show: str = "", season: int | None = None, is_sure: bool = False
) -> Numbered | None:
    groups = {name.partition("_")[0]: value for name, value in found.groupdict().items() if value}
    first = seasons.cjk_number(groups["number"])
    if first is None or (not is_sure and _is_year_or_picture(first, groups["number"])):
        return None
    before = show or groups.get("before", "")
    if "half" in groups or _SPECIAL.fullmatch(before.strip(" ._-")):
        return Numbered((), season, "", _show_of(before)[0])
    last = int(groups["last"]) if "last" in groups else first
    is_range = first < last < first + 20
    numbers = tuple(range(first, last + 1)) if is_range else (first,)
    title, told_season = _show_of(before)
    return Numbered(numbers, season or told_season, _title(groups.get("rest", "")), title)


def _show_of(before: str) -> tuple[str, int | None]:
    """The title before a number, and the season that stands beside it."""
    before = before.strip(" ._-[(")
    if beside := seasons.beside_title(before):
        return beside[0].strip(" ._-[("), beside[1]
    return before, None


def _is_year_or_picture(number: int, written: str = "") -> bool:
    is_year = _FIRST_YEAR <= number <= _LAST_YEAR and len(written) in (0, 4)
    return is_year or number in _PICTURE_LINES


def _title(rest: str) -> str:
    """The episode's title, where nothing of a release is in it."""
    rest = rest.strip(" ._-")
    return "" if words.RELEASE.search(rest) else convention.neat(rest)
