"""Folders of seasons, in the languages that people name them in."""

import re
from collections.abc import Mapping

#: A word for "season", as media servers and their users write it. Longer forms stand before shorter
#: ones.
_WORDS = (
    *(
        "season",
        "series",
        "staffel",
        "saison",
        "temporada",
        "tempada",
        "stagione",
        "seizoen",
        "reeks",
    ),
    *(
        "sezonul",
        "sezonas",
        "sezona",
        "sezóna",
        "sezon",
        "séria",
        "série",
        "řada",
        "serija",
        "évad",
    ),
    *(
        "säsong",
        "sæson",
        "sesong",
        "seasong",
        "kausi",
        "hooaeg",
        "þáttaröð",
        "denboraldia",
        "musim",
        "mùa",
    ),
    *("сезон", "сезона", "сезони", "σεζόν", "κύκλος", "עונה", "الموسم", "موسم"),
    *("シーズン", "시즌", "ซีซั่น", "ฤดูกาล", "सीज़न"),
)
_WORD = "(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")"

_NUMBER_WORDS: Mapping[str, int] = {
    word: number
    for number, words in enumerate(
        (
            (
                "one",
                "un",
                "une",
                "eins",
                "uno",
                "una",
                "um",
                "uma",
                "een",
                "first",
                "erste",
                "première",
                "premiere",
                "primera",
                "primeira",
                "prima",
                "eerste",
                "i",
            ),
            (
                "two",
                "deux",
                "zwei",
                "dos",
                "dois",
                "due",
                "twee",
                "second",
                "zweite",
                "deuxième",
                "segunda",
                "seconda",
                "tweede",
                "ii",
            ),
            (
                "three",
                "trois",
                "drei",
                "tres",
                "três",
                "tre",
                "drie",
                "third",
                "dritte",
                "troisième",
                "tercera",
                "terceira",
                "terza",
                "derde",
                "iii",
            ),
            (
                "four",
                "quatre",
                "vier",
                "cuatro",
                "quatro",
                "quattro",
                "fourth",
                "vierte",
                "quatrième",
                "cuarta",
                "quarta",
                "vierde",
                "iv",
            ),
            (
                "five",
                "cinq",
                "fünf",
                "cinco",
                "cinque",
                "vijf",
                "fifth",
                "fünfte",
                "cinquième",
                "quinta",
                "vijfde",
                "v",
            ),
            (
                "six",
                "sechs",
                "seis",
                "sei",
                "zes",
                "sixth",
                "sechste",
                "sixième",
                "sexta",
                "sesta",
                "zesde",
                "vi",
            ),
            (
                "seven",
                "sept",
                "sieben",
                "siete",
                "sete",
                "sette",
                "zeven",
                "seventh",
                "siebte",
                "septième",
                "séptima",
                "sétima",
                "settima",
                "vii",
            ),
            (
                "eight",
                "huit",
                "acht",
                "ocho",
                "oito",
                "otto",
                "eighth",
                "achte",
                "huitième",
                "octava",
                "oitava",
                "ottava",
                "viii",
            ),
            (
                "nine",
                "neuf",
                "neun",
                "nueve",
                "nove",
                "negen",
                "ninth",
                "neunte",
                "neuvième",
                "novena",
                "nona",
                "ix",
            ),
            (
                "ten",
                "dix",
                "zehn",
                "diez",
                "dez",
                "dieci",
                "tien",
                "tenth",
                "zehnte",
                "dixième",
                "décima",
                "decima",
                "x",
            ),
        ),
        start=1,
    )
    for word in words
}
_IN_WORDS = "(?:" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True)) + ")"
_ORDINAL = r"(?:\.|st|nd|rd|th|ª|º|°|a|e|er|re|ère|ème|eme|:a|:e|-й|-я|й|-ый|-ий)?"

