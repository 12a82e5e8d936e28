"""/: Continue Watching, Up Next, and what is playing now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.library.content import find_content, find_episode, find_movie
from mydia_web.library.models import ContentKind
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
from mydia_web.web.frame.cursor import ID, TIME, Cursor, one_of
from mydia_web.web.frame.filters import code
from mydia_web.web.items import marks

bp = Blueprint("watch", __name__)

#: How many cards of each list the page begins with, and how many "Show more" adds.
FIRST = 12
MORE = 24
_LISTS: dict[str, Callable[..., Sequence[ToWatch]]] = {
    "continue": continue_watching,
    "next": up_next,
}
CURSOR = Cursor(
    parameter="before",
    place=CardCursor,
    fields=(TIME, one_of("movie", "episode"), ID),
    error="This part of the list cannot be found. Start again from the top.",
)


@dataclass(frozen=True, slots=True)
class CardList:
    """Some cards of a list, and the address of those after them."""

    name: str
    cards: Sequence[ToWatch] = ()
    older: str | None = None


@bp.get("/")
def index() -> ResponseReturnValue:
    """Show both lists; or, with `before`, the rest of the one named by `list`."""
    name = request.args.get("list", "continue")
    if name not in _LISTS:
        raise InvalidValue("list", "There is no such list.")
    if CURSOR.parameter in request.args:
        before = CURSOR.read(request.args[CURSOR.parameter])
        return _rest(_read(name, MORE, before))
    lists = {name: _read(name, FIRST) for name in _LISTS}
    is_empty = not any(cards.cards for cards in lists.values())
    sources = list_sources() if is_empty else ()
    return _page(lists, first_page=True, playing=_playing(), sources=sources)


def _rest(rest: CardList) -> ResponseReturnValue:
    if htmx.wants_fragment():
        return htmx.fragments(render_template("watch/_cards.html", list=rest))
    lists = {name: CardList(name) for name in _LISTS}
    return _page(lists | {rest.name: rest}, first_page=False)


def _page(
    lists: dict[str, CardList],
    *,
    first_page: bool,
    playing: Sequence["Playing"] = (),
    sources: Sequence[Any] = (),
) -> str:
    under_way = lists["continue"]
    hero = None
    if first_page and under_way.cards:
        hero = under_way.cards[0]
        under_way = CardList(under_way.name, under_way.cards[1:], under_way.older)
    return render_template(
        "watch/index.html",
        hero=hero,
        under_way=under_way,
        up_next=lists["next"],
        first_page=first_page,
        playing=playing,
        sources=sources,
    )


def _read(name: str, size: int, before: CardCursor | None = None) -> CardList:
    cards = _LISTS[name](g.user.id, limit=size + 1, before=before)
    if len(cards) <= size:
        return CardList(name, cards)
    last = cards[size - 1]
    place = CURSOR.write(last.last_activity_at, last.kind, last.row_id)
    return CardList(name, cards[:size], url_for(".index", list=name, before=place))


@bp.get("/playing")
def now_playing() -> ResponseReturnValue:
    """Show what plays now as a part of the home page; without htmx, the home page."""
    if not htmx.wants_fragment():
        return redirect(url_for(".index"), code=303)
    return render_template("watch/_playing.html", playing=_playing())


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """A session, with the film or episode that it plays."""

    session: Session
    kind: ContentKind
    content_id: int
    title: str


def _playing() -> list[Playing]:
    return [_with_title(session) for session in playing_of(g.user.id)]


def _with_title(session: Session) -> Playing:
    if session.episode_id is not None:
        episode = find_episode(session.episode_id)
        return Playing(
            session=session,
            kind="episode",
            content_id=episode.id,
            title=f"{episode.show.title} {code(episode)}",
        )
    film = find_movie(session.media_item_id or 0)
    return Playing(session=session, kind="movie", content_id=film.id, title=film.title)


@bp.post("/continue/<any(movie, episode):kind>/<int:content_id>/dismiss")
def dismiss_card(kind: ContentKind, content_id: int) -> ResponseReturnValue:
    """Take a title off the lists until it is watched again; its position stays."""
    content = find_content(kind, content_id)
    dismiss(g.user.id, content)
    db.session.commit()
    return marks.answer([content], "Removed from the list. Your position is kept.")
