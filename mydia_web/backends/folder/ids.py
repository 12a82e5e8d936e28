"""Ids of titles at IMDb, TMDB and the like, as people write them into names and NFO files."""

import re
from collections.abc import Iterable

from mydia_web.backends import wire
from mydia_web.backends.folder.words import BEGIN, END, verbose

_STRICT = {
    "imdb": re.compile(r"tt(?!0+$)[0-9]{5,10}"),
    "tmdb": re.compile(r"[0-9]{1,10}"),
    "tvdb": re.compile(r"[0-9]{1,10}"),
}
_PROVIDER = re.compile(r"[a-z][a-z0-9]{1,19}")
_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: Ids of a set of films, not of one.
_SETS = {"collection", "tmdbcol", "tmdbcollection", "tmdbset"}


#: `{imdb-tt0113277}`, `[tmdbid=949]`.
_TAG = verbose(r"""
    [\[({] \s*
    (?P<provider> imdb | tmdb | tvdb | themoviedb | thetvdb | anidb | anilist | tvmaze | mal )
    (?: [ _-]?id )? \s* [-=:_ ] \s*
    (?P<value> [A-Za-z0-9]+ )
    \s* [\])}]
""")
_BARE_IMDB = verbose(rf"""
    [\[({{] \s* (?P<value> tt\d{{6,10}} ) \s* [\])}}]
  | {BEGIN} (?P<value_2> tt\d{{7,8}} ) {END}
""")
_EDITION = verbose(r"\{edition-[^}]*\}")

_ADDRESSES = (
    ("imdb", verbose(r"imdb\.com/ (?: [a-z]{2} (?:-[a-z]{2})? / )? title/ (tt\d{5,10})")),
    ("imdb", verbose(r"imdb\.com/Title\? (?:tt)? (\d{5,10})")),
    ("tmdb", verbose(r"(?: themoviedb | tmdb )\.org/ (?: movie | tv )/ (\d{1,10})")),
    (
        "tvdb",
        verbose(r"""
            thetvdb\.com/ (?: index\.php )? \?
            (?: [a-z]+ = [^&\s]* & (?:amp;)? )*?
            (?: series )? id= (\d{1,10})
        """),
    ),
    (
        "tvdb",
        verbose(r"thetvdb\.com/ (?: dereferrer | deref )/ (?: series | movie )/ (\d{1,10})"),
    ),
)


def known(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the valid pairs of provider and value; the first of a provider counts."""
    ids: dict[str, str] = {}
    for name, value in pairs:
        if pair := _spelled(name, value):
            ids.setdefault(*pair)
    return ids


def _spelled(name: str, value: str) -> tuple[str, str] | None:
    """Return provider and value in one spelling; None for what can be no id of a title."""
    name = name.strip().lower()
    value = value.strip()
    provider = wire.provider_of(name)
    if not provider:
        is_id = name not in _SETS and _PROVIDER.fullmatch(name) and _VALUE.fullmatch(value)
        return (name, value) if is_id else None
    pair = wire.canonical_id(provider, value)
    if pair is None or pair[0] != provider:
        return None
    return pair if _STRICT[provider].fullmatch(pair[1]) else None


def taken_out(name: str) -> tuple[str, dict[str, str]]:
    """Return a name without its ids, and these. The tag of an edition goes too.

    `Heat (1995) {imdb-tt0113277}` → `Heat (1995)`.
    """
    pairs = [(match["provider"], match["value"]) for match in _TAG.finditer(name)]
    pairs += [("imdb", match["value"] or match["value_2"]) for match in _BARE_IMDB.finditer(name)]
    for pattern in (_TAG, _BARE_IMDB, _EDITION):
        name = pattern.sub(" ", name)
    return " ".join(name.split()), known(pairs)


def in_addresses(text: str) -> dict[str, str]:
    """Return the ids in links to a title's page, where the links are to a single title.

    An NFO file may hold nothing else.
    """
    pairs: set[tuple[str, str]] = set()
    for provider, pattern in _ADDRESSES:
        for value in pattern.findall(text):
            if pair := _spelled(provider, value):
                pairs.add(pair)
    providers = [provider for provider, _ in pairs]
    return {provider: value for provider, value in pairs if providers.count(provider) == 1}
