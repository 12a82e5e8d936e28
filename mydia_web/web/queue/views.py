"""/queue: what the servers are still owed, and what a person can do about it."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

from flask import (
    Blueprint,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from mydia_web.backends.values import Connection
from mydia_web.clock import now
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
from mydia_web.web.frame.filters import clock_time, counted, day_and_time, local, today, zone
from mydia_web.web.items import marks
from mydia_web.web.queue.as_json import board_as_json
from mydia_web.web.queue.board import Board, asked_filter, whose, written

bp = Blueprint("queue", __name__, url_prefix="/queue")

#: A press that is meant for many is one transaction, in whose way others are: it ends here.
MOST_AT_ONCE = 10_000

bp.add_app_template_filter(outcome_words)
bp.add_app_template_filter(written, "written_place")


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


@bp.app_template_filter()
def exact_time(at: datetime) -> str:
    """`14:02:31`; of another day the day and the minute."""
    return f"{local(at):%H:%M:%S}" if local(at).date() == today() else day_and_time(at)


@bp.app_template_filter()
def took(milliseconds: int) -> str:
    """`87 ms`, `5.0 s`."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


@bp.app_template_filter()
def sentence(row: Row) -> Sentence:
    return row.sentence(zone())


@bp.get("")
def index() -> ResponseReturnValue:
    """The page; for htmx what a filter leaves of it; as JSON where that is asked for."""
    board = Board()
    if htmx.wants_fragment():
        return htmx.pushed(
            url_for(".index") + board.query(), render_template("queue/_board.html", board=board)
        )
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        response = jsonify(board_as_json(board))
        response.vary.add("Accept")
        return response
    return render_template("queue/index.html", board=board)


@bp.get("/rows")
def rows() -> ResponseReturnValue:
    """The part of the page that is asked for again and again; 304 while nothing has changed."""
    board = Board()
    response = make_response()
    response.set_etag(board.fingerprint())
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    if response.status_code != 304:
        response.set_data(render_template("queue/_board.html", board=board))
    return response


@bp.post("/<int:row_id>/retry")
def retry(row_id: int) -> ResponseReturnValue:
    row = find_row(row_id, whose())
    retried = PlaybackSyncRepository().retry_row(row_id)
    _ask_again([row.change.source_id], row.change.user_id)
    db.session.commit()
    return _done(
        f"{row.source_name} is asked again now." if retried else "It is under way already."
    )


@bp.post("/<int:row_id>/skip")
def skip(row_id: int) -> ResponseReturnValue:
    row = find_row(row_id, whose())
    skipped = PlaybackSyncRepository().cancel_row(row_id)
    db.session.commit()
    return _done(
        f"Skipped. {row.source_name} will not be told."
        if skipped
        else "It is being sent or was sent already."
    )


@bp.get("/<int:row_id>/explain")
def explain(row_id: int) -> ResponseReturnValue:
    """The exact calls a delivery would make, without making them."""
    row = find_row(row_id, whose())
    template = "queue/_explain.html" if htmx.wants_fragment() else "queue/explain.html"
    return render_template(template, row=row, calls=_calls(row))


@bp.post("/retry")
def retry_all() -> ResponseReturnValue:
    """Try again what needs a person and the filter shows."""
    number = PlaybackSyncRepository().retry_needing_you(asked_filter(), limit=MOST_AT_ONCE)
    _ask_again([one.source.id for one in Board().strip], asked_filter().user_id)
    db.session.commit()
    return _done(_told_of_many(number, "tried again now"))


@bp.post("/skip")
def skip_all() -> ResponseReturnValue:
    """Give up what needs a person and the filter shows."""
    number = PlaybackSyncRepository().cancel_needing_you(asked_filter(), limit=MOST_AT_ONCE)
    db.session.commit()
    return _done(_told_of_many(number, "skipped"))


@bp.post("/run")
@admin_only
def run_now() -> ResponseReturnValue:
    """Send what waits, and ask servers that are taken for down or have refused a sign-in."""
    strip = Board().strip
    for one in strip:
        PlaybackSyncRepository().hurry([one.source.id], limit=MOST_AT_ONCE)
    _ask_again([one.source.id for one in strip])
    db.session.commit()
    return _done("What waits is sent now, except to servers that are paused or asked us to wait.")


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
    return _done("All servers are told again.")


def _asked_source() -> int:
    return request.form.get("source", 0, type=int)


def _ask_again(source_ids: Sequence[int], user_id: int | None = None) -> None:
    """Really ask: also a server that is taken for down, or has refused the sign-in of this user
    (None: of anybody).
    """
    for source_id in source_ids:
        health.probe_now(source_id)
    sign_ins.ask_again(source_ids, user_id)


def _told_of_many(number: int, what: str) -> str:
    if not number:
        return "There is nothing left that needs you."
    words = f"{counted(number, 'change')} {'is' if number == 1 else 'are'} {what}."
    return f"{words} There are more: press once more." if number == MOST_AT_ONCE else words


def _calls(row: Row) -> list[str]:
    """Nobody is signed in for it: what is sent is the same for everyone."""
    source = get_source(row.change.source_id)
    (delivery,) = prepare([row.change])
    with closing(open_backend(source.kind, Connection(source.base_url))) as backend:
        return [
            line
            for _, target in delivery.targets
            for line in backend.explain(target, delivery.wanted)
        ]


def _done(words: str) -> ResponseReturnValue:
    board = Board()
    if htmx.wants_fragment():
        return htmx.fragments(
            render_template("queue/_board.html", board=board), *marks.beside(words, None)
        )
    flash(words)
    return redirect(url_for(".index") + board.query(), code=303)
