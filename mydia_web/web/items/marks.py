"""What a page answers to a mark, a dismissal or an undo: the part that changed, and a message with
Undo.
"""

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

#: The parts of pages that a mark may be made in, as the form's field `place` names them.
PLACES = ("card", "hero", "show", "item")


def answer(
    contents: Sequence[Content], words: str, *, change_set_id: int | None
) -> ResponseReturnValue:
    """The swapped part with the message beside it for htmx; else 303 to the page it came from."""
    told = names_of_told(change_set_id) if change_set_id else ()
    if told:
        words = f"{words} {and_list(list(told))} will be told."
    if not htmx.wants_fragment():
        flash(_message(words, change_set_id))  # type: ignore[arg-type]
        return redirect(htmx.way_back(), code=303)
    part = changed_parts(contents)
    return htmx.fragments(part, *beside(words, change_set_id))


def beside(words: str, change_set_id: int | None) -> tuple[str, ...]:
    """What htmx puts elsewhere: the message, and the count of what servers are owed."""
    toast = render_template("shared/_toast.html", **_message(words, change_set_id))
    return toast, render_template("shared/_sync_badge.html", oob=True)


def place() -> dict[str, Any]:
    """Where on a page the mark was made, for the Undo that follows it."""
    asked = request.form.get("place", "")
    return {
        "place": asked if asked in PLACES else "",
        "season": request.form.get("season", type=int),
        "next": htmx.way_back(),
    }


def changed_parts(contents: Sequence[Content], *, oob: bool = False) -> str:
    """The parts of the page, anew, that show these contents; with `oob` they find their place by
    themselves.
    """
    where = place()
    if not contents:
        return ""
    if where["place"] in ("card", "hero"):
        return "\n".join(
            _card(content, where["place"], oob) for content in _one_for_each_item(contents)
        )
    if where["place"] == "show" and isinstance(contents[0], Episode):
        show = find_show(contents[0].media_item_id)
        return render_template(
            "items/_show_state.html", **item_pages.show_state(show, where["season"]), oob=oob
        )
    if where["place"] == "item":
        return render_template(
            "items/_item_state.html", **item_pages.item_state(contents[0]), oob=oob
        )
    return ""


def _message(words: str, change_set_id: int | None) -> dict[str, Any]:
    """The words with the form that takes the act back, which says where on the page it was done."""
    if change_set_id is None:
        return {"message": words}
    undo_url = url_for("undo.undo_act", change_set_id=change_set_id)
    fields = {name: value for name, value in place().items() if value not in ("", None)}
    return {"message": words, "undo_url": undo_url, "fields": fields}


def _one_for_each_item(contents: Sequence[Content]) -> Sequence[Content]:
    return tuple({item_key(content): content for content in contents}.values())


def item_key(content: Content) -> str:
    """The id of its card: that of a show stays the same from one episode to the next."""
    return (
        f"show-{content.media_item_id}" if isinstance(content, Episode) else f"movie-{content.id}"
    )


def _card(content: Content, where: str, oob: bool) -> str:
    template = "watch/_hero.html" if where == "hero" else "watch/_card.html"
    return render_template(template, card=_to_watch(content), key=item_key(content), oob=oob)


def _to_watch(content: Content) -> ToWatch | None:
    if isinstance(content, MediaItem):
        return film_card(g.user.id, content.id)
    return next_card(g.user.id, content.media_item_id)