#: `Season 1`, `Season One`, and whatever else follows but an episode.
_WORD_FIRST = re.compile(
    rf"{_WORD}[ ._-]*(?:(?P<digits>\d{{1,4}})(?!\d)|(?P<words>{_IN_WORDS})(?![^\W_]))"
    r"(?!x\d|[ ._,-]*(?:episode|ep|e|folge)[ ._-]*\d).*",
    re.IGNORECASE | re.DOTALL,
)
#: `1. Staffel`, `2nd Season`, `1ª Temporada`, `Second Season`.
_NUMBER_FIRST = re.compile(
    rf"(?:(?P<digits>\d{{1,4}}){_ORDINAL}|(?P<words>{_IN_WORDS}))[ ._-]*{_WORD}(?![^\W\d_]).*",
    re.IGNORECASE | re.DOTALL,
)
#: `S1`, `S06 1080p`, `S02 (2019)`; with a name behind it, it may be a show's own.
_SHORT = re.compile(
    r"s(?P<digits>\d{1,4})(?:$|[ ._-]*[(\[{]|[ ._]+-[ ._]"
    r"|[ ._-]+(?:\d{3,4}[pi]|(?:19|20)\d\d|web|blu|bd|dvd|hd|x26|h26)).*",
    re.IGNORECASE | re.DOTALL,
)
#: 第1季, 第二期, 1기, 2季.
_CJK = re.compile(
    r"第?[ ]*(?P<cjk>[0-9〇一二三四五六七八九十]{1,4})[ ]*(?:季|期|기|部|シリーズ|シーズン|시즌)(?!.*[集話话回화회]).*"
)
_SPECIALS = re.compile(
    r"specials?|season[ ._]specials|особое|спецвыпуски|спешлы|especiales?|especiais|spéciaux|speciali"
    r"|특별편|스페셜|特别篇|特別編|特別篇|sonderfolgen|sonderepisoden|specialer|erikoisjaksot",
    re.IGNORECASE,
)
_WITHIN = re.compile(
    r"(?<![^\W_])(?:s(?P<short>\d{1,2})(?![^\W_])"
    rf"|{_WORD}[ ._]*(?:(?P<digits>\d{{1,2}})|(?P<words>{_IN_WORDS}))(?![^\W_])"
    rf"|(?:(?P<nth>\d{{1,2}})(?:st|nd|rd|th|\.|ª|º)|(?P<nth_words>{_IN_WORDS}))[ ._]{_WORD}(?![^\W_]))"
    r"|第?(?P<cjk>[0-9〇一二三四五六七八九十]{1,3})[季期]|(?P<korean>\d{1,2})기(?!\w)",
    re.IGNORECASE,
)
_CJK_DIGITS = {sign: value for value, sign in enumerate("〇一二三四五六七八九")}
_TEN = 10


def season_of(folder: str) -> int | None:
    """Return the season that a folder's name says, and nothing else: `Season 1`, `1. Staffel`,
    `第2季`.
    """
    name = folder.strip()
    if _SPECIALS.fullmatch(name):
        return 0
    for pattern in (_WORD_FIRST, _NUMBER_FIRST, _SHORT):
        if found := pattern.fullmatch(name):
            return _number(found)
    return cjk_number(found["cjk"]) if (found := _CJK.fullmatch(name)) else None


def is_number(folder: str) -> bool:
    """Return whether a folder is called by a number or a year only, which may be a season's."""
    return bool(re.fullmatch(r"\d{1,2}|(?:19|20)\d\d", folder.strip()))


def beside_title(name: str) -> tuple[str, int] | None:
    """`Mushoku Tensei S2` → Mushoku Tensei, 2: a season named beside the show's title. The title
    may be empty.
    """
    for found in _WITHIN.finditer(name):
        if number := _number(found):
            return name[: found.start()].strip(" ._-[("), number
    return None


def at_start(text: str) -> tuple[int, int] | None:
    """` S2 - 05` → 2, and where the rest begins."""
    found = _WITHIN.match(text, len(text) - len(text.lstrip(" ._-[(")))
    number = _number(found) if found else None
    return (number, found.end()) if found and number else None


def cjk_number(text: str) -> int | None:
    """`12` and `十二` → 12."""
    if text.isdecimal():
        return int(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        values = _CJK_DIGITS.get(tens, 1), _CJK_DIGITS.get(ones, 0)
        is_sound = len(tens) <= 1 and len(ones) <= 1
        return values[0] * _TEN + values[1] if is_sound else None
    return _CJK_DIGITS.get(text)


def _number(found: re.Match[str]) -> int | None:
    groups = {name: value for name, value in found.groupdict().items() if value}
    if cjk := groups.get("cjk"):
        return cjk_number(cjk)
    if words := groups.get("words") or groups.get("nth_words"):
        return _NUMBER_WORDS[words.lower()]
    return int(next(value for name, value in groups.items() if name not in ("words", "nth_words")))
