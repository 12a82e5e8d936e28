"""Which files and folders are extras of a film or show, in one table: trailers, scenes, openings
without credits.
"""

import re
from collections.abc import Sequence

from mydia_web.backends.folder import convention, marks, seasons

_FOLDER = re.compile(
    r"behind[ ._-]?the[ ._-]?scenes|deleted[ ._-]?(?:and[ ._-]extended[ ._-])?scenes?|featurettes?|trailers?"
    r"|extras|sample|backdrops|theme-music",
    re.IGNORECASE,
)
#: Extras inside a film's folder; at the top they sort films.
_FOLDER_BELOW = re.compile(
    r"interviews?|scenes?|shorts?|clips?|samples?|others?|extra|bonus(?:[ ._-]?(?:features?|materials?|discs?))?"
    r"|bonusmaterial|making[ ._-]?of|special[ ._-]?features|teasers?|promos?|previews?|outtakes|bloopers|proof"
    r"|sps|menus?|pvs?|cms?|creditless.*|nc(?:op|ed)?s?|ncop[ ._&+-]+nced|(?:op|ed)s?|(?:op|nc)[ ._&+-]+ed",
    re.IGNORECASE,
)
_KINDS = (
    r"trailer|behind[ ._-]?the[ ._-]?scenes|deleted(?:[ ._-]?scenes?)?|featurette|interview|scene|short|other|clip"
    r"|extra|sample|teaser|promo|bloopers?|outtakes?"
)
_FILE = re.compile(
    rf".*-(?:{_KINDS})[ ._-]?\d{{0,2}}|(?:.*[-._])?(?:trailer|teaser)s?[ ._-]?\d{{0,2}}"
    r"|sample[ ._-]?\d{0,2}|sample[-.].*|.*[-._]sample|theme\d?|backdrop\d?",
    re.IGNORECASE | re.DOTALL,
)
#: `Film Trailer`; behind an episode's number it is that episode's name.
_FILE_IN_WORDS = re.compile(
    r".+[ ](?:[(\[]?(?:official|teaser|theatrical)[ ])*trailer[)\]]?[ ]?\d{0,2}"
    rf"|.+[ ]-[ ](?:{_KINDS})s?[ ]?\d{{0,2}}",
    re.IGNORECASE | re.DOTALL,
)
#: The whole name of a file beside a film.
_FILE_BELOW = re.compile(
    r"(?:the[ ._])?making[ ._-]?of|behind[ ._-]the[ ._-]scenes|deleted[ ._-]scenes?|outtakes|bloopers|gag[ ._-]reel"
    r"|featurettes?|interviews?|menu[ ._-]?\d{0,2}",
    re.IGNORECASE,
)
#: Openings and endings without credits: anime discs hold them. Short words count in capitals only.
_CREDITLESS = re.compile(
    r"(?:^|(?<=[ ._\-\[\](]))"
    r"(?:(?i:nc[ ._-]?(?:op|ed)|(?:creditless|textless|clean)[ ._-]?(?:op|ed|opening|ending))\w{0,3}"
    r"|(?P<short>OP|ED|PV|CM)|(?P<word>(?i:menu|preview)))(?P<number>[ ._-]*#?\d{0,2}[a-z]?)(?:v\d)?"
    r"(?P<rest>$|[ ._-]*[\[(\])].*|[ ._]-[ ._].*)"
)
_YEAR_NEXT = re.compile(r"[ ._]*[(\[](?:18|19|20)\d\d[)\]]")


def is_extras_folder(folders: Sequence[str], subfolders: Sequence[str]) -> bool:
    """Return whether the last of `folders` is of trailers and the like. A show named Extras has
    seasons.
    """
    if not folders or any(seasons.season_of(name) is not None for name in subfolders):
        return False
    below = len(folders) > 1 and _FOLDER_BELOW.fullmatch(folders[-1])
    return bool(below or _FOLDER.fullmatch(folders[-1]))


def is_extra(stem: str, *, is_below: bool) -> bool:
    """Return whether a file is an extra; `is_below`: it lies in a folder of the library, not at its
    top.
    """
    if _FILE.fullmatch(stem) or (is_below and _FILE_BELOW.fullmatch(stem)):
        return True
    if marks.find(stem):
        return False
    return bool(_FILE_IN_WORDS.fullmatch(stem)) or _is_creditless(stem)


def _is_creditless(stem: str) -> bool:
    found = _CREDITLESS.search(stem)
    if not found or _YEAR_NEXT.match(found["rest"]) or convention.is_dated(stem):
        return False
    if not (found["short"] or found["word"]):
        return True
    # `ED` alone may be a title; with a number or the brackets of a release it is an ending.
    is_release = found["short"] and found["rest"].strip(" ._-").startswith(("[", "]"))
    return bool(found["number"].strip(" ._-") or is_release)
