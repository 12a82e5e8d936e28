"""/undo/<change set>: taking a click back."""

from flask import Blueprint, flash, g, redirect, render_template
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.playback.undo import Undone, undo
from mydia_web.web.frame import htmx
from mydia_web.web.frame.filters import counted
from mydia_web.web.items import marks

bp = Blueprint("undo", __name__)


@bp.post("/undo/<int:change_set_id>")
def undo_act(change_set_id: int) -> ResponseReturnValue:
    undone = undo(change_set_id, g.user.id)
    db.session.commit()
    words = _words(undone)
    if not htmx.wants_fragment():
        flash(words)
        return redirect(htmx.way_back(), code=303)
    toast = render_template("shared/_toast.html", message=words)
    badge = render_template("shared/_sync_badge.html", oob=True)
    return htmx.fragments(toast, marks.changed_parts(undone.contents, oob=True), badge)


def _words(undone: Undone) -> str:
    if not undone.contents and not undone.kept:
        return "This was undone already."
    if not undone.contents:
        return "Nothing was undone: it was changed again since."
    restored = (
        "Restored."
        if len(undone.contents) == 1
        else f"{counted(len(undone.contents), 'title')} restored."
    )
    kept = f" {counted(undone.kept, 'title')} changed again since, and kept." if undone.kept else ""
    return restored + kept
