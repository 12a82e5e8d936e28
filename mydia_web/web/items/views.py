"""/movies/7, /shows/3, /episodes/42: what is known of a title, and its watched marks.

`POST …/watched` marks; `DELETE …/watched`, or `POST …/unwatched` for forms, takes the mark away.
"""

from collections.abc import Callable, Sequence

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.content import find_content, find_show, list_episodes
from mydia_web.library.models import Content, ContentKind, Episode, MediaItem
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.progress import adopt_remote_state
from mydia_web.playback.undo import Undone, undo
from mydia_web.queue.agreement import CopyStatus
from mydia_web.web.frame import htmx
from mydia_web.web.frame.filters import code, counted, position
from mydia_web.web.items import marks
from mydia_web.web.items import page as item_pages

bp = Blueprint("items", __name__)

_CONTENT = "/<any(movie, episode):kind>s/<int:content_id>"
_SHOW = "/shows/<int:show_id>"
_SEASON = f"{_SHOW}/seasons/<int:number>"


@bp.app_template_filter()
def remote_state(copy: CopyStatus) -> str:
    """`at 4:05`, `watched`, `at 4:05, watched`, `not watched`."""
    words = []
    if copy.position_seconds:
        words.append(f"at {position(copy.position_seconds)}")
    if copy.watched:
        words.append("watched")
    return ", ".join(words) or "not watched"


@bp.get(_CONTENT)
def content(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    """Show a film or an episode."""
    state = item_pages.item_state(find_content(kind, content_id))
    return render_template(f"items/{kind}.html", **state)


@bp.post(f"{_CONTENT}/watched")
def mark(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    with Act(g.user.id, "web") as act:
        act.mark_watched(content, Mark(date_unknown="date_unknown" in request.form))
    words = "marked watched." if act.changed else "was already watched."
    return _answer(act, [content], f"{_name(content)} {words}")


@bp.post(f"{_CONTENT}/unwatched")
@bp.delete(f"{_CONTENT}/watched", endpoint="delete_mark")
def unmark(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    content = find_content(kind, content_id)
    with Act(g.user.id, "web") as act:
        changed = act.mark_unwatched(content)
    words = "marked unwatched." if changed else "was already unwatched."
    return _answer(act, [content], f"{_name(content)} {words}")


@bp.post(f"{_CONTENT}/use/<int:source_item_id>")
def adopt(kind: ContentKind, content_id: int, source_item_id: int) -> ResponseReturnValue:
    """Make the state that one server shows the state here and everywhere."""
    content = find_content(kind, content_id)
    act = adopt_remote_state(g.user.id, content, source_item_id)
    return _answer(act, [content], f"{_name(content)} now matches that server everywhere.")


@bp.get(_SHOW)
def show(show_id: int) -> ResponseReturnValue:
    state = item_pages.show_state(find_show(show_id), request.args.get("season", type=int))
    return render_template("items/show.html", **state)


@bp.get(_SEASON)
def season(show_id: int, number: int) -> ResponseReturnValue:
    """Show a show with this season open."""
    state = item_pages.show_state(find_show(show_id), number)
    if state["open_season"] is None or state["open_season"].number != number:
        raise NotFound("There is no such season.")
    if htmx.wants_fragment():
        return htmx.fragments(render_template("items/_show_state.html", **state))
    return render_template("items/show.html", **state)


@bp.post(f"{_SHOW}/watched", defaults={"number": None})
@bp.post(f"{_SEASON}/watched")
def mark_show(show_id: int, number: int | None) -> ResponseReturnValue:
    return _mark_many(Act.mark_show_watched, "marked watched", find_show(show_id), number)


@bp.post(f"{_SHOW}/unwatched", defaults={"number": None})
@bp.post(f"{_SEASON}/unwatched")
@bp.delete(f"{_SHOW}/watched", defaults={"number": None}, endpoint="delete_show_marks")
@bp.delete(f"{_SEASON}/watched", endpoint="delete_season_marks")
def unmark_show(show_id: int, number: int | None) -> ResponseReturnValue:
    return _mark_many(Act.mark_show_unwatched, "marked unwatched", find_show(show_id), number)


def _mark_many(
    change: Callable[..., int], words: str, show: MediaItem, number: int | None
) -> ResponseReturnValue:
    """Mark a season or a whole show in one act, so that one undo takes it back."""
    episodes = list_episodes(show.id, season=number)
    if not episodes and number is not None:
        raise NotFound("There is no such season.")
    with Act(g.user.id, "web") as act:
        change(act, show, season=number)
    message = "Nothing to change."
    if act.changed:
        message = f"{counted(act.changed, 'episode')} of {show.title} {words}."
    return _answer(act, episodes[:1], message)


@bp.post("/undo/<int:change_set_id>")
def undo_act(change_set_id: int) -> ResponseReturnValue:
    undone = undo(change_set_id, g.user.id)
    db.session.commit()
    # The changed parts may be anywhere on the page, so all of them are out of band.
    return htmx.done(
        _undo_words(undone),
        part=lambda: marks.changed_parts(undone.contents, oob=True),
        page=htmx.way_back(),
    )


def _undo_words(undone: Undone) -> str:
    restored = len(undone.contents)
    if not restored and not undone.kept:
        return "Already undone."
    if not restored:
        return "Nothing was undone: it has changed since."
    words = "Restored." if restored == 1 else f"{counted(restored, 'title')} restored."
    if not undone.kept:
        return words
    return f"{words} {counted(undone.kept, 'title')} changed since then, and kept."


def _answer(act: Act, contents: Sequence[Content], words: str) -> ResponseReturnValue:
    change_set_id = act.change_set_id
    db.session.commit()
    return marks.answer(contents, words, change_set_id=change_set_id)


def _name(content: Content) -> str:
    if isinstance(content, Episode):
        return f"{content.show.title} {code(content)}"
    return content.title
