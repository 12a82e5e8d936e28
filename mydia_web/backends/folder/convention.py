"""Names written the way Plex, Jellyfin and Kodi ask for: read exactly, without guessing."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

_YEAR = r"(?:18|19|20)\d\d"
_TITLE_AND_YEAR = re.compile(rf"(?P<title>.+?)[ ._]*[(\[](?P<year>{_YEAR})[)\]](?P<rest>.*)", re.DOTALL)
_RELEASE_GROUP = re.compile(r"\[[^\]]*\][ ._]*(?=\S)")

_SEASON_FOLDER = re.compile(
    r"(?:season|series|staffel|saison|temporada|stagione|seizoen|sezon|säsong|sæson|kausi)[ ._-]*"
    r"(?P<long>\d{1,4})(?![0-9]).*|s(?P<short>\d{1,4})",
    re.IGNORECASE | re.DOTALL,
)
_SPECIALS = re.compile(r"specials?|особое", re.IGNORECASE)

#: A name that says season and episode beyond doubt.
_MARK = re.compile(
    r"(?<![A-Za-z0-9])s\d{1,4}[ ._-]{0,3}ep?[ ._]?\d{1,4}"
    r"|(?<![A-Za-z0-9])\d{1,2}x\d{2,3}(?![0-9])"
    r"|season[ ._-]*\d{1,3}[ ._,-]*episode[ ._-]*\d",
    re.IGNORECASE,
)
_PLAIN_EPISODE = re.compile(
    r"(?:(?P<show>.+?) - )?s(?P<season>\d{1,4})e(?P<first>\d{1,4})"
    r"(?:-e(?P<last>\d{1,4})|(?P<more>(?:e\d{1,4})+))?(?: - (?P<title>.+))?",
    re.IGNORECASE | re.DOTALL,
)
#: Words of a release that a plain title does not hold; guessit reads names that have them.
_RELEASE_WORDS = re.compile(
    r"\d{3,4}[pi]\b|\b(?:web|webrip|hdtv|dvd|blu-?ray|bdrip|remux|[xh][ .]?26[45]|hevc|proper|4k|uhd|hdr)\b"
    r"|webdl|[\[\]{}_]|\(.*\)$",
    re.IGNORECASE,
)
_SEASON_WITHIN = re.compile(
    r"(?<![^\W_])(?:s(?P<short>\d{1,2})|season[ ._]?(?P<long>\d{1,2})"
    r"|(?P<nth>\d{1,2})(?:st|nd|rd|th)[ ._]season)(?![^\W_])",
    re.IGNORECASE,
)
#: Folders that sort things and name none of them.
_CATEGORY = re.compile(
    r"(?:my )?(?:(?:4k|uhd|hd|kids|anime) )?(?:movies?|films?|filme|videos?|media|tv|tv[ _-]?shows?|shows?"
    r"|series|serien|anime|cartoons|kids|documentaries|downloads?|complete|4k|uhd|hd)",
    re.IGNORECASE,
)
_PART = re.compile(r"[ ._(\[-]+(?:cd|disc|disk)[ ._-]?(?P<number>\d)[)\]]?$", re.IGNORECASE)

_NUMBER = r"(?:(?:e|ep|episode|folge|#)[ ._]?)?(?P<number>\d{1,4})(?:v\d)?(?=$|[ ._\[(-])"
_NUMBER_FIRST = re.compile(
    r"(?:(?:episode|ep|e|folge)[ ._]?)?(?P<number>\d{1,3})(?:v\d)?(?: - (?P<title>.+)|$)", re.IGNORECASE
)
_NUMBER_AFTER = re.compile(rf"[ ._-]*{_NUMBER}[ ._]*(?:-[ ._]+(?P<title>.+))?", re.IGNORECASE)
_NUMBER_AFTER_DASH = re.compile(rf"(?P<show>.+?)[ _]-[ _]{_NUMBER}", re.IGNORECASE)
_DATE = re.compile(rf"(?<!\d){_YEAR}([-. _])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")
_NOT_EPISODES = {"480", "540", "576", "720", "1080", "1440", "2160", "4320"}


@dataclass(frozen=True, slots=True)
class Titled:
    """A film's or show's title with what stands beside it in a name."""

    title: str
    year: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbered:
    """What an episode's own name says."""

    numbers: tuple[int, ...]
    season: int | None = None
    title: str = ""
    show: str = ""


def neat(title: str) -> str:
    """One line, composed accents, and spaces where a name has dots or underscores for them."""
    title = whole = " ".join(unicodedata.normalize("NFC", title).split())
    if " " not in title:
        title = re.sub(r"_|(?<=\w\w)\.|\.(?=\w\w)", " ", title).strip(".")
    return " ".join(title.split()).strip(" -_") or whole


