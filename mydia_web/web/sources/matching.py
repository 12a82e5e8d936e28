"""Titles of a source that were not recognised: what an admin says they are."""

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

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
from mydia_web.sync.pulls import request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.filters import counted

bp = Blueprint("matching", __name__)

MAX_CANDIDATES = 12
_MAX_SEARCH_LENGTH = 200

_ITEM = "/<int:source_id>/unmatched/<int:item_id>"


@bp.get(_ITEM)
@admin_only
def item(source_id: int, item_id: int) -> ResponseReturnValue:
    return _item_page(source_id, item_id)


@bp.post(_ITEM)
@admin_only
def match(source_id: int, item_id: int) -> ResponseReturnValue:
    """Match the item with the chosen film or episode."""
    source = get_source(source_id)
    unmatched = find_unmatched(source_id, item_id)
    try:
        content = _chosen_content()
    except InvalidValue as error:
        return _item_page(source_id, item_id, error=error.message), 422
    title = unmatched.title
    match_by_hand(unmatched, content)
    request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(f"“{title}” is matched. {source.name} is being pulled again for your state of it.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.get(f"{_ITEM}/folder")
@admin_only
def folder(source_id: int, item_id: int) -> ResponseReturnValue:
    """Ask which show the files in the item's folder belong to."""
    return _folder_page(source_id, item_id)


@bp.post(f"{_ITEM}/folder")
@admin_only
def match_whole_folder(source_id: int, item_id: int) -> ResponseReturnValue:
    """Match all files in the item's folder with the chosen show."""
    source = get_source(source_id)
    unmatched = find_unmatched(source_id, item_id)
    files = len(files_in_folder(source_id, unmatched.folder))
    try:
        show = _chosen_show()
    except InvalidValue as error:
        return _folder_page(source_id, item_id, error=error.message), 422
    title = show.title
    left = len(match_folder(source_id, unmatched.folder, show))
    if left < files:
        request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(_folder_words(files - left, left, title))
    return htmx.go_to(url_for("sources.show", source_id=source_id, _anchor="unmatched"))


def _folder_words(matched: int, left: int, title: str) -> str:
    words = f"{counted(matched, 'file')} matched to “{title}”."
    if left:
        return f"{words} {counted(left, 'file')} left: {NO_NUMBERS}"
    return words


def _chosen_content() -> Content:
    """Raises `InvalidValue` for an impossible episode, `NotFound` for a title that is gone."""
    content_id = request.form.get("id", 0, type=int)
    if request.form.get("kind") != "show":
        return find_movie(content_id)
    season = request.form.get("season", type=int)
    number = request.form.get("episode", type=int)
    return episode_at(find_show(content_id), season, number)


def _chosen_show() -> MediaItem:
    """Raises `InvalidValue` for a new show without a title, `NotFound` for one that is gone."""
    if request.form.get("kind") == "new":
        return add_show(request.form.get("title", ""))
    return find_show(request.form.get("id", 0, type=int))


def _item_page(source_id: int, item_id: int, *, error: str = "") -> str:
    source = get_source(source_id)
    unmatched = find_unmatched(source_id, item_id)
    text = _search_text(unmatched.title)
    return render_template(
        "sources/unmatched.html",
        source=source,
        item=unmatched,
        q=text,
        films=search_library("movie", text=text, limit=MAX_CANDIDATES),
        shows=search_library("show", text=text, limit=MAX_CANDIDATES),
        error=error,
    )


def _folder_page(source_id: int, item_id: int, *, error: str = "") -> str:
    source = get_source(source_id)
    unmatched = find_unmatched(source_id, item_id)
    name = name_of_folder(unmatched.folder)
    text = _search_text(name)
    return render_template(
        "sources/unmatched_folder.html",
        source=source,
        item=unmatched,
        files=files_in_folder(source_id, unmatched.folder),
        q=text,
        name=name,
        shows=search_library("show", text=text, limit=MAX_CANDIDATES),
        no_numbers=NO_NUMBERS,
        error=error,
    )


def _search_text(default: str) -> str:
    return request.values.get("q", default).strip()[:_MAX_SEARCH_LENGTH]
