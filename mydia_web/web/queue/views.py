"""The routes of /queue."""

import re
from collections.abc import Sequence
from contextlib import closing

from flask import Blueprint, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from mydia_web.backends.values import Connection
from mydia_web.db import db
from mydia_web.queue import sign_ins
from mydia_web.queue.attempts import outcome_words
from mydia_web.queue.board import Row, Sentence, find_row
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import health
from mydia_web.sources.accounts import get_source
from mydia_web.sources.registry import open_backend
from mydia_web.sync.outbound.delivery import prepare
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.filters import counted, zone
from mydia_web.web.queue.as_json import board_as_json
from mydia_web.web.queue.board import Board, asked_filter, visible_user

bp = Blueprint("queue", __name__, url_prefix="/queue")

#: The most that one press changes: it is a single transaction, and others wait for it.
MOST_AT_ONCE = 10_000

_FORMATS = ["text/html", "application/json"]

bp.add_app_template_filter(outcome_words)


@bp.app_template_filter()
def sentence(row: Row) -> Sentence:
    return row.sentence(zone())


@bp.get("")
def index() -> ResponseReturnValue:
    """Show the page; for htmx the part that a filter changes; as JSON where that is preferred."""
    board = Board()
    if htmx.wants_fragment():
        return htmx.pushed(board.url(), _render(board))
    if request.accept_mimetypes.best_match(_FORMATS) == "application/json":
        response = jsonify(board_as_json(board))
        response.vary.add("Accept")
        return response
    return render_template("queue/index.html", board=board)


@bp.get("/rows")
def rows() -> ResponseReturnValue:
    """Show the part of the page that is polled; 304 while nothing has changed."""
    board = Board()
    response = make_response()
    response.set_etag(board.fingerprint())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    if response.status_code != 304:
        response.set_data(_render(board))
    return response


@bp.post("/<int:row_id>/retry")
def retry(row_id: int) -> ResponseReturnValue:
    row = find_row(row_id, visible_user())
    is_retried = PlaybackSyncRepository().retry_row(row_id)
    _probe([row.change.source_id], row.change.user_id)
    db.session.commit()
    return _done(f"Retrying on {row.source_name} now." if is_retried else "Already being sent.")


@bp.post("/<int:row_id>/skip")
def skip(row_id: int) -> ResponseReturnValue:
    row = find_row(row_id, visible_user())
    is_skipped = PlaybackSyncRepository().cancel_row(row_id)
    db.session.commit()
    if not is_skipped:
        return _done("It is being sent, or was sent already.")
    return _done(f"Skipped. {row.source_name} will not be updated.")


@bp.get("/<int:row_id>/explain")
def explain(row_id: int) -> ResponseReturnValue:
    """Show the exact calls that a delivery would make, without making them."""
    row = find_row(row_id, visible_user())
    template = "queue/_explain.html" if htmx.wants_fragment() else "queue/explain.html"
    return render_template(template, row=row, calls=_calls(row))


@bp.post("/retry")
def retry_all() -> ResponseReturnValue:
    """Retry everything that needs a person and passes the filter."""
    number = PlaybackSyncRepository().retry_needing_you(asked_filter(), limit=MOST_AT_ONCE)
    _probe([status.source.id for status in Board().sources], asked_filter().user_id)
    db.session.commit()
    return _done(_words_for_many(number, f"Retrying {counted(number, 'change')} now."))


@bp.post("/skip")
def skip_all() -> ResponseReturnValue:
    """Give up everything that needs a person and passes the filter."""
    number = PlaybackSyncRepository().cancel_needing_you(asked_filter(), limit=MOST_AT_ONCE)
    db.session.commit()
    return _done(_words_for_many(number, f"{counted(number, 'change')} skipped."))


@bp.post("/run")
@admin_only
def run_now() -> ResponseReturnValue:
    """Send what waits, also to servers taken for down and accounts whose sign-in was refused."""
    source_ids = [status.source.id for status in Board().sources]
    for source_id in source_ids:
        PlaybackSyncRepository().hurry([source_id], limit=MOST_AT_ONCE)
    _probe(source_ids)
    db.session.commit()
    return _done("Sending now, except to servers that are paused or asked us to wait.")


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
    return _done(f"{source.name} is resumed.")


@bp.post("/pause-all")
@admin_only
def pause_all() -> ResponseReturnValue:
    health.pause_all()
    db.session.commit()
    return _done("All servers are paused. Changes wait until you resume them.")


@bp.post("/resume-all")
@admin_only
def resume_all() -> ResponseReturnValue:
    health.resume_all()
    db.session.commit()
    return _done("All servers are resumed.")


def _asked_source() -> int:
    """Return the source's id, or 0, which no source has, for what cannot be an id."""
    asked = request.form.get("source", "")
    if not re.fullmatch(r"[0-9]{1,18}", asked):
        return 0
    return int(asked)


def _probe(source_ids: Sequence[int], user_id: int | None = None) -> None:
    """Ask these servers again, down or not, and with refused sign-ins (None: everyone's)."""
    for source_id in source_ids:
        health.probe_now(source_id)
    sign_ins.ask_again(source_ids, user_id)


def _words_for_many(number: int, words: str) -> str:
    if not number:
        return "Nothing needs you any more."
    if number == MOST_AT_ONCE:
        return f"{words} There are more: press again."
    return words


def _calls(row: Row) -> list[str]:
    """Return the calls, without signing in: they are the same for everyone."""
    source = get_source(row.change.source_id)
    (delivery,) = prepare([row.change])
    calls: list[str] = []
    with closing(open_backend(source.kind, Connection(source.base_url))) as backend:
        for _, target in delivery.targets:
            calls += backend.explain(target, delivery.wanted)
    return calls


def _render(board: Board) -> str:
    return render_template("queue/_board.html", board=board)


def _done(words: str) -> ResponseReturnValue:
    board = Board()
    return htmx.done(words, part=lambda: _render(board), page=board.url())
