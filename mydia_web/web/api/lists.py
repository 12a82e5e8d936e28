"""/api/v1: Continue Watching, history, the library and a show's episodes."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from mydia_web.errors import InvalidValue
from mydia_web.library.content import find_by_external_id, find_show, list_episodes, search_library
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.continue_watching import ToWatch, continue_watching, up_next
from mydia_web.playback.history import HistoryEntry, history
from mydia_web.web.history import CURSOR

bp = Blueprint("lists", __name__)

_MAX_LIMIT = 200


@bp.get("/continue-watching")
def list_continue_watching() -> ResponseReturnValue:
    limit = _asked_limit(24)
    return {
        "continue_watching": [_card(card) for card in continue_watching(g.user.id, limit=limit)],
        "up_next": [_card(card) for card in up_next(g.user.id, limit=limit)],
    }


@bp.get("/history")
def list_history() -> ResponseReturnValue:
    """List plays, newest first. `next` is `before` of the page that follows; null at the end."""
    limit = _asked_limit(50)
    plays = history(g.user.id, before=CURSOR.asked(), limit=limit + 1)
    following = None
    if len(plays) > limit:
        last = plays[limit - 1]
        following = CURSOR.write(last.watched_at, last.play_id)
    return {"plays": [_play(play) for play in plays[:limit]], "next": following}


@bp.get("/library")
def search() -> ResponseReturnValue:
    """Find titles by `external_id=imdb:tt1727587`, or films and shows by title with `q=`."""
    external_id = request.args.get("external_id")
    if external_id is None:
        return {"items": [_item(item) for item in _by_title(request.args.get("q", ""))]}
    provider, _, value = external_id.partition(":")
    if not provider or not value:
        raise InvalidValue("external_id", "Give it as provider:value, such as imdb:tt1727587.")
    return {"items": [_item(item) for item in find_by_external_id(provider.lower(), value)]}


@bp.get("/shows/<int:show_id>/episodes")
def episodes(show_id: int) -> ResponseReturnValue:
    show = find_show(show_id)
    listed = [_episode(episode, show) for episode in list_episodes(show.id)]
    return {"show": _item(show), "episodes": listed}


def _asked_limit(default: int) -> int:
    """Return `limit` of the query string. Raises `InvalidValue`."""
    text = request.args.get("limit", str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= 3
    if not is_number or not 1 <= int(text) <= _MAX_LIMIT:
        raise InvalidValue("limit", f"Give a number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _by_title(text: str) -> Sequence[MediaItem]:
    limit = _asked_limit(50)
    if not text.strip():
        raise InvalidValue("q", "Give a title to look for, or external_id=provider:value.")
    films = search_library("movie", text=text, limit=limit)
    shows = search_library("show", text=text, limit=limit)
    return [*films, *shows][:limit]


def _card(card: ToWatch) -> dict[str, Any]:
    return {**asdict(card), "id": card.content_id, "last_activity_at": _iso(card.last_activity_at)}


def _play(play: HistoryEntry) -> dict[str, Any]:
    content = play.episode or play.item
    entry = {
        "play_id": play.play_id,
        "watched_at": _iso(play.watched_at),
        "origin": play.origin,
        "source": play.source_name,
        "kind": content.key.kind,
        "id": content.id,
        "item_id": play.item.id,
        "title": play.item.title,
        "year": play.item.year,
        "season_number": None,
        "episode_number": None,
        "episode_title": None,
    }
    if play.episode:
        entry["season_number"] = play.episode.season_number
        entry["episode_number"] = play.episode.episode_number
        entry["episode_title"] = play.episode.title
    return entry


def _item(item: MediaItem | Episode) -> dict[str, Any]:
    if isinstance(item, Episode):
        return _episode(item, item.show)
    return {"kind": item.type, "id": item.id, "title": item.title, "year": item.year}


def _episode(episode: Episode, show: MediaItem) -> dict[str, Any]:
    return {
        "kind": "episode",
        "id": episode.id,
        "title": episode.title,
        "show_id": show.id,
        "show": show.title,
        "season_number": episode.season_number,
        "episode_number": episode.episode_number,
        "air_date": episode.air_date.isoformat() if episode.air_date else None,
    }


def _iso(at: datetime | None) -> str | None:
    if at:
        return at.isoformat()
    return None
