"""Seasons, and episodes with their season: `Season 1`, `1. Staffel`, `S01E02`, `第2季第3集`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mydia_web.backends.folder.words import BEGIN, END, groups, one_of, verbose

#: A file of more episodes than this is a misread name.
MOST_EPISODES = 20

#: Words for "season", as media servers and their users write them.
_WORDS = """
    season series staffel saison temporada tempada stagione seizoen reeks
    sezonul sezonas sezona sezóna sezon séria série řada serija évad
    säsong sæson sesong seasong kausi hooaeg þáttaröð denboraldia musim mùa
    сезон сезона сезони σεζόν κύκλος עונה الموسم موسم シーズン 시즌 ซีซั่น ฤดูกาล सीज़न
"""
_NUMBERS_IN_WORDS = (
    "one un une eins uno una um uma een first erste première premiere primera primeira prima "
    "eerste i",
    "two deux zwei dos dois due twee second zweite deuxième segunda seconda tweede ii",
    "three trois drei tres três tre drie third dritte troisième tercera terceira terza derde iii",
    "four quatre vier cuatro quatro quattro fourth vierte quatrième cuarta quarta vierde iv",
    "five cinq fünf cinco cinque vijf fifth fünfte cinquième quinta vijfde v",
    "six sechs seis sei zes sixth sechste sixième sexta sesta zesde vi",
    "seven sept sieben siete sete sette zeven seventh siebte septième séptima sétima settima vii",
    "eight huit acht ocho oito otto eighth achte huitième octava oitava ottava viii",
    "nine neuf neun nueve nove negen ninth neunte neuvième novena nona ix",
    "ten dix zehn diez dez dieci tien tenth zehnte dixième décima decima x",
)
_NUMBER_WORDS: Mapping[str, int] = {
    word: number
    for number, words in enumerate(_NUMBERS_IN_WORDS, start=1)
    for word in words.split()
}


def _longest_first(words: Sequence[str]) -> str:
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"


_WORD = _longest_first(_WORDS.split())
_IN_WORDS = _longest_first(list(_NUMBER_WORDS))
_ORDINAL = r"(?:\.|st|nd|rd|th|ª|º|°|a|e|er|re|ère|ème|eme|:a|:e|-й|-я|й|-ый|-ий)?"
_CJK_NUMBER = r"[0-9〇一二三四五六七八九十]{1,4}"
_CJK_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}
_TEN = 10


def _folder(pattern: str) -> re.Pattern[str]:
    """Compile the pattern of a season's folder, behind whose number nearly anything may stand."""
    return re.compile(pattern, re.VERBOSE | re.IGNORECASE | re.DOTALL)


_FOLDERS = (
    #: `Season 1`, `Season One`, and whatever else follows but an episode.
    _folder(rf"""
        {_WORD} [ ._-]* (?: (?P<digits>\d{{1,4}}) (?!\d) | (?P<words>{_IN_WORDS}) {END} )
        (?! x\d | [ ._,-]* (?: episode | ep | e | folge ) [ ._-]* \d )
        .*
    """),
    #: `1. Staffel`, `2nd Season`, `1ª Temporada`, `Second Season`.
    _folder(rf"""
        (?: (?P<digits>\d{{1,4}}) {_ORDINAL} | (?P<words>{_IN_WORDS}) )
        [ ._-]* {_WORD} (?![^\W\d_]) .*
    """),
    #: `S1`, `S06 1080p`, `S02 (2019)`; with a name behind it, it may be a show's own.
    _folder(r"""
        s (?P<digits>\d{1,4})
        (?: $
          | [ ._-]* [(\[{]
          | [ ._]+ - [ ._]
          | [ ._-]+ (?: \d{3,4}[pi] | (?:19|20)\d\d | web | blu | bd | dvd | hd | x26 | h26 ) )
        .*
    """),
    #: `第1季`, `第二期`, `1기`, `2季`.
    re.compile(
        rf"""
        第?[ ]* (?P<cjk>{_CJK_NUMBER}) [ ]* (?: 季 | 期 | 기 | 部 | シリーズ | シーズン | 시즌 )
        (?! .* [集話话回화회] )
        .*
        """,
        re.VERBOSE,
    ),
)
_SPECIALS = verbose(r"""
    specials? | season[ ._]specials | особое | спецвыпуски | спешлы | especiales? | especiais
  | spéciaux | speciali | 특별편 | 스페셜 | 特别篇 | 特別編 | 特別篇 | sonderfolgen
  | sonderepisoden | specialer | erikoisjaksot
""")
_WITHIN = verbose(rf"""
    {BEGIN} s (?P<digits>\d{{1,2}}) {END}
  | {BEGIN} {_WORD} [ ._]* (?: (?P<digits_2>\d{{1,2}}) | (?P<words>{_IN_WORDS}) ) {END}
  | {BEGIN} (?: (?P<digits_3>\d{{1,2}}) (?: st | nd | rd | th | \. | ª | º )
              | (?P<words_2>{_IN_WORDS}) )
    [ ._] {_WORD} {END}
  | 第? (?P<cjk>[0-9〇一二三四五六七八九十]{{1,3}}) [季期]
  | (?P<digits_4>\d{{1,2}}) 기 (?!\w)
""")
_NUMBER_OR_YEAR = re.compile(r"\d{1,2}|(?:19|20)\d\d")


