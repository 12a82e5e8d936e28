"""Where a browser opens a title."""

from collections.abc import Mapping

from mydia_web.backends.trakt import mapping
from mydia_web.backends.values import Target

_SEARCH = "https://trakt.tv/search"


def page(target: Target) -> str:
    """By an id: Trakt's own addresses need names that only it knows. Its website goes on to the
    title by itself.
    """
    own = _search(target.external_ids, target.kind)
    if own:
        return own
    number = mapping.number_of(target.kind, target.remote_id)
    if number is not None:
        return f"{_SEARCH}/trakt/{number}?id_type={target.kind}"
    return _search(target.show_external_ids, "show")


def _search(external_ids: Mapping[str, str], kind: str) -> str:
    for provider in ("imdb", "tmdb", "tvdb"):
        value = external_ids.get(provider, "")
        if mapping.is_id(provider, value):
            return f"{_SEARCH}/{provider}/{value}" + (
                "" if provider == "imdb" else f"?id_type={kind}"
            )
    return ""
