"""/library: every film and show, by title, with how much of it the user has watched."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from mydia_web.library.content import count_library, search_library
from mydia_web.library.models import MediaItem
from mydia_web.playback.shows import Seen, seen_of_films, seen_of_shows
from mydia_web.web.frame import htmx
from mydia_web.web.frame.cursor import ID, TEXT, Cursor

bp = Blueprint("library", __name__)

Kind = Literal["movie", "show"]

PAGE = 60
_MAX_SEARCH_LENGTH = 200
_NOUNS = {"movie": "film", "show": "show"}


class TitlePlace(NamedTuple):
    """The place of a title in its list."""

    item_id: int
    sort_title: str


CURSOR = Cursor(
    parameter="after",
    place=TitlePlace,
    fields=(ID, TEXT),
    error="This is not a place in the library.",
)


@bp.get("/library")
def index() -> ResponseReturnValue:
    """Show the page; for htmx the results below the search field, or the next of them."""
    template = "library/index.html"
    if htmx.wants_fragment():
        template = "library/_posters.html" if "after" in request.args else "library/_results.html"
    return render_template(template, **_results())


def _results() -> dict[str, Any]:
    kind: Kind = "show" if request.args.get("kind") == "show" else "movie"
    text = request.args.get("q", "").strip()[:_MAX_SEARCH_LENGTH]
    items = _search(kind, text)
    shown = items[:PAGE]
    after = None
    if len(items) > PAGE:
        after = CURSOR.write(shown[-1].id, shown[-1].sort_title)
    return {
        "kind": kind,
        "noun": _NOUNS[kind],
        "q": text,
        "counts": count_library(),
        "items": shown,
        "seen": _seen(kind, shown),
        "after": after,
        "first_page": "after" not in request.args,
    }


def _search(kind: Kind, text: str) -> Sequence[MediaItem]:
    place = CURSOR.asked()
    after = (place.sort_title, place.item_id) if place else None
    return search_library(kind, text=text, after=after, limit=PAGE + 1)


def _seen(kind: Kind, items: Sequence[MediaItem]) -> dict[int, Seen]:
    ids = [item.id for item in items]
    if kind == "movie":
        return seen_of_films(g.user.id, ids)
    return seen_of_shows(g.user.id, ids)
