"""/api/v1/library: finding the ids of films, shows and episodes."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from mydia_web.errors import InvalidValue
from mydia_web.library.content import find_by_external_id, find_show, list_episodes, search_library
from mydia_web.library.models import Episode, MediaItem
from mydia_web.web.api.lists import asked_limit

bp = Blueprint("api_library", __name__)


@bp.get("/library")
def search() -> ResponseReturnValue:
    """By `external_id=imdb:tt1727587`, or by title with `q=`."""
    external_id = request.args.get("external_id")
    if external_id is None:
        return {
            "items": [_item(item) for item in _by_title(request.args.get("q", ""), asked_limit(50))]
        }
    provider, colon, value = external_id.partition(":")
    if not (provider and colon and value):
        raise InvalidValue("external_id", "Give it as provider:value, such as imdb:tt1727587.")
    return {"items": [_item(item) for item in find_by_external_id(provider.lower(), value)]}


@bp.get("/shows/<int:show_id>/episodes")
def episodes(show_id: int) -> ResponseReturnValue:
    show = find_show(show_id)
    return {
        "show": _item(show),
        "episodes": [_item(episode, show) for episode in list_episodes(show.id)],
    }


def _by_title(text: str, limit: int) -> list[MediaItem]:
    if not text.strip():
        raise InvalidValue("q", "Give a title to look for, or external_id=provider:value.")
    found = [
        *search_library("movie", text=text, limit=limit),
        *search_library("show", text=text, limit=limit),
    ]
    return found[:limit]


def _item(item: MediaItem | Episode, show: MediaItem | None = None) -> dict[str, Any]:
    if isinstance(item, MediaItem):
        return {"kind": item.type, "id": item.id, "title": item.title, "year": item.year}
    show = show or item.show
    return {
        "kind": "episode",
        "id": item.id,
        "title": item.title,
        "show_id": show.id,
        "show": show.title,
        "season_number": item.season_number,
        "episode_number": item.episode_number,
        "air_date": item.air_date.isoformat() if item.air_date else None,
    }