def season_of(folder: str) -> int | None:
    """Return the season that is all a folder's name says: `Season 1`, `1. Staffel`, `第2季`."""
    name = folder.strip()
    if _SPECIALS.fullmatch(name):
        return 0
    for pattern in _FOLDERS:
        if match := pattern.fullmatch(name):
            return _number(match)
    return None


def is_number(folder: str) -> bool:
    """Return whether a folder is called by a number or a year, which may be a season's."""
    return bool(_NUMBER_OR_YEAR.fullmatch(folder.strip()))


def beside_title(name: str) -> tuple[str, int] | None:
    """Return a show's title, which may be empty, and the season named beside it.

    `Mushoku Tensei S2` → Mushoku Tensei, 2.
    """
    for match in _WITHIN.finditer(name):
        if number := _number(match):
            return name[: match.start()].strip(" ._-[("), number
    return None


def at_start(text: str) -> tuple[int, int] | None:
    """Return the season a text begins with, and where the rest begins: ` S2 - 05` → 2."""
    start = len(text) - len(text.lstrip(" ._-[("))
    match = _WITHIN.match(text, start)
    number = _number(match) if match else None
    if not match or not number:
        return None
    return number, match.end()


def cjk_number(text: str) -> int | None:
    """Return a number in digits or in East Asian signs: `12` and `十二` → 12."""
    if text.isdecimal():
        return int(text)
    if "十" not in text:
        return _CJK_DIGITS.get(text)
    tens, _, ones = text.partition("十")
    if len(tens) > 1 or len(ones) > 1:
        return None
    return _CJK_DIGITS.get(tens, 1) * _TEN + _CJK_DIGITS.get(ones, 0)


def _number(match: re.Match[str]) -> int | None:
    parts = groups(match)
    if "cjk" in parts:
        return cjk_number(parts["cjk"])
    if "words" in parts:
        return _NUMBER_WORDS[parts["words"].lower()]
    return int(parts["digits"])


_EPISODE_WORD = one_of(r"""
    episodes? épisode episodio episódio epizod episod jakso folge aflevering afl\.? avsnitt afsnit
    capitulo capítulo cap серия эпизод ep e
""")
_SEASON_WORD = one_of(r"""
    season se\.? series staffel saison temporada stagione seizoen sezon sezonul säsong sæson sesong
    kausi сезон
""")
_MARK = verbose(rf"""
    # S01E02, s1.ep2, S01 - E02, S01xE02, S01x02
    {BEGIN} s (?P<season>\d{{1,4}}) (?: [ ._]{{0,2}} | [ ._]?-[ ._]? )
    (?: x?ep? (?:isode)? [ ._]? | x ) (?P<number>\d{{1,5}}) (?!\d)
    # zoos01e11
  | (?<=[a-z]) s (?P<season_2>\d\d) e (?P<number_2>\d\d) (?![^\W_e])
    # 1x02, 2019x03
  | {BEGIN} (?P<season_3> \d{{1,2}} | (?:19|20)\d\d ) (?P<x>x) (?!26[45])
    (?P<number_3>\d{{1,3}}) (?!\d)
    # Season 1 Episode 2
  | {BEGIN} {_SEASON_WORD} [ ._-]* (?P<season_4>\d{{1,4}}) [ ._,-]*
    {_EPISODE_WORD} [ ._-]* (?P<number_4>\d{{1,5}}) (?!\d)
    # 1 сезон 2 серия
  | {BEGIN} (?P<season_5>\d{{1,3}}) [. _-]* {_SEASON_WORD} [ ._,-]*
    (?P<number_5>\d{{1,4}}) [ ._-]* {_EPISODE_WORD} {END}
    # T01E02, Cap.201
  | {BEGIN} t (?P<season_6>\d{{1,2}}) [ ._]? (?:e|cap) (?P<number_6>\d{{2,3}}) {END}
  | {BEGIN} cap\.?[ ]? (?P<season_7>\d{{1,2}}) (?P<number_7>\d\d) {END}
    # 第2季第3集
  | 第? (?P<season_8>{_CJK_NUMBER}) [季期部기] [ ._-]*
    第? (?P<number_8>{_CJK_NUMBER}) [集話话回화회]
""")
#: `S01E13.5`: one of the specials, whose number nobody else knows.
_HALF = re.compile(r"\. (?: [1-9] (?= $ | [ \[(] | v\d ) | 5 (?=[._-]) )", re.VERBOSE)
#: 1920x804 is the size of a picture.
_PICTURE = re.compile(r"(?:1[89]\d\d|20[0-5]\d)x(?:[4-9]\d\d)(?!\d)")

