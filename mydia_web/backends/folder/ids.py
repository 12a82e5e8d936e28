"""Ids of titles at IMDb, TMDB and the like, as people write them into names and NFO files."""

import re
from collections.abc import Iterable

from mydia_web.backends import wire

_STRICT = {
    "imdb": re.compile(r"tt(?!0+$)[0-9]{5,10}"),
    "tmdb": re.compile(r"[0-9]{1,10}"),
    "tvdb": re.compile(r"[0-9]{1,10}"),
}
_PROVIDER = re.compile(r"[a-z][a-z0-9]{1,19}")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: Ids of a set of films, not of one.
_SETS = {"collection", "tmdbcol", "tmdbcollection", "tmdbset"}

_TAG = re.compile(
    r"[\[({]\s*(?P<provider>imdb|tmdb|tvdb|themoviedb|thetvdb|anidb|anilist|tvmaze|mal)(?:[ _-]?id)?\s*[-=:_ ]\s*"
    r"(?P<value>[A-Za-z0-9]+)\s*[\])}]",
    re.IGNORECASE,
)
_BARE_IMDB = re.compile(
    r"[\[({]\s*(?P<value>tt\d{6,10})\s*[\])}]|(?<![^\W_])(?P<loose>tt\d{7,8})(?![^\W_])",
    re.IGNORECASE,
)
_EDITION = re.compile(r"\{edition-[^}]*\}", re.IGNORECASE)

_ADDRESSES = (
    (
        "imdb",
        re.compile(r"imdb\.com/(?:[a-z]{2}(?:-[a-z]{2})?/)?title/(tt\d{5,10})", re.IGNORECASE),
    ),
    ("imdb", re.compile(r"imdb\.com/Title\?(?:tt)?(\d{5,10})", re.IGNORECASE)),
    ("tmdb", re.compile(r"(?:themoviedb|tmdb)\.org/(?:movie|tv)/(\d{1,10})", re.IGNORECASE)),
    (
        "tvdb",
        re.compile(
            r"thetvdb\.com/(?:index\.php)?\?(?:[a-z]+=[^&\s]*&(?:amp;)?)*?(?:series)?id=(\d{1,10})",
            re.IGNORECASE,
        ),
    ),
    (
        "tvdb",
        re.compile(r"thetvdb\.com/(?:dereferrer|deref)/(?:series|movie)/(\d{1,10})", re.IGNORECASE),
    ),
)


def known(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The pairs of provider and value that can be true; the first of a provider counts."""
    ids: dict[str, str] = {}
    for provider, value in filter(None, map(_spelled, pairs)):
        ids.setdefault(provider, value)
    return ids


def _spelled(pair: tuple[str, str]) -> tuple[str, str] | None:
    name, value = pair[0].strip().lower(), pair[1].strip()
    provider = wire.provider_of(name)
    if not provider:
        is_other = name not in _SETS and _PROVIDER.fullmatch(name) and _VALUE.fullmatch(value)
        return (name, value) if is_other else None
    spelled = wire.canonical_id(provider, value)
    is_own = (
        spelled is not None and spelled[0] == provider and _STRICT[provider].fullmatch(spelled[1])
    )
    return spelled if is_own else None


def taken_out(name: str) -> tuple[str, dict[str, str]]:
    """`Heat (1995) {imdb-tt0113277}` → `Heat (1995)` and its ids. The tag of an edition goes too."""
    pairs = [(found["provider"], found["value"]) for found in _TAG.finditer(name)]
    pairs += [("imdb", found["value"] or found["loose"]) for found in _BARE_IMDB.finditer(name)]
    for pattern in (_TAG, _BARE_IMDB, _EDITION):
        name = pattern.sub(" ", name)
    return " ".join(name.split()), known(pairs)


def in_addresses(text: str) -> dict[str, str]:
    """The ids in links to a title's page; an NFO file may hold nothing else. Links to several
    titles tell none.
    """
    linked = [
        (provider, value) for provider, pattern in _ADDRESSES for value in pattern.findall(text)
    ]
    told = {pair for pair in map(_spelled, linked) if pair}
    providers = [provider for provider, _ in told]
    return {provider: value for provider, value in told if providers.count(provider) == 1}
