"""Which title Plex means: `imdb://tt…` of today's agents, and the guids of the agents before them."""

import re
from collections.abc import Iterable, Iterator

from mydia_web.backends.wire import external_ids, text_of

_AGENTS = {
    "imdb": "imdb",
    "themoviedb": "tmdb",
    "thetvdb": "tvdb",
    "xbmcnfo": "imdb",
    "xbmcnfotv": "tvdb",
}
_LEGACY = re.compile(r"com\.plexapp\.agents\.(\w+)://([^?]+)")
#: HAMA names the provider in the id; tvdb2 to tvdb6 are other orders of the same show.
_HAMA = re.compile(r"(imdb|tmdb|tvdb)\d?-(.+)")


def own_ids(*told: object) -> dict[str, str]:
    """The title's own. A legacy guid with a season in it names the show, and is not among them."""
    return external_ids(pair for guid in _guids(told) for pair in _own(guid))


def show_ids(*told: object) -> dict[str, str]:
    """What a legacy guid of an episode tells of its show."""
    return external_ids(parts[:2] for guid in _guids(told) if (parts := _parts(guid)))


def _own(guid: str) -> list[tuple[str, str]]:
    parts = _parts(guid)
    if parts:
        return [] if parts[2] else [parts[:2]]
    provider, _, value = guid.partition("://")
    return [(provider, value)]


def _parts(guid: str) -> tuple[str, str, bool] | None:
    """Provider and id of a legacy guid, and whether a season follows."""
    match = _LEGACY.match(guid)
    if match is None:
        return None
    agent, (value, *below) = match[1].lower(), match[2].split("/")
    if agent == "hama" and (named := _HAMA.fullmatch(value)):
        return named[1], named[2], bool(below)
    return _AGENTS.get(agent, ""), value, bool(below)


def _guids(told: Iterable[object]) -> Iterator[str]:
    """From guids, lists of them, and lists of objects that have them as `id`."""
    for one in told:
        for guid in one if isinstance(one, list) else [one]:
            yield text_of(guid.get("id") if isinstance(guid, dict) else guid)
