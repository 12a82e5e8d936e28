"""/api/v1/continue-watching and /api/v1/history."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from mydia_web.errors import InvalidValue
from mydia_web.playback.continue_watching import ToWatch, continue_watching, up_next
from mydia_web.playback.history import Cursor, HistoryEntry, history

bp = Blueprint("api_lists", __name__)

_MOST = 200


@bp.get("/continue-watching")
def list_continue_watching() -> ResponseReturnValue:
    limit = asked_limit(24)
    return {
        "continue_watching": [_card(card) for card in continue_watching(g.user.id, limit=limit)],
        "up_next": [_card(card) for card in up_next(g.user.id, limit=limit)],
    }


@bp.get("/history")
def list_history() -> ResponseReturnValue:
    """Plays, newest first. `next` is the `before` of the page that follows; null at the end."""
    limit = asked_limit(50)
    asked = request.args.get("before")
    found = history(g.user.id, before=Cursor.parse(asked) if asked else None, limit=limit + 1)
    plays = found[:limit]
    following = Cursor(plays[-1].watched_at, plays[-1].play_id) if len(found) > limit else None
    return {"plays": [_play(play) for play in plays], "next": str(following) if following else None}


def asked_limit(default: int) -> int:
    """`limit` of the query string. Raises `InvalidValue`."""
    asked = request.args.get("limit", str(default))
    if not asked.isascii() or not asked.isdigit() or len(asked) > 3 or not 1 <= int(asked) <= _MOST:
        raise InvalidValue("limit", f"Give a number from 1 to {_MOST}.")
    return int(asked)


def _card(card: ToWatch) -> dict[str, Any]:
    return {**asdict(card), "id": card.content_id, "last_activity_at": _iso(card.last_activity_at)}


def _play(play: HistoryEntry) -> dict[str, Any]:
    episode = play.episode
    return {
        "play_id": play.play_id,
        "watched_at": _iso(play.watched_at),
        "origin": play.origin,
        "source": play.source_name,
        "kind": "episode" if episode else "movie",
        "id": episode.id if episode else play.item.id,
        "item_id": play.item.id,
        "title": play.item.title,
        "year": play.item.year,
        "season_number": episode.season_number if episode else None,
        "episode_number": episode.episode_number if episode else None,
        "episode_title": episode.title if episode else None,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
