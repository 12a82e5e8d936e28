"""Titles as names hold them: by the conventions of Plex, Jellyfin and Kodi, else by guessit."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mydia_web.backends.folder import seasons, words
from mydia_web.backends.folder.words import BEGIN, END, groups, verbose

_YEAR = r"(?:18|19|20)\d\d"
_TITLE_AND_YEAR = re.compile(
    rf"(?P<title>.+?) [ ._]* [(\[](?P<year>{_YEAR})[)\]] (?P<rest>.*)", re.VERBOSE | re.DOTALL
)
_YEAR_AND_TITLE = re.compile(
    rf"[(\[](?P<year>{_YEAR})[)\]] [ ._-]* (?P<title>[^\W_].*)", re.VERBOSE | re.DOTALL
)
_BARE_YEAR = re.compile(rf"{BEGIN}(?:19|20)[0-3]\d{END}")
_RELEASE_GROUP = re.compile(r"[\[【][^\]】]*[\]】][ ._-]*(?=\S)")
_STARRED = re.compile(r"★[^★]*★")
_BRACKETED = re.compile(r"\[[^\]]*\]")
_SITE = verbose(r"""
    [\[(]? [ ]* www\.[\w-]+\.[a-z]{2,10} [ ]* [\])]?
    [ ._]* -? [ ._]* (?=\S)
""")

#: `, The` behind a title, where lists are sorted by it.
_ARTICLE_BEHIND = verbose(r"""
    (?P<title>.+) ,[ ]
    (?P<article> The|A|An | Der|Die|Das|Ein|Eine | Le|La|Les|L'|L’|Un|Une | El|Los|Las|Una
      | Il|Lo|Gli | O|Os|As | De|Het|Een | Den|Det|En|Ett )
    (?P<more> [ ]\([A-Z]{2,3}\) | [ ]-[ ].+ )?
