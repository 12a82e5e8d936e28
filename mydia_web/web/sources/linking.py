"""Signing in on a source: with what is typed, or by a code that is confirmed at the server, watched
live.
"""

from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BackendError, LinkEnded
from mydia_web.backends.values import Connection
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue import outages, sign_ins
from mydia_web.sources import linking
from mydia_web.sources.accounts import connection_of, get_source, link_account
from mydia_web.sources.clocks import note_clock
from mydia_web.sources.models import AccountLink, Source
from mydia_web.sources.registry import backend_class
from mydia_web.sync.pulls import request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.transactions import talks_to_servers
from mydia_web.web.sources.forms import Tried, Typed, read_form, try_sign_in

bp = Blueprint("linking", __name__, url_prefix="/sources")


@bp.post("/<int:source_id>/account")
@talks_to_servers
def sign_in(source_id: int) -> ResponseReturnValue:
    """Sign the user in on the source, or in anew; what waited for that goes out again."""
    source = get_source(source_id)
    typed, kind, name = read_form(source.kind), source.kind, source.name
    if "link" in request.form:
        db.session.rollback()
        return begin(source_id, typed)
    connection = _connection(source, typed)
    db.session.rollback()
    tried = try_sign_in(kind, connection)
    if not tried.refused:
        begin_write()
        keep_account(get_source(source_id), g.user.id, typed, tried)
        request_pull(source_id)
        db.session.commit()
    good = f"Your account on {name} is saved. It is being read."
    flash(good if tried.signed_in else tried.words)
    return htmx.go_to(url_for("sources.show", source_id=source_id))


def keep_account(source: Source, user_id: int, typed: Typed, tried: Tried) -> None:
    """What the server gave for the sign-in; where it was not reached, what was typed."""
    if tried.signed_in:
        linked = tried.signed_in.linked
        account = linking.keep_sign_in(source, user_id, linked, tried.signed_in.device_id)
        linking.note_server(source, tried.signed_in.server.server_id)
        outages.note_reached(source.id)
        note_clock(source.id, tried.signed_in.clock_skew)
    else:
        plain = typed.connection()
        account = link_account(
            source, user_id, plain.credentials, remote_user_id=plain.remote_user_id
        )
    sign_ins.note_linked(account, was_accepted=tried.signed_in is not None)


def begin(source_id: int, typed: Typed) -> ResponseReturnValue:
    """Ask the server for a code, and show it. Waits for the server: no transaction may be open."""
    source = get_source(source_id)
    kind, connection = source.kind, _connection(source, typed)
    db.session.rollback()
    return _ask(source_id, kind, connection)


@bp.post("/<int:source_id>/link/again")
@talks_to_servers
def again(source_id: int) -> ResponseReturnValue:
    """Ask for another code, with what the first was asked for."""
    source, link = get_source(source_id), linking.find_link(source_id, g.user.id)
    if link is None:
        return htmx.go_to(url_for("sources.show", source_id=source_id))
    kind, (connection, _) = source.kind, linking.connection_for(link, source)
    db.session.rollback()
    return _ask(source_id, kind, connection)


def _ask(source_id: int, kind: str, connection: Connection) -> ResponseReturnValue:
    page = url_for("sources.show", source_id=source_id)
    try:
        code = linking.ask_for_code(kind, connection)
    except BackendError as error:
        flash(error.message)
        return htmx.go_to(f"{page}#account")
    begin_write()
    linking.keep_link(source_id, g.user.id, code, connection)
    db.session.commit()
    return htmx.go_to(url_for("linking.show", source_id=source_id))


@bp.get("/<int:source_id>/link")
def show(source_id: int) -> ResponseReturnValue:
    """The code, and whether it was confirmed yet."""
    source, link = get_source(source_id), linking.find_link(source_id, g.user.id)
    if link is None:
        return redirect(url_for("sources.show", source_id=source_id), code=303)
    return render_template("sources/link.html", **_shown(source, link))


@bp.get("/<int:source_id>/link/state")
@bp.post("/<int:source_id>/link/state")
@talks_to_servers
def state(source_id: int) -> ResponseReturnValue:
    """Ask the server whether the code was confirmed, no oftener than it allows."""
    source, link = get_source(source_id), linking.find_link(source_id, g.user.id)
    if link is None or _is_confirmed(source, link):
        return htmx.go_to(url_for("sources.show", source_id=source_id))
    source, link = get_source(source_id), linking.find_link(source_id, g.user.id)
    if link is None or not htmx.wants_fragment():
        return htmx.go_to(url_for("linking.show", source_id=source_id))
    return render_template("sources/_link.html", **_shown(source, link))


@bp.post("/<int:source_id>/link/cancel")
def cancel(source_id: int) -> ResponseReturnValue:
    linking.forget_link(source_id, g.user.id)
    db.session.commit()
    return htmx.go_to(url_for("sources.show", source_id=source_id))


def _is_confirmed(source: Source, link: AccountLink) -> bool:
    """Waits for the server. Leaves what it said in the link."""
    at, source_id, kind, name = now(), source.id, source.kind, source.name
    if link.expires_at <= at or link.next_poll_at > at:
        db.session.rollback()
        return False
    connection, secret = linking.connection_for(link, source)
    db.session.rollback()
    _note(source_id, "")
    try:
        linked = linking.is_confirmed(kind, connection, secret)
    except BackendError as error:
        _note(source_id, error.message, ended=isinstance(error, LinkEnded))
        return False
    if linked is None:
        return False
    begin_write()
    account = linking.keep_sign_in(get_source(source_id), g.user.id, linked, connection.device_id)
    sign_ins.note_linked(account, was_accepted=True)
    outages.note_reached(source_id)
    request_pull(source_id)
    db.session.commit()
    who = f" as {linked.remote_user_name}" if linked.remote_user_name else ""
    flash(f"You are signed in on {name}{who}. It is being read.")
    return True


def _note(source_id: int, words: str, *, ended: bool = False) -> None:
    """What came of asking, and when to ask next; nobody else asks before."""
    begin_write()
    link = linking.find_link(source_id, g.user.id)
    if link is not None:
        link.message = words
        link.next_poll_at = now() + timedelta(seconds=link.interval_seconds)
        link.expires_at = now() if ended else link.expires_at
    db.session.commit()


def _shown(source: Source, link: AccountLink) -> dict[str, object]:
    return {
        "source": source,
        "traits": backend_class(source.kind).traits,
        "link": link,
        "is_over": link.expires_at <= now(),
    }


def _connection(source: Source, typed: Typed) -> Connection:
    """To the source as it is stored, with what was typed to sign in."""
    plain = typed.connection()
    return replace(
        connection_of(source, None),
        credentials=plain.credentials,
        remote_user_id=plain.remote_user_id,
    )
