"""Ids of titles at IMDb, TMDB and the like, as people write them into names and NFO files."""

import re
from collections.abc import Iterable

_STRICT = {
    "imdb": re.compile(r"tt\d{5,10}"),
    "tmdb": re.compile(r"[1-9]\d{0,9}"),
    "tvdb": re.compile(r"[1-9]\d{0,9}"),
}
_PROVIDER = re.compile(r"[a-z][a-z0-9]{1,19}")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: Ids of a set of films, not of one.
_SETS = {"collection", "tmdbcol", "tmdbcollection", "tmdbset"}

_TAG = re.compile(
    r"[\[({]\s*(?P<provider>imdb|tmdb|tvdb|anidb|anilist|tvmaze)(?:id)?\s*[-=:]\s*(?P<value>[A-Za-z0-9]+)\s*[\])}]",
    re.IGNORECASE,
)
_BARE_IMDB = re.compile(r"[\[({]\s*(?P<value>tt\d{6,10})\s*[\])}]")
_EDITION = re.compile(r"\{edition-[^}]*\}", re.IGNORECASE)

_ADDRESSES = (
    ("imdb", re.compile(r"imdb\.com/title/(tt\d{5,10})")),
    ("tmdb", re.compile(r"themoviedb\.org/(?:movie|tv)/(\d{1,10})")),
    ("tvdb", re.compile(r"thetvdb\.com/\?tab=series&id=(\d{1,10})")),
)


def known(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs of provider and value that can be true; the first of a provider counts."""
    ids: dict[str, str] = {}
    for provider, value in pairs:
        provider, value = provider.strip().lower(), value.strip()
        if _is_plausible(provider, value):
            ids.setdefault(provider, value)
    return ids


def _is_plausible(provider: str, value: str) -> bool:
    if provider in _SETS or not _PROVIDER.fullmatch(provider):
        return False
    return bool(_STRICT.get(provider, _VALUE).fullmatch(value))


def taken_out(name: str) -> tuple[str, dict[str, str]]:
    """`Heat (1995) {imdb-tt0113277}` → `Heat (1995)` and its ids. The tag of an edition goes too."""
    pairs = [(found["provider"], found["value"]) for found in _TAG.finditer(name)]
    pairs += [("imdb", found["value"]) for found in _BARE_IMDB.finditer(name)]
    for pattern in (_TAG, _BARE_IMDB, _EDITION):
        name = pattern.sub(" ", name)
    return " ".join(name.split()), known(pairs)


def in_addresses(text: str) -> dict[str, str]:
    """The ids in links to a title's page; an NFO file may hold nothing else."""
    return known((provider, value) for provider, pattern in _ADDRESSES for value in pattern.findall(text))
