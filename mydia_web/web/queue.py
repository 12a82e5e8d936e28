"""/queue: what the servers are still owed, and what a person can do about it."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from mydia_web.backends.base import Connection
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.queue import listing
from mydia_web.queue.listing import Place, Row, Tab
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import health
from mydia_web.sources.accounts import get_source, list_sources
from mydia_web.sources.overview import accounts_of_user
from mydia_web.sources.registry import backend_class, open_backend
from mydia_web.sync.delivery import prepare
from mydia_web.web import htmx, marks
from mydia_web.web.auth import admin_only
from mydia_web.web.filters import clock_time, day_and_time, local, today

bp = Blueprint("queue", __name__, url_prefix="/queue")

#: Seconds between two looks while something is being sent, and while nothing is.
FAST, SLOW = 2, 30


@bp.app_template_filter()
def soon(at: datetime) -> str:
    """`in 40 s`, `in 2 min`, `in 3 h`; further away the day and time itself."""
    seconds = (at - now()).total_seconds()
    if seconds < 1:
        return "now"
    for size, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if seconds < size * 60:
            return f"in {seconds / size:.0f} {unit}"
    return day_and_time(at)


@bp.app_template_filter()
def time_or_day(at: datetime) -> str:
    """`14:02`; of another day the day too."""
    return clock_time(at) if local(at).date() == today() else day_and_time(at)


@bp.get("")
def index() -> ResponseReturnValue:
    """The page; as JSON where that is asked for."""
    board = _board()
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return _as_json(board)
    return render_template("queue/index.html", **board)


@bp.get("/rows")
def rows() -> ResponseReturnValue:
    """The part of the page that is asked for again and again; 304 while nothing has changed."""
    board = _board()
    response = make_response()
    response.set_etag(_fingerprint(board))
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    if response.status_code != 304:
        response.set_data(render_template("queue/_board.html", **board))
    return response


@bp.post("/<int:row_id>/retry")
def retry(row_id: int) -> ResponseReturnValue:
    row = listing.find_row(row_id, _whose())
    retried = PlaybackSyncRepository().retry(QueuedChange.id == row_id)
    health.probe_now(row.change.source_id)
    db.session.commit()
    return _done(f"{row.source_name} is asked again now." if retried else "It is under way already.")


@bp.post("/<int:row_id>/skip")
def skip(row_id: int) -> ResponseReturnValue:
    row = listing.find_row(row_id, _whose())
    skipped = PlaybackSyncRepository().cancel(QueuedChange.id == row_id)
    db.session.commit()
    return _done(
        f"Skipped. {row.source_name} will not be told."
        if skipped
        else "It is being sent or was sent already."
    )


@bp.get("/<int:row_id>/explain")
def explain(row_id: int) -> ResponseReturnValue:
    """The exact calls a delivery would make, without making them."""
    row = listing.find_row(row_id, _whose())
    template = "queue/_explain.html" if htmx.wants_fragment() else "queue/explain.html"
    return render_template(template, row=row, calls=_calls(row))


@bp.post("/pause")
@admin_only
def pause() -> ResponseReturnValue:
    source = get_source(_asked_source())
    health.pause(source)
    db.session.commit()
    return _done(f"{source.name} is paused. Changes wait until you resume it.")


@bp.post("/resume")
@admin_only
def resume() -> ResponseReturnValue:
    source = get_source(_asked_source())
    health.resume(source)
    db.session.commit()
    return _done(f"{source.name} is told again.")


def _whose() -> int | None:
    """Admins see everyone's rows."""
    return None if g.user.is_admin else g.user.id


def _asked_source() -> int:
    return request.form.get("source", 0, type=int)


def _board() -> dict[str, Any]:
    tab, whose, before = _asked_tab(), _whose(), _asked_place()
    found = listing.list_rows(tab, whose, before=before, limit=listing.PAGE + 1)
    counts = listing.count_tabs(whose)
    return {
        "tab": tab,
        "tabs": list(Tab),
        "counts": counts,
        "rows": found[: listing.PAGE],
        "older": _written(found[listing.PAGE - 1].place) if len(found) > listing.PAGE else None,
        "before": _written(before) if before else None,
        "strip": _strip(whose),
        "every": FAST if counts[Tab.SENDING] else SLOW,
        "max_count": listing.MAX_COUNT,
        "everyone": whose is None,
    }