_JOINT = r"(?P<joint> [ ._]* [-–~+&_,] [ ._]* | [ ._]* )"
#: A further number of the same season.
_FURTHER = (
    #: The season again: `-S01E03`, ` - 1x03`, `.1x03`.
    verbose(rf"""
        {_JOINT} (?: s (?P<season>\d{{1,4}}) [ ._]?x?ep? | (?P<season_2>\d{{1,4}}) x )
        (?P<number>\d{{1,5}}) {END}
    """),
    verbose(rf"{_JOINT} e (?: p[ ._]? )? (?P<number>\d{{1,5}}) (?!\d)"),
    verbose(rf"{_JOINT} x (?!26[45]) (?P<number>\d{{1,3}}) (?!\d)"),
)
#: A bare number close behind: `-03`, but not `-1080p`, `-24 Hours` or `-3D`.
_BARE = re.compile(rf"(?P<joint>[-–~+&_])(?P<number>\d{{1,5}}){END}")
_BARE_APART = re.compile(rf"(?P<joint>[ ]~[ ])(?P<number>\d{{1,5}}){END}")
#: `-12 Angry Men` and `-11-59` are titles, unless the number is the next one.
_TITLE_NEXT = re.compile(rf"[ ]+[^\W\d_]|-\d{{1,5}}{END}")
_RANGE = re.compile(r"[-–~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Season and episodes that a name says beyond doubt, and where in it."""

    season: int
    numbers: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Further:
    number: int
    joint: str
    end: int


def find_mark(stem: str, *, in_show: bool = False) -> Mark | None:
    """Return the first mark of a name. `in_show`: in a show's folder `1x2` is a mark too."""
    for match in _MARK.finditer(stem):
        if mark := _mark(stem, match, in_show=in_show):
            return mark
    return None


def _mark(stem: str, match: re.Match[str], *, in_show: bool) -> Mark | None:
    parts = groups(match)
    season = cjk_number(parts["season"])
    first = cjk_number(parts["number"])
    if season is None or first is None or _PICTURE.match(stem, match.start()):
        return None
    is_short = "x" in parts and len(parts["number"]) == 1
    if is_short and not in_show and not _is_set_apart(stem, match):
        return None
    if _HALF.match(stem, match.end()):
        return Mark(season=season, numbers=(), start=match.start(), end=match.end() + 2)
    further = _all_further(stem, match.end(), season, parts["number"])
    return Mark(
        season=season,
        numbers=_numbers(first, further),
        start=match.start(),
        end=further[-1].end if further else match.end(),
    )


def _is_set_apart(stem: str, match: re.Match[str]) -> bool:
    """Return whether a short `7x6` stands between dashes or brackets, or is all there is."""
    before = stem[: match.start()].strip(" ._")
    behind = stem[match.end() :].strip(" ._")
    return before[-1:] in ("", "-", "[") and behind[:1] in ("", "-", "]")


def _all_further(stem: str, start: int, season: int, first: str) -> list[_Further]:
    """Return the further numbers of the same season that follow."""
    numbers: list[_Further] = []
    last = first
    while further := _next(stem, start, season, last):
        numbers.append(further)
        start = further.end
        last = str(further.number).zfill(len(first))
    return numbers


def _next(stem: str, start: int, season: int, last: str) -> _Further | None:
    for pattern in _FURTHER:
        if match := pattern.match(stem, start):
            named_season = groups(match).get("season")
            is_same_season = named_season is None or int(named_season) == season
            return _further(match) if is_same_season else None
    bare = _BARE.match(stem, start) or _BARE_APART.match(stem, start)
    if bare is None or not _continues(bare, last, stem[bare.end() :]):
        return None
    return _further(bare)


def _further(match: re.Match[str]) -> _Further:
    return _Further(int(match["number"]), match["joint"], match.end())


def _continues(bare: re.Match[str], last: str, behind: str) -> bool:
    """Return whether a bare number is a further episode and not a title.

    It is larger than the one before, and written like it.
    """
    number = int(bare["number"])
    before = int(last)
    if bare["joint"] in "_&+" or _TITLE_NEXT.match(behind):
        return number == before + 1
    is_alike = len(bare["number"]) >= len(last)
    is_at_end = not behind.strip() or behind.startswith((" - ", ".", " [", " ("))
    return before < number <= before + MOST_EPISODES and (is_alike or is_at_end)


def _numbers(first: int, further: Sequence[_Further]) -> tuple[int, ...]:
    """Return the numbers of a mark: `01-03` is a range, and several are those that are named."""
    if len(further) == 1 and _RANGE.search(further[0].joint):
        last = further[0].number
        is_sound = first < last < first + MOST_EPISODES
        return tuple(range(first, last + 1)) if is_sound else (first,)
    named = (first, *(number.number for number in further))
    return tuple(dict.fromkeys(named)) if len(named) <= MOST_EPISODES else (first,)
