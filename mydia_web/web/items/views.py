"""/movies/7, /shows/3, /episodes/42: what is known of them, and their watched marks.

Marking is `POST …/watched`, taking the mark away `DELETE …/watched` or, for forms, `POST
…/unwatched`.
"""

from collections.abc import Callable, Sequence

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.content import find_episode, find_movie, find_show, list_episodes
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.progress import adopt_remote_state
from mydia_web.web.frame import htmx
from mydia_web.web.frame.filters import code, counted
from mydia_web.web.items import marks
from mydia_web.web.items import page as item_pages

bp = Blueprint("items", __name__)


@bp.get("/movies/<int:movie_id>")
def movie(movie_id: int) -> ResponseReturnValue:
    film = find_movie(movie_id)
    return render_template("items/movie.html", **item_pages.item_state(film))


@bp.get("/episodes/<int:episode_id>")
def episode(episode_id: int) -> ResponseReturnValue:
    found = find_episode(episode_id)
    return render_template("items/episode.html", **item_pages.item_state(found))


@bp.get("/shows/<int:show_id>")
def show(show_id: int) -> ResponseReturnValue:
    found = find_show(show_id)
    return _show_page(found, request.args.get("season", type=int))


@bp.get("/shows/<int:show_id>/seasons/<int:number>")
def season(show_id: int, number: int) -> ResponseReturnValue:
    """The show with this season open."""
    found = find_show(show_id)
    state = item_pages.show_state(found, number)
    if state["open_season"] is None or state["open_season"].number != number:
        raise NotFound("There is no such season.")
    if htmx.wants_fragment():
        return htmx.fragments(render_template("items/_show_state.html", **state))
    return _show_page(found, number)


@bp.post("/movies/<int:movie_id>/watched")
def mark_movie(movie_id: int) -> ResponseReturnValue:
    return _mark(find_movie(movie_id))


@bp.delete("/movies/<int:movie_id>/watched")
@bp.post("/movies/<int:movie_id>/unwatched")
def unmark_movie(movie_id: int) -> ResponseReturnValue:
    return _unmark(find_movie(movie_id))


@bp.post("/episodes/<int:episode_id>/watched")
def mark_episode(episode_id: int) -> ResponseReturnValue:
    return _mark(find_episode(episode_id))


@bp.delete("/episodes/<int:episode_id>/watched")
@bp.post("/episodes/<int:episode_id>/unwatched")
def unmark_episode(episode_id: int) -> ResponseReturnValue:
    return _unmark(find_episode(episode_id))


@bp.post("/shows/<int:show_id>/watched", defaults={"number": None})
@bp.post("/shows/<int:show_id>/seasons/<int:number>/watched")
def mark_show(show_id: int, number: int | None) -> ResponseReturnValue:
    return _mark_many(Act.mark_show_watched, "marked watched", find_show(show_id), number)


@bp.delete("/shows/<int:show_id>/watched", defaults={"number": None})
@bp.delete("/shows/<int:show_id>/seasons/<int:number>/watched")
@bp.post("/shows/<int:show_id>/unwatched", defaults={"number": None})
@bp.post("/shows/<int:show_id>/seasons/<int:number>/unwatched")
def unmark_show(show_id: int, number: int | None) -> ResponseReturnValue:
    return _mark_many(Act.mark_show_unwatched, "marked unwatched", find_show(show_id), number)


@bp.post("/movies/<int:movie_id>/use/<int:source_item_id>")
def use_movie_state(movie_id: int, source_item_id: int) -> ResponseReturnValue:
    return _use(find_movie(movie_id), source_item_id)


@bp.post("/episodes/<int:episode_id>/use/<int:source_item_id>")
def use_episode_state(episode_id: int, source_item_id: int) -> ResponseReturnValue:
    return _use(find_episode(episode_id), source_item_id)


def _use(content: Content, source_item_id: int) -> ResponseReturnValue:
    """What this server shows becomes the state here and everywhere."""
    act = adopt_remote_state(g.user.id, content, source_item_id)
    return _marked(
        act, [content], f"{_name(content)} is set as that server shows it, here and everywhere."
    )


def _show_page(show: MediaItem, season_number: int | None) -> str:
    return render_template("items/show.html", **item_pages.show_state(show, season_number))


def _mark(content: Content) -> ResponseReturnValue:
    with Act(g.user.id, "web") as act:
        act.mark_watched(content, Mark(date_unknown="date_unknown" in request.form))
    words = "marked watched." if act.changed else "was watched already."
    return _marked(act, [content], f"{_name(content)} {words}")


def _unmark(content: Content) -> ResponseReturnValue:
    with Act(g.user.id, "web") as act:
        changed = act.mark_unwatched(content)
    words = "marked unwatched." if changed else "was unwatched already."
    return _marked(act, [content], f"{_name(content)} {words}")


def _mark_many(
    change: Callable[..., int], words: str, show: MediaItem, number: int | None
) -> ResponseReturnValue:
    """One act, one undo, for a season or a whole show."""
    episodes = list_episodes(show.id, season=number)
    if not episodes and number is not None:
        raise NotFound("There is no such season.")
    with Act(g.user.id, "web") as act:
        change(act, show, season=number)
    words = (
        f"{counted(act.changed, 'episode')} of {show.title} {words}."
        if act.changed
        else "Nothing to change."
    )
    return _marked(act, episodes[:1], words)


def _marked(act: Act, contents: Sequence[Content], words: str) -> ResponseReturnValue:
    change_set_id = act.change_set_id
    db.session.commit()
    return marks.answer(contents, words, change_set_id=change_set_id)


def _name(content: Content) -> str:
    if isinstance(content, Episode):
        return f"{content.show.title} {code(content)}"
    return content.title
