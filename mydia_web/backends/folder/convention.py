"""Names written the way Plex, Jellyfin and Kodi ask for: read exactly, without guessing."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from mydia_web.backends.folder import dates, marks, seasons, words

_YEAR = r"(?:18|19|20)\d\d"
_TITLE_AND_YEAR = re.compile(
    rf"(?P<title>.+?)[ ._]*[(\[](?P<year>{_YEAR})[)\]](?P<rest>.*)", re.DOTALL
)
_YEAR_AND_TITLE = re.compile(rf"[(\[](?P<year>{_YEAR})[)\]][ ._-]*(?P<title>[^\W_].*)", re.DOTALL)
_RELEASE_GROUP = re.compile(r"(?:[\[【][^\]】]*[\]】][ ._-]*)(?=\S)")
_SITE = re.compile(
    r"[\[(]?[ ]*www\.[\w-]+\.[a-z]{2,10}[ ]*[\])]?[ ._]*-?[ ._]*(?=\S)", re.IGNORECASE
)

#: `, The` behind a title, where lists are sorted by it.
_ARTICLE_BEHIND = re.compile(
    r"(?P<title>.+), (?P<article>The|A|An|Der|Die|Das|Ein|Eine|Le|La|Les|L'|L’|Un|Une|El|Los|Las|Una|Il|Lo|Gli"
    r"|O|Os|As|De|Het|Een|Den|Det|En|Ett)(?P<more> \([A-Z]{2,3}\)| - .+)?",
    re.IGNORECASE,
)
#: What people write for what a file's name cannot hold.
_LOOK_ALIKES = str.maketrans(
    {
        "：": ":",
        "꞉": ":",
        "∶": ":",
        "？": "?",
        "⁇": "?",
        "＊": "*",
        "＂": '"',
        "／": "/",
        "⁄": "/",
        "∕": "/",
    }
    | {"＜": "<", "＞": ">", "｜": "|", "’": "’"}
)
#: Digits and brackets of East Asian keyboards.
_WIDE = str.maketrans("０１２３４５６７８９【】（）［］＃～", "0123456789[]()[]#~")

_PART = re.compile(
    r"[ ._(\[-]*[ ._(\[-](?:cd|disc|disk|dvd)[ ._-]?0?(?P<number>\d)(?:[ ._]?(?:of|von)[ ._]?\d)?[)\]]?$",
    re.IGNORECASE,
)
#: A film's name may end so too, but not behind its year.
_PART_BEHIND_YEAR = re.compile(
    rf"(?P<name>.*[(\[]{_YEAR}[)\]].*?)(?:[ ._(\[-]+|(?<=\]))(?:(?:part|pt|teil|partie|parte)[ ._-]?0?(?P<number>\d)"
    r"|(?P<of>\d)[ ._]?(?:of|von)[ ._]?\d|(?:part|pt)[ ._-]?(?P<letter>[a-d]))[)\]]?(?P<rest>$|[ ._\[(-].*)",
    re.IGNORECASE,
)
_PART_ALONE = re.compile(r"(?:cd|disc|disk|dvd|part|pt|teil)[ ._-]?0?(?P<number>\d)", re.IGNORECASE)
_PART_CLOSE = re.compile(
    r"(?P<name>.+)[ ._(\[-]+(?:part|pt)0?(?P<number>\d)[)\]]?(?P<rest>$|[ ._-](?=\[|\().*)",
    re.IGNORECASE,
)
_EPISODE_PART = re.compile(
    r"(?:[ ._]*-?[ ._]*(?:cd|disc|disk|part|pt|teil)[ ._-]?0?(?P<number>\d)|(?P<letter>[a-d]))"
    r"(?P<rest>$|[ ._]*[\[(].*|[ ._-]+(?:\d{3,4}[pi]|web|blu|hdtv|dvd|x26|h26).*)",
    re.IGNORECASE,
)
_COUNTRY = re.compile(r" (US|UK|AU|NZ|CA)$")


@dataclass(frozen=True, slots=True)
class Titled:
    """A film's or show's title with what stands beside it in a name."""

    title: str
    year: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


def neat(title: str) -> str:
    """One line, composed accents, the article in front, and spaces where a name has dots or
    underscores.
    """
    title = unicodedata.normalize("NFC", title).translate(_LOOK_ALIKES)
    title = whole = " ".join(title.replace("_", " ").split()) or title
    if " " not in title:
        title = re.sub(r"(?<=\w\w)\.|\.(?=\w\w)", " ", title).strip(".")
    elif title.endswith(".") and not title.endswith("..") and title.count(".") == 1:
        title = title[:-1]
    title = " ".join(title.split()).strip(" -_") or whole
    return _with_article_in_front(title)


def _with_article_in_front(title: str) -> str:
    found = _ARTICLE_BEHIND.fullmatch(title)
    if not found:
        return title
    space = "" if found["article"].endswith(("'", "’")) else " "
    return f"{found['article']}{space}{found['title']}{found['more'] or ''}"


def widened(stem: str) -> str:
    """Return a name with plain digits and brackets, and without the site it came from."""
    return _SITE.sub("", stem.translate(_WIDE), count=1).strip() or stem


def title_and_year(name: str) -> tuple[Titled, str] | None:
    """`Heat (1995) - 4K` → Heat of 1995, and the rest of the name. `(1995) Heat` is read too."""
    if (found := _YEAR_AND_TITLE.fullmatch(name)) and not words.RELEASE.search(found["title"]):
        return Titled(neat(found["title"]), int(found["year"])), ""
    if not (found := _TITLE_AND_YEAR.fullmatch(name)):
        return None
    title = words.until_release(found["title"])
    if "[" in found["rest"] or title.startswith("["):
        title = _RELEASE_GROUP.sub("", title, count=1) if _has_words_after_group(title) else title
    return (Titled(neat(title), int(found["year"])), found["rest"]) if neat(title) else None


def _has_words_after_group(title: str) -> bool:
    """A film called [REC] is no group."""
    return bool(letters(_RELEASE_GROUP.sub("", title, count=1)))


def title_and_bare_year(name: str) -> Titled | None:
    """`The.Long.Road.Part.1.2010.1080p` → The Long Road Part 1 of 2010: all that stands before the
    last year.

    None where words follow that are not a release's: then the year may be part of a title.
    """
    for found in reversed(list(re.finditer(r"(?<![^\W_])((?:19|20)[0-3]\d)(?![^\W_])", name))):
        title, rest = name[: found.start()], name[found.end() :].strip(" ._-")
        if not letters(title) or (rest and not words.begins_release(rest)):
            continue
        title = words.without_edition(words.until_release(without_group(title)))
        if letters(title):
            return Titled(neat(title.strip(" ._-([")), int(found[0]))
    return None


def without_group(name: str) -> str:
    """`[Group] Pier - 01` → `Pier - 01`."""
    rest = name
    while _RELEASE_GROUP.match(rest):
        rest = _RELEASE_GROUP.sub("", rest, count=1)
    rest = re.sub(r"★[^★]*★", "", rest)
    return rest if letters(re.sub(r"\[[^\]]*\]", "", rest)) else name


def season_of(folder: str) -> int | None:
    return seasons.season_of(folder)


def season_within(name: str) -> tuple[str, int] | None:
    """`Mushoku Tensei S2` → Mushoku Tensei, 2: a season named beside the show's title."""
    beside = seasons.beside_title(name)
    return (neat(beside[0]), beside[1]) if beside else None


