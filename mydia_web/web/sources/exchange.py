"""What is exchanged with a source, which way, and how its news come in: /sources/<id>/exchange,
/news, /preview.
"""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.events.reading import KINDS as WEBHOOK_KINDS
from mydia_web.backends.events.reading import TEMPLATES
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import list_events, make_webhook, webhook_secret
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.listen import is_listened_to
from mydia_web.sync.inbound.merge import STRATEGIES
from mydia_web.sync.pulls import request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only

bp = Blueprint("exchange", __name__, url_prefix="/sources")

SWITCHES = ("takes_watched", "takes_positions", "tells_watched", "tells_positions")
_FORMATS: dict[str, tuple[str, ...]] = {
    "plex": ("plex", "tautulli"),
    "jellyfin": ("jellyfin",),
    "emby": ("emby",),
}


@bp.post("/<int:source_id>/exchange")
@admin_only
def set_exchange(source_id: int) -> ResponseReturnValue:
    """What is taken from the source and what it is told, and who wins where both sides changed."""
    source, strategy = get_source(source_id), request.form.get("strategy", "")
    if strategy not in STRATEGIES:
        raise InvalidValue("strategy", f"Choose one of: {', '.join(STRATEGIES)}.")
    for name in SWITCHES:
        setattr(source, name, name in request.form)
    source.strategy = strategy
    db.session.commit()
    flash("Saved.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.post("/<int:source_id>/preview")
@admin_only
def preview(source_id: int) -> ResponseReturnValue:
    """Say what reading everything would bring, and change nothing."""
    source = get_source(source_id)
    asked = request_pull(source.id, is_preview=True)
    db.session.commit()
    if not asked.is_preview:
        flash(f"{source.name} is being read just now. Ask for the preview when that is done.")
    return redirect(url_for("sources.pull_progress", source_id=source_id), code=303)


@bp.post("/<int:source_id>/removals")
@admin_only
def take_removals(source_id: int) -> ResponseReturnValue:
    """What was shown as unwatched, or is gone, all at once is meant so."""
    return _read_again(source_id, "what it shows then is taken over", takes_removals=True)


@bp.post("/<int:source_id>/keep-ours")
@admin_only
def keep_ours(source_id: int) -> ResponseReturnValue:
    """What was shown as unwatched all at once is not meant so."""
    return _read_again(source_id, "told again what is watched", keeps_ours=True)


def _read_again(source_id: int, words: str, **decided: bool) -> ResponseReturnValue:
    """Read everything, with a person's word on what is unwatched all at once."""
    source = get_source(source_id)
    request_pull(source.id, **decided)
    db.session.commit()
    flash(f"{source.name} is read again, and {words}.")
    return htmx.go_to(url_for("sources.show", source_id=source_id))


@bp.get("/<int:source_id>/news")
def news(source_id: int) -> ResponseReturnValue:
    """Whether events come in; asked for again and again while the first is waited for."""
    if not htmx.wants_fragment():
        return redirect(url_for("sources.show", source_id=source_id) + "#news", code=303)
    return render_template("sources/_heard.html", **_heard(get_source(source_id)))


@bp.post("/<int:source_id>/webhook")
@admin_only
def new_webhook(source_id: int) -> ResponseReturnValue:
    """Make an address for webhooks; an older one is good no more."""
    source = get_source(source_id)
    make_webhook(source)
    db.session.commit()
    flash("Enter the new address in the server: an older one is good no more.")
    return htmx.go_to(url_for("sources.show", source_id=source_id) + "#news")


def of_source(source: Source, *, is_admin: bool) -> dict[str, Any]:
    """What the source's page shows of this."""
    return {
        **_heard(source),
        "webhooks": _webhooks(source) if is_admin else (),
        "strategies": STRATEGIES,
    }


def _heard(source: Source) -> dict[str, Any]:
    return {
        "source": source,
        "events": list_events(source.id),
        "listened_to": is_listened_to(source.id),
    }


def _webhooks(source: Source) -> Sequence[tuple[str, str, str]]:
    """(format, address, template) for each format in which this kind of server may tell its news."""
    secret = webhook_secret(source)
    formats = (*_FORMATS.get(source.kind, ()), "generic") if secret else ()
    return [
        (
            one,
            url_for("webhooks.receive", kind=one, secret=secret, _external=True),
            TEMPLATES.get(one, ""),
        )
        for one in formats
        if one in WEBHOOK_KINDS
    ]
