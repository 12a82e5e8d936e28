"""Season and episode said beyond doubt: `S01E02`, `1x02`, `2019x03`, `Season 1 Episode 2`,
`第2季第3集`.
"""

import re
from dataclasses import dataclass

from mydia_web.backends.folder import seasons

#: A file of more episodes than this is a misread name.
MOST_EPISODES = 20

_EPISODE_WORD = (
    r"(?:episodes?|épisode|episodio|episódio|epizod|episod|jakso|folge|aflevering|afl\.?|avsnitt|afsnit"
    r"|capitulo|capítulo|cap|серия|эпизод|ep|e)"
)
_SEASON_WORD = (
    r"(?:season|se\.?|series|staffel|saison|temporada|stagione|seizoen|sezon|sezonul|säsong|sæson|sesong"
    r"|kausi|сезон)"
)
_CJK_NUMBER = r"[0-9〇一二三四五六七八九十]{1,4}"
_ALONE, _ENDS = r"(?<![^\W_])", r"(?![^\W_])"
_FIRST = re.compile(
    "|".join(
        (
            #: S01E02, s1.ep2, S01 - E02, S01xE02, S01x02
            rf"{_ALONE}s(?P<season>\d{{1,4}})(?:[ ._]{{0,2}}|[ ._]?-[ ._]?)"
            r"(?:(?P<how>x?e)p?(?:isode)?[ ._]?|x)(?P<number>\d{1,5})(?!\d)",
            #: zoos01e11
            r"(?<=[a-z])s(?P<season_2>\d\d)e(?P<number_2>\d\d)(?![^\W_e])",
            #: 1x02, 2019x03
            rf"{_ALONE}(?P<season_3>\d{{1,2}}|(?:19|20)\d\d)(?P<x>x)(?!26[45])(?P<number_3>\d{{1,3}})(?!\d)",
            #: Season 1 Episode 2
            rf"{_ALONE}{_SEASON_WORD}[ ._-]*(?P<season_4>\d{{1,4}})[ ._,-]*"
            rf"{_EPISODE_WORD}[ ._-]*(?P<number_4>\d{{1,5}})(?!\d)",
            #: 1 сезон 2 серия
            rf"{_ALONE}(?P<season_5>\d{{1,3}})[. _-]*{_SEASON_WORD}[ ._,-]*"
            rf"(?P<number_5>\d{{1,4}})[ ._-]*{_EPISODE_WORD}{_ENDS}",
            #: T01E02, Cap.201
            rf"{_ALONE}t(?P<season_6>\d{{1,2}})[ ._]?(?:e|cap)(?P<number_6>\d{{2,3}}){_ENDS}",
            rf"{_ALONE}cap\.?[ ]?(?P<season_7>\d{{1,2}})(?P<number_7>\d\d){_ENDS}",
            #: 第2季第3集
            rf"第?(?P<season_8>{_CJK_NUMBER})[季期部기][ ._-]*第?(?P<number_8>{_CJK_NUMBER})[集話话回화회]",
        )
    ),
    re.IGNORECASE,
)
#: `S01E13.5`: one of the specials, whose number nobody else knows.
_HALF = re.compile(r"\.(?:[1-9](?=$|[ \[(]|v\d)|5(?=[._-]))")
#: 1920x804 is the size of a picture.
_PICTURE = re.compile(r"(?:1[89]\d\d|20[0-5]\d)x(?:[4-9]\d\d)(?!\d)")

