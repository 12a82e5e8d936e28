"""/library: every film and show, by title, with what the user has seen of it."""

from typing import Any, Literal

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from mydia_web.errors import InvalidValue
from mydia_web.library.content import count_library, search_library
from mydia_web.library.models import MediaItem
from mydia_web.playback.shows import Seen, seen_of_films, seen_of_shows
from mydia_web.web.frame import htmx

bp = Blueprint("library", __name__)

PAGE = 60


@bp.get("/library")
def index() -> ResponseReturnValue:
    """The page; for htmx the results below the search field, or the next of them."""
    if htmx.wants_fragment():
        template = "library/_posters.html" if "after" in request.args else "library/_results.html"
        return render_template(template, **_results())
    return render_template("library/index.html", **_results())


def _results() -> dict[str, Any]:
    kind, text = _asked_kind(), request.args.get("q", "").strip()[:200]
    found = search_library(kind, text=text, after=_asked_place(), limit=PAGE + 1)
    items = found[:PAGE]
    return {
        "kind": kind,
        "q": text,
        "counts": count_library(),
        "items": items,
        "seen": _seen(kind, items),
        "after": f"{items[-1].id}_{items[-1].sort_title}" if len(found) > PAGE else None,
        "first_page": "after" not in request.args,
    }


def _asked_kind() -> Literal["movie", "show"]:
    return "show" if request.args.get("kind") == "show" else "movie"


def _asked_place() -> tuple[str, int] | None:
    """Raises `InvalidValue` for what no page of ours has written."""
    asked = request.args.get("after", "")
    if not asked:
        return None
    item_id, _, sort_title = asked.partition("_")
    if not item_id.isdecimal():
        raise InvalidValue("after", "This is not a place in the library.")
    return sort_title, int(item_id)


def _seen(kind: Literal["movie", "show"], items: list[MediaItem] | Any) -> dict[int, Seen]:
    ids = [item.id for item in items]
    return seen_of_films(g.user.id, ids) if kind == "movie" else seen_of_shows(g.user.id, ids)
