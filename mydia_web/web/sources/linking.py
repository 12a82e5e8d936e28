"""Signing in on a source: with credentials, or by a code that is confirmed at the server."""

from dataclasses import replace
from datetime import timedelta
from math import ceil

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import BackendError, LinkEnded
from mydia_web.backends.values import Connection, Linked
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
from mydia_web.web.sources.forms import Attempt, SourceForm, read_form, try_sign_in

bp = Blueprint("linking", __name__)


@bp.post("/<int:source_id>/account")
@talks_to_servers
def sign_in(source_id: int) -> ResponseReturnValue:
    """Sign the user in on the source; changes that waited for that go out again."""
    source = get_source(source_id)
    kind = source.kind
    name = source.name
    form = read_form(kind)
    if "link" in request.form:
        db.session.rollback()
        return ask_for_code(source_id, form)
    connection = _connection(source, form)
    db.session.rollback()
    attempt = try_sign_in(kind, connection)
    if not attempt.refused:
        begin_write()
        keep_account(get_source(source_id), g.user.id, form, attempt)
        request_pull(source_id)
        db.session.commit()
    saved = f"Your account on {name} is saved. It is being pulled."
    flash(saved if attempt.signed_in else attempt.words)
    return _to_source(source_id)


def keep_account(source: Source, user_id: int, form: SourceForm, attempt: Attempt) -> None:
    """Keep the server's answer to the sign-in; if it was not reached, the credentials as typed."""
    signed_in = attempt.signed_in
    if signed_in:
        account = linking.keep_sign_in(source, user_id, signed_in.linked, signed_in.device_id)
        linking.note_server(source, signed_in.server.server_id)
        outages.note_reached(source.id)
        note_clock(source.id, signed_in.clock_skew)
    else:
        typed = form.connection()
        account = link_account(
            source, user_id, typed.credentials, remote_user_id=typed.remote_user_id
        )
    sign_ins.note_linked(account, was_accepted=signed_in is not None)


def ask_for_code(source_id: int, form: SourceForm) -> ResponseReturnValue:
    """Ask the server for a code and show it. Waits for the server: no transaction may be open."""
    source = get_source(source_id)
    kind = source.kind
    connection = _connection(source, form)
    db.session.rollback()
    return _ask(source_id, kind, connection)


@bp.post("/<int:source_id>/link/again")
@talks_to_servers
def again(source_id: int) -> ResponseReturnValue:
    """Ask for another code, with the credentials of the first."""
    source = get_source(source_id)
    link = linking.find_link(source_id, g.user.id)
    if link is None:
        return _to_source(source_id)
    kind = source.kind
    connection, _ = linking.connection_for(link, source)
    db.session.rollback()
    return _ask(source_id, kind, connection)


def _ask(source_id: int, kind: str, connection: Connection) -> ResponseReturnValue:
    try:
        code = linking.ask_for_code(kind, connection)
    except BackendError as error:
        flash(error.message)
        return htmx.go_to(url_for("sources.show", source_id=source_id, _anchor="account"))
    begin_write()
    linking.keep_link(source_id, g.user.id, code, connection)
    db.session.commit()
    return htmx.go_to(url_for("sources.linking.show", source_id=source_id))


@bp.get("/<int:source_id>/link")
def show(source_id: int) -> ResponseReturnValue:
    """Show the code, and whether it was confirmed yet."""
    source = get_source(source_id)
    link = linking.find_link(source_id, g.user.id)
    if link is None:
        return redirect(url_for("sources.show", source_id=source_id), code=303)
    return render_template("sources/link.html", **_shown(source, link))


@bp.get("/<int:source_id>/link/state")
@bp.post("/<int:source_id>/link/state")
@talks_to_servers
def state(source_id: int) -> ResponseReturnValue:
    """Ask the server whether the code was confirmed, no more often than it allows."""
    source = get_source(source_id)
    link = linking.find_link(source_id, g.user.id)
    if link is None or _is_confirmed(source, link):
        return _to_source(source_id)
    # Read again: asking ended the transaction.
    source = get_source(source_id)
    link = linking.find_link(source_id, g.user.id)
    if link is None or not htmx.wants_fragment():
        return htmx.go_to(url_for("sources.linking.show", source_id=source_id))
    return render_template("sources/_link.html", **_shown(source, link))


@bp.post("/<int:source_id>/link/cancel")
def cancel(source_id: int) -> ResponseReturnValue:
    linking.forget_link(source_id, g.user.id)
    db.session.commit()
    return _to_source(source_id)


def _is_confirmed(source: Source, link: AccountLink) -> bool:
    """Ask the server, and keep its answer in the link. Waits for the server."""
    at = now()
    if link.expires_at <= at or link.next_poll_at > at:
        db.session.rollback()
        return False
    source_id = source.id
    kind = source.kind
    connection, secret = linking.connection_for(link, source)
    db.session.rollback()
    _note_asked(source_id, "")
    try:
        linked = linking.is_confirmed(kind, connection, secret)
    except BackendError as error:
        _note_asked(source_id, error.message, ended=isinstance(error, LinkEnded))
        return False
    if linked is None:
        return False
    _keep_confirmed(source_id, linked, connection)
    return True


def _keep_confirmed(source_id: int, linked: Linked, connection: Connection) -> None:
    begin_write()
    source = get_source(source_id)
    account = linking.keep_sign_in(source, g.user.id, linked, connection.device_id)
    sign_ins.note_linked(account, was_accepted=True)
    outages.note_reached(source_id)
    request_pull(source_id)
    name = source.name
    db.session.commit()
    who = f" as {linked.remote_user_name}" if linked.remote_user_name else ""
    flash(f"You are signed in on {name}{who}. It is being pulled.")


def _note_asked(source_id: int, message: str, *, ended: bool = False) -> None:
    """Note the server's answer, and when to ask next; nobody else asks before that."""
    begin_write()
    link = linking.find_link(source_id, g.user.id)
    if link is not None:
        link.message = message
        link.next_poll_at = now() + timedelta(seconds=link.interval_seconds)
        link.expires_at = now() if ended else link.expires_at
    db.session.commit()


def _shown(source: Source, link: AccountLink) -> dict[str, object]:
    return {
        "source": source,
        "traits": backend_class(source.kind).traits,
        "link": link,
        "is_over": link.expires_at <= now(),
        "poll_seconds": max(2, ceil(link.interval_seconds)),
    }


def _connection(source: Source, form: SourceForm) -> Connection:
    """Return a connection to the source as stored, with the credentials of the form."""
    typed = form.connection()
    return replace(
        connection_of(source, None),
        credentials=typed.credentials,
        remote_user_id=typed.remote_user_id,
    )


def _to_source(source_id: int) -> ResponseReturnValue:
    return htmx.go_to(url_for("sources.show", source_id=source_id))
