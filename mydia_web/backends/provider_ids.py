"""Ids of titles at IMDb, TMDB and TheTVDB in one spelling, whoever wrote them."""

import re

_PROVIDERS = {
    **dict.fromkeys(("imdb", "imdbid", "imdb_id"), "imdb"),
    **dict.fromkeys(("tmdb", "tmdbid", "tmdb_id", "themoviedb", "moviedb"), "tmdb"),
    **dict.fromkeys(("tvdb", "tvdbid", "tvdb_id", "thetvdb"), "tvdb"),
}
_IMDB = re.compile(r"tt[0-9]+")
_NUMBER = re.compile(r"0*([1-9][0-9]*)")
#: IMDb's numbers have seven digits at least; fewer without `tt` are something else.
_BARE_IMDB = re.compile(r"(?!0+$)[0-9]{7,10}")


def provider_of(name: str) -> str:
    """Return the provider that is meant by a name, "" for one of which nothing is known."""
    return _PROVIDERS.get(name.strip().lower(), "")


def spelled(name: str, value: str) -> tuple[str, str] | None:
    """Return provider and value: `TT0113277` and imdb `0113277` are tt0113277, tmdb `00949` is 949.

    None where the value can be no id of a known provider. `tt…` is IMDb's, whatever it is called.
    """
    value = value.strip().lower()
    if _IMDB.fullmatch(value):
        return "imdb", value
    provider = provider_of(name)
    if provider == "imdb":
        return ("imdb", f"tt{value}") if _BARE_IMDB.fullmatch(value) else None
    number = _NUMBER.fullmatch(value)
    return (provider, number[1]) if provider and number else None