def title_and_year(name: str) -> tuple[Titled, str] | None:
    """`Heat (1995) - 4K` → Heat of 1995, and the rest of the name."""
    if not (found := _TITLE_AND_YEAR.fullmatch(name)):
        return None
    title = found["title"]
    if "[" in found["rest"]:
        title = _RELEASE_GROUP.sub("", title, count=1)
    return (Titled(neat(title), int(found["year"])), found["rest"]) if neat(title) else None


def season_of(folder: str) -> int | None:
    if _SPECIALS.fullmatch(folder.strip()):
        return 0
    found = _SEASON_FOLDER.fullmatch(folder.strip())
    return int(found["long"] or found["short"]) if found else None


def season_within(name: str) -> tuple[str, int] | None:
    """`Mushoku Tensei S2` → Mushoku Tensei, 2: a season named beside the show's title."""
    found = _SEASON_WITHIN.search(name)
    if not found:
        return None
    return neat(name[: found.start()]), int(found["short"] or found["long"] or found["nth"])


def is_marked(stem: str) -> bool:
    return bool(_MARK.search(stem))


def is_dated(stem: str) -> bool:
    return bool(_DATE.search(stem))


def has_title_before_date(stem: str) -> bool:
    found = _DATE.search(stem)
    return bool(found and _letters(stem[: found.start()]))


def is_category(folder: str) -> bool:
    return bool(_CATEGORY.fullmatch(folder.strip()))


def is_plain_title(name: str) -> bool:
    return " " in name and not (is_marked(name) or _SEASON_WITHIN.search(name) or _RELEASE_WORDS.search(name))


def plain_episode(stem: str) -> Numbered | None:
    """`Severance (2022) - S01E01 - Good News About Hell`, with nothing of a release in it."""
    found = _PLAIN_EPISODE.fullmatch(stem)
    if not found or is_marked(found["show"] or "") or _RELEASE_WORDS.search(found["title"] or ""):
        return None
    first = int(found["first"])
    more = [int(number) for number in re.findall(r"\d+", found["more"] or "")]
    upto = range(first + 1, int(found["last"]) + 1) if found["last"] else ()
    title = neat(found["title"] or "")
    return Numbered((first, *more, *upto), int(found["season"]), title, (found["show"] or "").strip())


def number_first(stem: str) -> Numbered | None:
    """`01 - Pilot` or `Episode 3`: enough where the folder tells the show."""
    found = _NUMBER_FIRST.fullmatch(stem)
    return _unmarked(found, found["title"]) if found else None


def number_after(stem: str, title: str) -> Numbered | None:
    """`Naruto 8` or `Naruto - 08`, where `title` is Naruto."""
    rest = rest_after(stem, title)
    found = _NUMBER_AFTER.match(rest) if rest else None
    return _unmarked(found, found["title"] or "") if found else None


def number_after_dash(stem: str) -> Numbered | None:
    """`[Group] One Piece - 1071 [1080p]`: the way anime is numbered, without a season."""
    group = _RELEASE_GROUP.match(stem)
    found = _NUMBER_AFTER_DASH.match(stem, group.end() if group else 0)
    if not found or (not group and len(found["number"]) < 2):
        return None
    show, season = season_within(found["show"]) or (found["show"], None)
    return _unmarked(found, "", show or found["show"], season)


def _unmarked(
    found: re.Match[str], title: str | None, show: str = "", season: int | None = None
) -> Numbered | None:
    if found["number"] in _NOT_EPISODES or re.fullmatch(_YEAR, found["number"]):
        return None
    title = "" if _RELEASE_WORDS.search(title or "") else neat(title or "")
    return Numbered((int(found["number"]),), season, title, neat(show))


def rest_after(stem: str, title: str) -> str | None:
    """What follows `title` at the start of `stem`, however the two are punctuated."""
    tokens = re.findall(r"[^\W_]+", title)
    if not tokens:
        return None
    found = re.match(r"[\W_]*" + r"[\W_]*".join(map(re.escape, tokens)) + r"(?![^\W_])", stem, re.IGNORECASE)
    return stem[found.end() :] if found else None


def part_of(stem: str) -> tuple[str, int | None]:
    """`Heat (1995) - cd2` → `Heat (1995)`, 2."""
    found = _PART.search(stem)
    return (stem[: found.start()], int(found["number"])) if found else (stem, None)


def same_title(one: str, other: str) -> bool:
    return bool(_letters(one)) and _letters(one) == _letters(other)


def _letters(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title.casefold().replace("&", "and"))
    return "".join(letter for letter in plain if letter.isalnum())
