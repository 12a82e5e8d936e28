"""/api/v1/playback: reading and saving positions, marking watched."""

from collections.abc import Mapping
from typing import Any, Literal

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.library.content import find_content
from mydia_web.library.models import Content
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import PlaybackProgress
from mydia_web.web.api.bodies import InvalidBody, Position, read_body

bp = Blueprint("api_playback", __name__)

Kind = Literal["movie", "episode"]
_ADDRESS = "/playback/<any(movie, episode):kind>/<int:content_id>"


@bp.errorhandler(InvalidBody)
def invalid_body(error: InvalidBody) -> ResponseReturnValue:
    db.session.rollback()
    return {"errors": error.errors}, error.status


@bp.get(_ADDRESS)
def show(kind: Kind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    return dict(_position(content, get_progress(g.user.id, content)))


@bp.post(_ADDRESS)
def save(kind: Kind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    body = read_body(Position)
    progress = save_progress(g.user.id, content, **body.model_dump(), origin="api")
    db.session.commit()
    return dict(_position(content, progress))


@bp.post(f"{_ADDRESS}/watched")
def mark(kind: Kind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    progress = mark_watched(g.user.id, content, origin="api")
    db.session.commit()
    return dict(_position(content, progress))


@bp.delete(f"{_ADDRESS}/watched")
def unmark(kind: Kind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    mark_unwatched(g.user.id, content, origin="api")
    db.session.commit()
    return dict(_position(content, None))


def _position(content: Content, progress: PlaybackProgress | None) -> Mapping[str, Any]:
    if progress is None:
        return {
            "position_seconds": 0,
            "duration_seconds": content.runtime_seconds,
            "completion_percentage": 0.0,
            "watched": False,
            "last_watched_at": None,
        }
    at = progress.last_watched_at
    return {
        "position_seconds": progress.position_seconds,
        "duration_seconds": progress.duration_seconds,
        "completion_percentage": progress.completion_percentage,
        "watched": progress.watched,
        "last_watched_at": at.isoformat() if at > UNKNOWN_TIME else None,
    }
