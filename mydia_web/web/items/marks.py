"""The answer to a mark, a dismissal or an undo: the changed part of the page, and a toast."""

from collections.abc import Sequence
from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.library.content import find_show
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.continue_watching import ToWatch, film_card, next_card
from mydia_web.queue.agreement import names_of_told
from mydia_web.web.frame import htmx
from mydia_web.web.frame.filters import and_list
from mydia_web.web.items import page as item_pages

#: The templates of the parts that show one card of the home page.
_CARDS = {"card": "watch/_card.html", "hero": "watch/_hero.html"}
#: The parts of pages in which a mark can be made, as the form's field `place` names them.
PLACES = (*_CARDS, "show", "item")


def answer(
    contents: Sequence[Content], words: str, *, change_set_id: int | None = None
) -> ResponseReturnValue:
    """Answer with the changed part and a toast for htmx; else go back, and show the words there."""
    toast: dict[str, Any] = {"message": words}
    if change_set_id is not None:
        toast = {"message": _with_recipients(words, change_set_id), **_undo_form(change_set_id)}
    if not htmx.wants_fragment():
        flash(toast)  # type: ignore[arg-type]
        return redirect(htmx.way_back(), code=303)
    return htmx.fragments(changed_parts(contents), *htmx.out_of_band(**toast))


def changed_parts(contents: Sequence[Content], *, oob: bool = False) -> str:
    """Render the parts of the page that show these contents; with `oob`, for htmx to place."""
    if not contents:
        return ""
    place = _place()
    first = contents[0]
    if place in _CARDS:
        return _cards(contents, _CARDS[place], oob)
    if place == "show" and isinstance(first, Episode):
        state = item_pages.show_state(find_show(first.media_item_id), _season())
        return render_template("items/_show_state.html", **state, oob=oob)
    if place == "item":
        state = item_pages.item_state(first)
        return render_template("items/_item_state.html", **state, oob=oob)
    return ""


def _cards(contents: Sequence[Content], template: str, oob: bool) -> str:
    """Render one card per film or show."""
    latest = {card_key(content): content for content in contents}
    cards = []
    for key, content in latest.items():
        cards.append(render_template(template, card=_to_watch(content), key=key, oob=oob))
    return "\n".join(cards)


def card_key(content: Content) -> str:
    """Return the id of the content's card. A show keeps its card from one episode to the next."""
    if isinstance(content, Episode):
        return f"show-{content.media_item_id}"
    return f"movie-{content.id}"


def _with_recipients(words: str, change_set_id: int) -> str:
    names = names_of_told(change_set_id)
    if names:
        return f"{words} {and_list(names)} will be updated."
    return words


def _undo_form(change_set_id: int) -> dict[str, Any]:
    """Return the address and the fields of Undo, which say where on the page to show it."""
    fields = {"place": _place(), "season": _season(), "next": htmx.way_back()}
    return {
        "undo_url": url_for("items.undo_act", change_set_id=change_set_id),
        "fields": {name: value for name, value in fields.items() if value not in ("", None)},
    }


def _place() -> str:
    place = request.form.get("place", "")
    if place in PLACES:
        return place
    return ""


def _season() -> int | None:
    return request.form.get("season", type=int)


def _to_watch(content: Content) -> ToWatch | None:
    if isinstance(content, MediaItem):
        return film_card(g.user.id, content.id)
    return next_card(g.user.id, content.media_item_id)
