"""Settings of one source: what is synced, its libraries, its certificate, its webhooks."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BackendError
from mydia_web.backends.events.reading import KINDS as WEBHOOK_KINDS
from mydia_web.backends.events.reading import TEMPLATES
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import list_events, make_webhook, webhook_secret
from mydia_web.sources.models import Source
from mydia_web.sources.overview import account_on
from mydia_web.sources.registry import backend_class
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.listen import is_listened_to
from mydia_web.sync.inbound.merge import STRATEGIES
from mydia_web.sync.pulls import request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.transactions import talks_to_servers
from mydia_web.web.sources.forms import sent_tls

bp = Blueprint("settings", __name__)

SWITCHES = {
    "takes_watched": "Import watched status",
    "takes_positions": "Import positions",
    "tells_watched": "Send watched status",
    "tells_positions": "Send positions",
}
_STRATEGY_WORDS = {
    "local-progressive": "The later change wins; if unknown, watched and the further position win",
    "last-write-wins": "The later change wins; if unknown, mydia wins",
    "always-local": "mydia always wins",
}
#: The webhook formats of each kind of source, beside the generic one.
_FORMATS: dict[str, tuple[str, ...]] = {
    "plex": ("plex", "tautulli"),
    "jellyfin": ("jellyfin",),
    "emby": ("emby",),
}


class Webhook(NamedTuple):
    """One format in which a server can send its events."""

    format: str
    address: str
    template: str


def sync_settings(source: Source) -> dict[str, Any]:
    """Return the choices of the sync settings, for the source's page."""
    switches = SWITCHES
    if not backend_class(source.kind).traits.takes_pushes:
        switches = {name: words for name, words in SWITCHES.items() if name.startswith("takes")}
    return {"switches": switches, "strategies": _STRATEGY_WORDS}


@bp.post("/<int:source_id>/exchange")
@admin_only
def save_sync(source_id: int) -> ResponseReturnValue:
    """Save what is imported and sent, and which side wins where both changed."""
    source = get_source(source_id)
    strategy = request.form.get("strategy", "")
    if strategy not in STRATEGIES:
        raise InvalidValue("strategy", f"Choose one of: {', '.join(STRATEGIES)}.")
    for name in SWITCHES:
        setattr(source, name, name in request.form)
    source.strategy = strategy
    db.session.commit()
    flash("Saved.")
    return _to_source(source_id)


@bp.get("/<int:source_id>/libraries")
@admin_only
@talks_to_servers
def libraries(source_id: int) -> ResponseReturnValue:
    """Show the libraries that the server lists now."""
    source = get_source(source_id)
    chosen = set(filter(None, source.library_ids.split("\n")))
    try:
        with closing(open_account(source, account_on(source_id, g.user.id))) as backend:
            db.session.rollback()
            listed = backend.libraries()
    except BackendError as error:
        flash(error.message)
        return _to_source(source_id)
    source = get_source(source_id)
    return render_template("sources/libraries.html", source=source, libraries=listed, chosen=chosen)


@bp.post("/<int:source_id>/libraries")
@admin_only
def choose_libraries(source_id: int) -> ResponseReturnValue:
    """Pull only these libraries from now on. Titles in the others count as gone."""
    source = get_source(source_id)
    chosen = request.form.getlist("library")
    number = str(len(chosen))
    source.library_ids = "\n".join(sorted(chosen))
    if len(chosen) == request.form.get("of", 0, type=int):
        number = "all"
        source.library_ids = ""
    request_pull(source.id, is_sweep=True)
    db.session.commit()
    flash(f"{source.name} is being pulled again: {number} of its libraries.")
    return _to_source(source_id)


@bp.post("/<int:source_id>/tls")
@admin_only
def trust(source_id: int) -> ResponseReturnValue:
    source = get_source(source_id)
    source.tls = sent_tls()
    db.session.commit()
    flash("Saved. Test the connection to see whether it is trusted now.")
    return _to_source(source_id)


@bp.get("/<int:source_id>/news")
def events(source_id: int) -> ResponseReturnValue:
    """Show whether events arrive. Polled until the first one does."""
    if not htmx.wants_fragment():
        return redirect(url_for("sources.show", source_id=source_id, _anchor="news"), code=303)
    return render_template("sources/_events.html", **_events(get_source(source_id)))


@bp.post("/<int:source_id>/webhook")
@admin_only
def new_webhook(source_id: int) -> ResponseReturnValue:
    """Make a new address for webhooks, in place of the old one."""
    source = get_source(source_id)
    make_webhook(source)
    db.session.commit()
    flash("Enter the new address in the server: the old address no longer works.")
    return htmx.go_to(url_for("sources.show", source_id=source_id, _anchor="news"))


def live_updates(source: Source, *, is_admin: bool) -> dict[str, Any]:
    """Return how the source's events arrive, for its page. Webhook addresses are secret."""
    return {**_events(source), "webhooks": _webhooks(source) if is_admin else ()}


def _events(source: Source) -> dict[str, Any]:
    latest = list_events(source.id)
    return {
        "source": source,
        "events": latest,
        "last_event_at": latest[0].received_at if latest else source.last_event_at,
        "listened_to": is_listened_to(source.id),
        "is_awaited": bool(source.webhook_key and not source.last_event_at),
    }


def _webhooks(source: Source) -> Sequence[Webhook]:
    secret = webhook_secret(source)
    if not secret:
        return ()
    return [
        Webhook(
            format=kind,
            address=url_for("webhooks.receive", kind=kind, secret=secret, _external=True),
            template=TEMPLATES.get(kind, ""),
        )
        for kind in (*_FORMATS.get(source.kind, ()), "generic")
        if kind in WEBHOOK_KINDS
    ]


def _to_source(source_id: int) -> ResponseReturnValue:
    return htmx.go_to(url_for("sources.show", source_id=source_id))