def _strip(whose: int | None) -> list[dict[str, Any]]:
    accounts, owed = accounts_of_user(g.user.id), listing.owed_by_source(whose)
    return [
        {
            "source": source,
            "owed": owed.get(source.id, listing.Owed()),
            "health": health.health(source, accounts.get(source.id)),
        }
        for source in list_sources()
        if backend_class(source.kind).traits.takes_pushes and (whose is None or source.id in accounts)
    ]


def _asked_tab() -> Tab:
    asked = request.values.get("tab", "")
    return Tab(asked) if asked in list(Tab) else Tab.WAITING


def _asked_place() -> Place | None:
    """Raises `InvalidValue` for what no page of ours has written."""
    asked = request.values.get("before", "")
    if not asked:
        return None
    at, _, row_id = asked.rpartition("_")
    try:
        place = Place(datetime.fromisoformat(at), int(row_id))
    except ValueError as error:
        raise InvalidValue("before", "This is not a place in the queue.") from error
    if place.updated_at.tzinfo is None:
        raise InvalidValue("before", "This is not a place in the queue.")
    return place


def _written(place: Place) -> str:
    return f"{place.updated_at.isoformat()}_{place.row_id}"


def _fingerprint(board: dict[str, Any]) -> str:
    """Of all that the part shows. Words such as “2 min ago” may lag by a minute for it."""
    rows: Sequence[Row] = board["rows"]
    shown = (
        [(row.change.id, row.change.updated_at, row.change.intent_seq, row.change.status) for row in rows],
        board["counts"],
        [(one["source"].name, one["owed"], one["health"]) for one in board["strip"]],
        (board["tab"], board["before"], board["older"], g.user.id, g.user.time_zone),
        int(now().timestamp() // 60),
    )
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:20]


def _calls(row: Row) -> list[str]:
    """Nobody is signed in for it: what is sent is the same for everyone."""
    source = get_source(row.change.source_id)
    (delivery,) = prepare([row.change])
    with closing(open_backend(source.kind, Connection(source.base_url))) as backend:
        return [line for _, target in delivery.targets for line in backend.explain(target, delivery.wanted)]


def _done(words: str) -> ResponseReturnValue:
    if htmx.wants_fragment():
        return htmx.fragments(render_template("queue/_board.html", **_board()), *marks.beside(words, None))
    flash(words)
    return redirect(
        url_for(".index", tab=_asked_tab(), before=request.values.get("before") or None), code=303
    )


def _as_json(board: dict[str, Any]) -> Response:
    response = jsonify(
        tab=board["tab"],
        counts=board["counts"],
        sources=[_source_as_json(one) for one in board["strip"]],
        older=board["older"] and url_for(".index", tab=board["tab"], before=board["older"]),
        rows=[_row_as_json(row) for row in board["rows"]],
    )
    response.vary.add("Accept")
    return response


def _source_as_json(one: dict[str, Any]) -> dict[str, Any]:
    owed: listing.Owed = one["owed"]
    return {
        "name": one["source"].name,
        "state": one["health"].mood,
        "waiting": owed.waiting,
        "sending": owed.sending,
        "needs_you": owed.needs_you,
    }


def _row_as_json(row: Row) -> dict[str, Any]:
    change = row.change
    times = ("intent_at", "created_at", "updated_at", "last_attempt_at", "next_attempt_at")
    return {
        "id": change.id,
        "text": str(row.sentence),
        "user": row.user_name,
        "source": row.source_name,
        "title": row.title,
        "season": row.season_number,
        "episode": row.episode_number,
        "status": change.status,
        "change_type": change.change_type,
        "completed": change.completed,
        "position_ms": change.position_ms,
        "origin": change.origin,
        "attempt_count": change.attempt_count,
        "error_class": change.error_class,
        "error_message": change.error_message,
        **{name: at.isoformat() if (at := getattr(change, name)) else None for name in times},
    }
