"""/api/v1/playback: read and save positions, mark watched.

Numbers in bodies are JSON numbers: neither "90" nor true is one.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from flask import Blueprint, abort, g, request
from flask.typing import ResponseReturnValue
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.errors import MydiaError
from mydia_web.library.content import find_content
from mydia_web.library.models import Content, ContentKind
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import PlaybackProgress

bp = Blueprint("playback", __name__)

Body = TypeVar("Body", bound=BaseModel)

_ADDRESS = "/playback/<any(movie, episode):kind>/<int:content_id>"


class Position(BaseModel):
    """A position in a title, and when it was reached (now, where `at` is missing)."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    position_seconds: float
    duration_seconds: float
    at: AwareDatetime | None = None


class InvalidBody(MydiaError):
    """The body of the request cannot be used. Nothing was stored."""

    status = 422

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__()
        self.errors = errors


@bp.errorhandler(InvalidBody)
def invalid_body(error: InvalidBody) -> ResponseReturnValue:
    db.session.rollback()
    return {"errors": error.errors}, error.status


@bp.get(_ADDRESS)
def show(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    return dict(_as_json(content, get_progress(g.user.id, content)))


@bp.post(_ADDRESS)
def save(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    body = read_body(Position)
    progress = save_progress(g.user.id, content, **body.model_dump(), origin="api")
    db.session.commit()
    return dict(_as_json(content, progress))


@bp.post(f"{_ADDRESS}/watched")
def mark(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    progress = mark_watched(g.user.id, content, origin="api")
    db.session.commit()
    return dict(_as_json(content, progress))


@bp.delete(f"{_ADDRESS}/watched")
def unmark(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    mark_unwatched(g.user.id, content, origin="api")
    db.session.commit()
    return dict(_as_json(content, None))


def read_body(model: type[Body]) -> Body:
    """Return the request's body. Raises `InvalidBody`; aborts with 415 if it is not JSON."""
    if not request.is_json:
        abort(415)
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        raise InvalidBody(_by_field(error)) from error


def _by_field(invalid: ValidationError) -> dict[str, list[str]]:
    messages: dict[str, list[str]] = {}
    details = invalid.errors(include_url=False, include_context=False, include_input=False)
    for detail in details:
        location = detail["loc"]
        field = str(location[0]) if location else "body"
        messages.setdefault(field, []).append(f"{detail['msg']}.")
    return messages


def _as_json(content: Content, progress: PlaybackProgress | None) -> Mapping[str, Any]:
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