""")
#: What people write for what a file's name cannot hold.
_LOOK_ALIKES = str.maketrans("：꞉∶？⁇＊＂／⁄∕＜＞｜’", ":::??*\"///<>|'")
#: Digits and brackets of East Asian keyboards.
_WIDE = str.maketrans("０１２３４５６７８９【】（）［］＃～", "0123456789[]()[]#~")

_DISC = r"(?: cd | disc | disk | dvd )"
_PART_ALONE = verbose(rf"(?: {_DISC} | part | pt | teil ) [ ._-]? 0?(?P<number>\d)")
#: The numbered part of a film in several files: `cd2`, `(Disc 1 of 2)`.
_DISC_AT_END = verbose(rf"""
    [ ._(\[-]* [ ._(\[-] {_DISC} [ ._-]? 0?(?P<number>\d)
    (?: [ ._]? (?:of|von) [ ._]? \d )?
    [)\]]? $
""")
_PARTS = (
    #: A film's name may end so too, but not behind its year.
    verbose(rf"""
        (?P<name> .* [(\[]{_YEAR}[)\]] .*? )
        (?: [ ._(\[-]+ | (?<=\]) )
        (?: (?: part | pt | teil | partie | parte ) [ ._-]? 0?(?P<number>\d)
          | (?P<number_2>\d) [ ._]? (?:of|von) [ ._]? \d
          | (?: part | pt ) [ ._-]? (?P<letter>[a-d]) )
        [)\]]?
        (?P<rest> $ | [ ._\[(-].* )
    """),
    #: Without a space, as in `pt2`.
    verbose(r"""
        (?P<name>.+) [ ._(\[-]+ (?: part | pt ) 0?(?P<number>\d) [)\]]?
        (?P<rest> $ | [ ._-] (?= \[ | \( ) .* )
    """),
)
_PART_OF_EPISODE = verbose(r"""
    (?: [ ._]* -? [ ._]* (?: cd | disc | disk | part | pt | teil ) [ ._-]? 0?(?P<number>\d)
      | (?P<letter>[a-d]) )
    (?P<rest> $ | [ ._]*[\[(].* | [ ._-]+ (?: \d{3,4}[pi]|web|blu|hdtv|dvd|x26|h26 ) .* )
""")
_LETTERS_OF_PARTS = "abcd"
_COUNTRY = re.compile(r" (US|UK|AU|NZ|CA)$")

#: guessit drops `Part 1` and `Vol. 2`, by which films of several parts would become one.
_PART_IN_TITLE = verbose(r"""
    \b(part|pt|vol|volume|chapter|teil) ([ ._]*) (\d{1,2}|[ivx]{1,4}|one|two|three)\b
""")
_MASKED_PART = verbose(r"\b(part|pt|vol|volume|chapter|teil) zq (\w+)")


@dataclass(frozen=True, slots=True)
class Titled:
    """A film's or show's title with what stands beside it in a name."""

    title: str
    year: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


def neat(title: str) -> str:
    """Return a title in one line, with composed accents, the article in front, and spaces where
    the name has dots or underscores.
    """
    title = unicodedata.normalize("NFC", title).translate(_LOOK_ALIKES)
    whole = " ".join(title.replace("_", " ").split()) or title
    title = whole
    if " " not in title:
        # The dots of initials, as in R.I.P.D., stay.
        title = re.sub(r"(?<=\w\w)\.|\.(?=\w\w)", " ", title).strip(".")
    elif title.endswith(".") and title.count(".") == 1:
        title = title[:-1]
    title = " ".join(title.split()).strip(" -_") or whole
    return _with_article_in_front(title)


def _with_article_in_front(title: str) -> str:
    match = _ARTICLE_BEHIND.fullmatch(title)
    if not match:
        return title
    article = match["article"]
    if not article.endswith(("'", "’")):
        article += " "
    return f"{article}{match['title']}{match['more'] or ''}"


def with_country(title: str) -> str:
    """Return a neat title with its country in brackets: `The.Office.US` → The Office (US)."""
    title = neat(title)
    if title.isupper():
        return title
    return _COUNTRY.sub(r" (\1)", title)


def widened(stem: str) -> str:
    """Return a name with plain digits and brackets, and without the site it came from."""
    return _SITE.sub("", stem.translate(_WIDE), count=1).strip() or stem


def letters(title: str) -> str:
    """Return a title's letters and digits, by which two ways to write it are compared."""
    plain = unicodedata.normalize("NFKD", title.casefold().replace("&", "and"))
    return "".join(letter for letter in plain if letter.isalnum())


def same_title(title: str, other: str) -> bool:
    return bool(letters(title)) and letters(title) == letters(other)


def title_and_year(name: str) -> tuple[Titled, str] | None:
    """Return title and year, and the rest of the name.

    `Heat (1995) - 4K` → Heat of 1995, ` - 4K`. `(1995) Heat` is read too.
    """
    match = _YEAR_AND_TITLE.fullmatch(name)
    if match and not words.RELEASE.search(match["title"]):
        return Titled(neat(match["title"]), int(match["year"])), ""
    match = _TITLE_AND_YEAR.fullmatch(name)
    if not match:
        return None
    title = words.until_release(match["title"])
    if "[" in match["rest"] or title.startswith("["):
        ungrouped = _RELEASE_GROUP.sub("", title, count=1)
        # A film called [REC] is no group.
        if letters(ungrouped):
            title = ungrouped
    title = neat(title)
    if not title:
        return None
    return Titled(title, int(match["year"])), match["rest"]


def title_and_bare_year(name: str) -> Titled | None:
    """Return the title before the last year, where nothing follows but the words of a release.

    `The.Long.Road.Part.1.2010.1080p` → The Long Road Part 1 of 2010. Behind other words the year
    may be part of a title.
    """
    for match in reversed(list(_BARE_YEAR.finditer(name))):
        before = name[: match.start()]
        rest = name[match.end() :].strip(" ._-")
        is_released = not rest or words.begins_release(rest)
        if not is_released or not letters(before):
            continue
        title = words.without_edition(words.until_release(without_group(before)))
        if letters(title):
            return Titled(neat(title.strip(" ._-([")), int(match[0]))
    return None


def without_group(name: str) -> str:
    """Return a name without the release group in front: `[Group] Pier - 01` → `Pier - 01`."""
    rest = name
    while _RELEASE_GROUP.match(rest):
        rest = _RELEASE_GROUP.sub("", rest, count=1)
    rest = _STARRED.sub("", rest)
    return rest if letters(_BRACKETED.sub("", rest)) else name


def title_behind(rest: str) -> str:
    """Return the episode's title behind its number or day, unless words of a release are in it."""
    rest = rest.strip(" ._-")
    if words.RELEASE.search(rest):
        return ""
    return neat(rest)


def is_plain_title(name: str) -> bool:
    """Return whether a name is several words and nothing that has a meaning beside a title."""
    if " " not in name or seasons.find_mark(name) or seasons.beside_title(name):
        return False
    return not words.RELEASE.search(name)


def rest_after(stem: str, title: str) -> str | None:
    """Return what follows a title at the start of a name, however the two are punctuated."""
    tokens = re.findall(r"[^\W_]+", title)
    if not tokens:
        return None
    pattern = r"[\W_]*" + r"[\W_]*".join(map(re.escape, tokens)) + END
    match = re.match(pattern, stem, re.IGNORECASE)
    return stem[match.end() :] if match else None


def part_of(stem: str) -> tuple[str, int | None]:
    """Return a name without the number of its part, and that number: `Heat (1995) - cd2` → 2.

    `Heat Part 2` is a title, `Heat (1995) Part 2` and `Heat pt2` are not.
    """
    if match := _PART_ALONE.fullmatch(stem):
        return stem, _part_number(match)
    if match := _DISC_AT_END.search(stem):
        return stem[: match.start()], _part_number(match)
    for pattern in _PARTS:
        if match := pattern.fullmatch(stem):
            return match["name"] + match["rest"], _part_number(match)
    return stem, None


def part_of_episode(rest: str) -> tuple[str, int | None]:
    """Return what stands behind an episode's number without its part, and the part's number.

    Parts are written ` - pt1`, `.cd2 [1080p]`, `a`.
    """
    match = _PART_OF_EPISODE.fullmatch(rest)
    if not match:
        return rest, None
    return match["rest"], _part_number(match)


def _part_number(match: re.Match[str]) -> int:
    parts = groups(match)
    if "letter" in parts:
        return _LETTERS_OF_PARTS.index(parts["letter"].lower()) + 1
    return int(parts["number"])


def guessed_title(name: str, kind: str = "") -> Titled:
    """Return guessit's title; `kind` is `movie`, or "" where it is to tell.

    A film called 1917 is nothing but a year to guessit: then neither is known.
    """
    guess = _ask_guessit(name, kind)
    title = _text(guess.get("title"))
    more = _text(guess.get("alternative_title")) or _text(guess.get("episode_title"))
    if more and guess.get("type") == "movie":
        title = f"{title} - {more}"
    country = getattr(_first(guess.get("country")), "alpha2", "")
    if title and country:
        title = f"{title} ({country.replace('GB', 'UK')})"
    title = neat(title)
    year = _first(guess.get("year"))
    if not title or not isinstance(year, int):
        return Titled(title)
    return Titled(title, year)


def guessed_episode_title(stem: str) -> str:
    return _text(_ask_guessit(stem, "episode").get("episode_title"))


@lru_cache(maxsize=16384)
def _ask_guessit(name: str, kind: str) -> Mapping[str, Any]:
    # Only here: whoever has no folder is spared its 7 MB in every process.
    from guessit.api import GuessitException, guessit  # noqa: PLC0415

    # `Naruto 103` is episode 103 and not season 1, episode 3: a wrong mark is worse than none.
    options: dict[str, object] = {
        "name_only": True,
        "no_user_config": True,
        "episode_prefer_number": True,
    }
    if kind:
        options["type"] = kind
    masked = _PART_IN_TITLE.sub(r"\1zq\3", name)
    try:
        return dict(guessit(f"{masked}.mkv", options))
    except GuessitException:
        return {}


def _first(value: object) -> object:
    if not isinstance(value, list):
        return value
    return value[0] if value else None


def _text(value: object) -> str:
    return _MASKED_PART.sub(r"\1 \2", str(_first(value) or ""))