_JOINT = r"(?P<joint>[ ._]*[-–~+&_,][ ._]*|[ ._]*)"
_MORE = (
    #: The season again: `-S01E03`, ` - 1x03`, `.1x03`.
    re.compile(
        rf"{_JOINT}(?:s(?P<season>\d{{1,4}})[ ._]?x?ep?|(?P<season_2>\d{{1,4}})x)(?P<number>\d{{1,5}})(?![^\W_])",
        re.IGNORECASE,
    ),
    re.compile(rf"{_JOINT}e(?:p[ ._]?)?(?P<number>\d{{1,5}})(?!\d)", re.IGNORECASE),
    re.compile(rf"{_JOINT}x(?!26[45])(?P<number>\d{{1,3}})(?!\d)", re.IGNORECASE),
)
#: A bare number close behind: `-03`, but not `-1080p`, `-24 Hours` or `-3D`.
_BARE = re.compile(r"(?P<joint>[-–~+&_])(?P<number>\d{1,5})(?![^\W_])")
_BARE_APART = re.compile(r"(?P<joint>[ ]~[ ])(?P<number>\d{1,5})(?![^\W_])")
#: `-12 Angry Men` and `-11-59` are titles, unless the number is the next one.
_WORD_NEXT = re.compile(r"[ ]+[^\W\d_]")
_NUMBER_NEXT = re.compile(r"-\d{1,5}(?![^\W_])")
_RANGE = re.compile(r"[-–~]")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a name says of season and episodes, and where in it."""

    season: int
    numbers: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Further:
    number: int
    joint: str
    end: int


def find(stem: str, *, in_show: bool = False) -> Mark | None:
    """Return the first mark of a name. `in_show`: it lies in a show's folder, where `1x2` is a mark
    too.
    """
    for found in _FIRST.finditer(stem):
        if mark := _mark(stem, found, in_show=in_show):
            return mark
    return None


def _mark(stem: str, found: re.Match[str], *, in_show: bool) -> Mark | None:
    groups = {name.partition("_")[0]: value for name, value in found.groupdict().items() if value}
    season, first = seasons.cjk_number(groups["season"]), seasons.cjk_number(groups["number"])
    if season is None or first is None or _PICTURE.match(stem, found.start()):
        return None
    if "x" in groups and len(groups["number"]) == 1 and not (in_show or _stands_alone(stem, found)):
        return None
    if _HALF.match(stem, found.end()):
        return Mark(season, (), found.start(), found.end() + 2)
    further = _further(stem, found.end(), season, groups["number"])
    end = further[-1].end if further else found.end()
    return Mark(season, _numbers(first, further), found.start(), end)


def _stands_alone(stem: str, found: re.Match[str]) -> bool:
    """Whether a short `7x6` is set apart by dashes or brackets, or is all there is."""
    before, after = stem[: found.start()].strip(" ._"), stem[found.end() :].strip(" ._")
    return before[-1:] in ("", "-", "[") and after[:1] in ("", "-", "]")


def _further(stem: str, at: int, season: int, first: str) -> list[_Further]:
    """Return what follows as further numbers of the same season."""
    found: list[_Further] = []
    last = first
    while one := _next(stem, at, season, last):
        found.append(one)
        at, last = one.end, str(one.number).zfill(len(first))
    return found


def _next(stem: str, at: int, season: int, last: str) -> _Further | None:
    for pattern in _MORE:
        more = pattern.match(stem, at)
        if more is None:
            continue
        groups = more.groupdict()
        again = groups.get("season") or groups.get("season_2")
        if again is not None and int(again) != season:
            return None
        return _Further(int(more["number"]), more["joint"], more.end())
    bare = _BARE.match(stem, at) or _BARE_APART.match(stem, at)
    if bare is None or not _continues(bare, last, stem):
        return None
    return _Further(int(bare["number"]), bare["joint"], bare.end())


def _continues(bare: re.Match[str], last: str, stem: str) -> bool:
    """Whether a bare number is a further episode and not a title: larger, and written like the one
    before.
    """
    number, before = int(bare["number"]), int(last)
    behind = stem[bare.end() :]
    is_title = _WORD_NEXT.match(behind) or _NUMBER_NEXT.match(behind)
    if bare["joint"] in "_&+" or is_title:
        return number == before + 1
    is_alike = len(bare["number"]) >= len(last)
    is_at_end = not stem[bare.end() :].strip() or stem[bare.end() :].startswith(
        (" - ", ".", " [", " (")
    )
    return before < number <= before + MOST_EPISODES and (is_alike or is_at_end)


def _numbers(first: int, further: list[_Further]) -> tuple[int, ...]:
    """`01-03` is a range; several numbers are those that are named."""
    if len(further) == 1 and _RANGE.search(further[0].joint):
        last = further[0].number
        is_sound = first < last < first + MOST_EPISODES
        return tuple(range(first, last + 1)) if is_sound else (first,)
    named = (first, *(one.number for one in further))
    return tuple(dict.fromkeys(named)) if len(named) <= MOST_EPISODES else (first,)
