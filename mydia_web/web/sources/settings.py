"""What can be set about a source: which of its libraries are read, whose certificate is trusted,
what a title is.
"""

from contextlib import closing

from flask import Blueprint, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BackendError
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.library.content import find_movie, find_show, search_library
from mydia_web.library.models import Content, MediaItem
from mydia_web.sources.accounts import get_source
from mydia_web.sources.matching import (
    NO_NUMBERS,
    add_show,
    episode_at,
    files_in_folder,
    find_unmatched,
    match_by_hand,
    match_folder,
    name_of_folder,
)
from mydia_web.sources.overview import account_on
from mydia_web.sync.clients import open_account
from mydia_web.sync.pulls import request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.filters import counted
from mydia_web.web.frame.transactions import talks_to_servers

bp = Blueprint("source_settings", __name__, url_prefix="/sources")

CANDIDATES = 12


@bp.get("/<int:source_id>/libraries")
@admin_only
@talks_to_servers
def libraries(source_id: int) -> ResponseReturnValue:
    """The libraries of the server, as it lists them now."""
    source = get_source(source_id)
    chosen = set(filter(None, source.library_ids.split("\n")))
    try:
        with closing(open_account(source, account_on(source_id, g.user.id))) as backend:
            db.session.rollback()
            found = backend.libraries()
    except BackendError as error:
        flash(error.message)
        return htmx.go_to(url_for("sources.show", source_id=source_id))
    source = get_source(source_id)
    return render_template("sources/libraries.html", source=source, libraries=found, chosen=chosen)


@bp.post("/<int:source_id>/libraries")
@admin_only
def choose_libraries(source_id: int) -> ResponseReturnValue:
    """Read these from now on. What is in the others is not there any more, for us."""
    source, chosen = get_source(source_id), request.form.getlist("library")
    everything = len(chosen) == request.form.get("of", 0, type=int)
    source.library_ids = "" if everything else "\n".join(sorted(chosen))
    request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(f"{source.name} is read again: {'all' if everything else len(chosen)} of its libraries.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.post("/<int:source_id>/tls")
@admin_only
def trust(source_id: int) -> ResponseReturnValue:
    source = get_source(source_id)
    source.tls = (
        "off" if request.form.get("tls") == "off" else request.form.get("ca_file", "").strip()
    )
    db.session.commit()
    flash("Saved. Test the connection to see whether it is trusted now.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.get("/<int:source_id>/unmatched/<int:item_id>")
@admin_only
def unmatched(source_id: int, item_id: int) -> ResponseReturnValue:
    return _choice(source_id, item_id)


@bp.post("/<int:source_id>/unmatched/<int:item_id>")
@admin_only
def match(source_id: int, item_id: int) -> ResponseReturnValue:
    """This is what it is."""
    source, item = get_source(source_id), find_unmatched(source_id, item_id)
    try:
        content = _said()
    except InvalidValue as error:
        return _choice(source_id, item_id, error=error.message), 422
    title = item.title
    match_by_hand(item, content)
    request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(f"“{title}” is matched. {source.name} is read again for what you saw of it.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.get("/<int:source_id>/unmatched/<int:item_id>/folder")
@admin_only
def unmatched_folder(source_id: int, item_id: int) -> ResponseReturnValue:
    """Ask which show the files in the folder of that item are of."""
    return _choice_of_show(source_id, item_id)


@bp.post("/<int:source_id>/unmatched/<int:item_id>/folder")
@admin_only
def match_whole_folder(source_id: int, item_id: int) -> ResponseReturnValue:
    """All files in the folder of that item are of this show."""
    source = get_source(source_id)
    item = find_unmatched(source_id, item_id)
    files = len(files_in_folder(source_id, item.folder))
    try:
        show = _show_said()
    except InvalidValue as error:
        return _choice_of_show(source_id, item_id, error=error.message), 422
    title = show.title
    left = len(match_folder(source_id, item.folder, show))
    if left < files:
        request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(_matched_words(files - left, left, title))
    return htmx.go_to(url_for("sources.show", source_id=source_id) + "#unmatched")


def _matched_words(matched: int, left: int, title: str) -> str:
    said = f"{counted(matched, 'file')} matched to “{title}”."
    return f"{said} {counted(left, 'file')} left: {NO_NUMBERS}" if left else said


def _show_said() -> MediaItem:
    """Raises `InvalidValue` for a new show without a title, `NotFound` for one that is gone."""
    if request.form.get("kind") == "new":
        return add_show(request.form.get("title", ""))
    return find_show(request.form.get("id", 0, type=int))


def _choice_of_show(source_id: int, item_id: int, *, error: str = "") -> str:
    source = get_source(source_id)
    item = find_unmatched(source_id, item_id)
    name = name_of_folder(item.folder)
    text = request.values.get("q", name).strip()[:200]
    return render_template(
        "sources/unmatched_folder.html",
        source=source,
        item=item,
        files=files_in_folder(source_id, item.folder),
        q=text,
        name=name,
        shows=search_library("show", text=text, limit=CANDIDATES),
        no_numbers=NO_NUMBERS,
        error=error,
    )


def _said() -> Content:
    """Raises `InvalidValue` for an episode that cannot be, `NotFound` for a title that is gone."""
    content_id = request.form.get("id", 0, type=int)
    if request.form.get("kind") != "show":
        return find_movie(content_id)
    season, number = request.form.get("season", type=int), request.form.get("episode", type=int)
    return episode_at(find_show(content_id), season, number)


def _choice(source_id: int, item_id: int, *, error: str = "") -> str:
    """What it may be, by title."""
    source, item = get_source(source_id), find_unmatched(source_id, item_id)
    text = request.values.get("q", item.title).strip()[:200]
    return render_template(
        "sources/unmatched.html",
        source=source,
        item=item,
        q=text,
        films=search_library("movie", text=text, limit=CANDIDATES),
        shows=search_library("show", text=text, limit=CANDIDATES),
        error=error,
    )