def is_marked(stem: str) -> bool:
    return marks.find(stem) is not None


def is_dated(stem: str) -> bool:
    return dates.find(stem) is not None


def is_plain_title(name: str) -> bool:
    return " " in name and not (
        is_marked(name) or seasons.beside_title(name) or words.RELEASE.search(name)
    )


def rest_after(stem: str, title: str) -> str | None:
    """What follows `title` at the start of `stem`, however the two are punctuated."""
    tokens = re.findall(r"[^\W_]+", title)
    if not tokens:
        return None
    found = re.match(
        r"[\W_]*" + r"[\W_]*".join(map(re.escape, tokens)) + r"(?![^\W_])", stem, re.IGNORECASE
    )
    return stem[found.end() :] if found else None


def part_of(stem: str) -> tuple[str, int | None]:
    """`Heat (1995) - cd2` → `Heat (1995)`, 2. `Heat Part 2` is a title, `Heat (1995) Part 2` and
    `Heat pt2` are not.
    """
    if found := _PART_ALONE.fullmatch(stem):
        return stem, int(found["number"])
    if found := _PART.search(stem):
        return stem[: found.start()], int(found["number"])
    for pattern in (_PART_BEHIND_YEAR, _PART_CLOSE):
        if found := pattern.fullmatch(stem):
            groups = found.groupdict()
            number = groups["number"] or groups.get("of")
            letter = groups.get("letter") or "a"
            return found["name"] + found["rest"], int(number) if number else "abcd".index(
                letter.lower()
            ) + 1
    return stem, None


def part_of_episode(rest: str) -> tuple[str, int | None]:
    """Take the part out of what stands behind an episode's number: ` - pt1`, `.cd2 [1080p]`, `a`."""
    found = _EPISODE_PART.fullmatch(rest)
    if not found:
        return rest, None
    if letter := found["letter"]:
        return found["rest"], "abcd".index(letter.lower()) + 1
    return found["rest"], int(found["number"])


def with_country(title: str) -> str:
    """`The.Office.US` → The Office (US)."""
    title = neat(title)
    return title if title.isupper() else _COUNTRY.sub(r" (\1)", title)


def same_title(one: str, other: str) -> bool:
    return bool(letters(one)) and letters(one) == letters(other)


def letters(title: str) -> str:
    """A title's letters and digits alone, by which two ways to write it are compared."""
    plain = unicodedata.normalize("NFKD", title.casefold().replace("&", "and"))
    return "".join(letter for letter in plain if letter.isalnum())
