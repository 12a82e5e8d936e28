"""/ : Continue Watching and Up Next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.library.content import find_content, find_episode, find_movie
from mydia_web.playback.continue_watching import (
    CardCursor,
    ToWatch,
    continue_watching,
    dismiss,
    up_next,
)
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.playing import Session, playing_of
from mydia_web.web.frame import htmx
from mydia_web.web.items import marks

bp = Blueprint("watch", __name__)

#: How many cards of each list the page begins with, and how many come with "Show more".
FIRST, MORE = 12, 24
_LISTS: dict[str, Callable[..., Sequence[ToWatch]]] = {
    "continue": continue_watching,
    "next": up_next,
}


@bp.get("/")
def index() -> ResponseReturnValue:
    """Both lists; or, with `before`, how the one named by `list` goes on."""
    before, asked = _asked_before(), request.args.get("list", "continue")
    if asked not in _LISTS:
        raise InvalidValue("list", "There is no such list.")
    if before:
        return _further(asked, before)
    cards, older = _page("continue", FIRST)
    next_cards, next_older = _page("next", FIRST)
    nothing = not cards and not next_cards
    return render_template(
        "watch/index.html",
        cards=cards,
        older=older,
        next_cards=next_cards,
        next_older=next_older,
        first_page=True,
        playing=_playing(),
        sources=list_sources() if nothing else (),
    )


@bp.get("/playing")
def now_playing() -> ResponseReturnValue:
    """The strip of what plays now; the page it stands on, where no script asks."""
    if not htmx.wants_fragment():
        return redirect(url_for(".index"), code=303)
    return render_template("watch/_playing.html", playing=_playing())


@dataclass(frozen=True, slots=True)
class Playing:
    """A session with what it plays."""

    session: Session
    title: str
    url: str


def _playing() -> list[Playing]:
    return [_shown(session) for session in playing_of(g.user.id)]


def _shown(session: Session) -> Playing:
    if session.episode_id is not None:
        episode = find_episode(session.episode_id)
        title = f"{episode.show.title} {episode.code}"
        return Playing(session, title, url_for("items.episode", episode_id=episode.id))
    film = find_movie(session.media_item_id or 0)
    return Playing(session, film.title, url_for("items.movie", movie_id=film.id))


def _further(name: str, before: CardCursor) -> ResponseReturnValue:
    cards, older = _page(name, MORE, before)
    if htmx.wants_fragment():
        part = render_template("watch/_cards.html", cards=cards, older=older, list_name=name)
        return htmx.fragments(part)
    lists = {"cards": cards, "older": older, "next_cards": (), "next_older": None}
    if name == "next":
        lists = {"cards": (), "older": None, "next_cards": cards, "next_older": older}
    return render_template("watch/index.html", first_page=False, playing=(), sources=(), **lists)


def _page(
    name: str, size: int, before: CardCursor | None = None
) -> tuple[Sequence[ToWatch], str | None]:
    """Some cards of a list, and the address of those after them."""
    found = _LISTS[name](g.user.id, limit=size + 1, before=before)
    cards = found[:size]
    if len(found) <= size:
        return cards, None
    return cards, url_for(".index", list=name, before=str(cards[-1].cursor))


@bp.post("/continue/<any(movie, episode):kind>/<int:content_id>/dismiss")
def take_off(kind: str, content_id: int) -> ResponseReturnValue:
    """Off the list until it is watched again; its position stays."""
    content = find_content("movie" if kind == "movie" else "episode", content_id)
    dismiss(g.user.id, content)
    db.session.commit()
    return marks.answer([content], "Taken off the list. Your place is kept.", change_set_id=None)


def _asked_before() -> CardCursor | None:
    asked = request.args.get("before")
    return CardCursor.parse(asked) if asked is not None else None
