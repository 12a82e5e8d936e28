"""Which title an entry means: `imdb://tt…` of today's agents, and the guids of the agents before
them.
"""

import re
from collections.abc import Iterable, Mapping

_PROVIDERS = {
    "imdb": "imdb",
    "tmdb": "tmdb",
    "tvdb": "tvdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
    "xbmcnfo": "imdb",
    "xbmcnfotv": "tvdb",
}
_LEGACY = re.compile(r"com\.plexapp\.agents\.(\w+)://([^?]+)")
#: HAMA names the provider in the id; tvdb2 to tvdb6 are other orders of the same show.
_HAMA = re.compile(r"(imdb|tmdb|tvdb)\d?-(.+)")


def external_ids(guids: Iterable[str], legacy: str = "") -> dict[str, str]:
    """Of known providers only. A legacy guid with a season in it names the show, so it says nothing
    here.
    """
    found: dict[str, str] = {}
    for guid in guids:
        provider, _, value = guid.partition("://")
        _add(found, _PROVIDERS.get(provider.lower(), ""), value)
    name, value, *below = _parts(legacy)
    if not below:
        _add(found, name, value)
    return found


def show_ids(legacy: str) -> Mapping[str, str]:
    """The ids of its show that the legacy guid of an episode carries."""
    found: dict[str, str] = {}
    name, value, *_ = _parts(legacy)
    _add(found, name, value)
    return found


def _parts(legacy: str) -> list[str]:
    """Provider, id and, of an episode, season and number."""
    match = _LEGACY.match(legacy)
    if match is None:
        return ["", ""]
    agent, (value, *below) = match[1].lower(), match[2].split("/")
    if agent == "hama" and (named := _HAMA.fullmatch(value)):
        return [named[1], named[2], *below]
    return [_PROVIDERS.get(agent, ""), value, *below]


def _add(found: dict[str, str], provider: str, value: str) -> None:
    value = value.strip()
    provider = "imdb" if re.fullmatch(r"tt\d+", value) else provider
    if provider and re.fullmatch(r"tt\d+" if provider == "imdb" else r"0*[1-9]\d*", value):
        found.setdefault(provider, value)
