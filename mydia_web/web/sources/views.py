"""/sources: the servers and folders that hold what is watched: how they are, adding and removing
them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.errors import SignInRefused
from mydia_web.backends.values import Connection, Linked
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.playback.undo import change_sets_of_pulls
from mydia_web.queue import outages, sign_ins
from mydia_web.sources import health
from mydia_web.sources.accounts import add_source, checked_source, get_source, remove_source
from mydia_web.sources.clocks import note_clock
from mydia_web.sources.linking import is_resolved, resolve
from mydia_web.sources.models import Pull, Source
from mydia_web.sources.overview import (
    account_on,
    list_unmatched,
    names_with_accounts,
    overview,
    overview_of,
    was_read,
)
from mydia_web.sources.registry import KINDS, all_traits, backend_class
from mydia_web.sync.clients import live_connection
from mydia_web.sync.pulls import is_being_read, latest_pull, list_pulls, request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.transactions import talks_to_servers
from mydia_web.web.items import marks
from mydia_web.web.sources.exchange import of_source
from mydia_web.web.sources.forms import Tried, Typed, read_form, try_reach, try_sign_in
from mydia_web.web.sources.linking import begin, keep_account
from mydia_web.web.sources.pull_words import asked_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of trying a connection, in words."""

    ok: bool
    words: str
    clock_skew: timedelta | None = None
    #: Who it is that signed in, where the server took it.
    linked: Linked | None = None
    #: The server is there and does not take the sign-in.
    is_refused: bool = False
    #: It can be added in spite of that, by a second press; by a code, where that was wanted.
    can_be_added: bool = False
    wants_code: bool = False


bp = Blueprint("sources", __name__, url_prefix="/sources")

UNMATCHED_PAGE = 50


@bp.get("")
def index() -> str:
    found = overview(g.user.id)
    running = any(one.last_pull and one.last_pull.finished_at is None for one in found)
    return render_template("sources/index.html", sources=found, running=running)


@bp.get("/new")
@admin_only
def new() -> str:
    """First the kind, then what that kind needs."""
    if request.args.get("kind", "") not in KINDS:
        return render_template("sources/kinds.html", kinds=all_traits())
    return _form(read_form())


@bp.post("")
@admin_only
@talks_to_servers
def add() -> ResponseReturnValue:
    """Sign in, then add the source and ask for the first pull.

    One that does not answer, or is something else, is added at a second press only.
    """
    typed = read_form()
    try:
        checked_source(typed.kind, typed.name, typed.base_url)
    except InvalidValue as error:
        return _invalid(typed, error)
    finally:
        db.session.rollback()
    wants_code = "link" in request.form
    tried = (try_reach if wants_code else try_sign_in)(typed.kind, typed.connection())
    if tried.refused or (tried.failed and "anyway" not in request.form):
        return _not_added(typed, tried, wants_code=wants_code)
    begin_write()
    try:
        source = add_source(typed.kind, typed.name, typed.base_url, tls=typed.tls)
    except InvalidValue as error:
        return _invalid(typed, error)
    if not wants_code:
        keep_account(source, g.user.id, typed, tried)
        request_pull(source.id)
    db.session.commit()
    if wants_code:
        return begin(source.id, typed)
    flash(_added(source, tried))
    return htmx.go_to(url_for(".index"))


def _invalid(typed: Typed, error: InvalidValue) -> ResponseReturnValue:
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=Tested(ok=False, words=error.message))
    return _form(typed, errors={error.field: error.message}), 422


def _not_added(typed: Typed, tried: Tried, *, wants_code: bool) -> ResponseReturnValue:
    can_be_added = not tried.refused
    words = f"{tried.words} Nothing was added."
    tested = Tested(ok=False, words=words, can_be_added=can_be_added, wants_code=wants_code)
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=tested)
    return _form(typed, tested=tested), 422


def _added(source: Source, tried: Tried) -> str:
    if tried.signed_in:
        return f"{source.name} is added. Its library is being read."
    return f"{source.name} is added, but: {tried.words} It will be tried again."


@bp.post("/test")
@admin_only
@talks_to_servers
def test_new() -> ResponseReturnValue:
    """Try what stands in the form, before anything is stored."""
    typed = read_form()
    db.session.rollback()
    tested = _test(typed.kind, typed.connection())
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=tested)
    return _form(typed, tested=tested), 200 if tested.ok else 422


@bp.post("/<int:source_id>/test")
@talks_to_servers
def test(source_id: int) -> ResponseReturnValue:
    """Reach the source with the account of the person who asks, and note how that went."""
    asked_at, tested = now(), _test_known(get_source(source_id))
    begin_write()
    _note_test(source_id, tested, asked_at)
    db.session.commit()
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=tested)
    flash(tested.words)
    return redirect(url_for(".show", source_id=source_id), code=303)


def _note_test(source_id: int, tested: Tested, asked_at: datetime) -> None:
    account = account_on(source_id, g.user.id)
    if account is not None and tested.ok:
        sign_ins.note_accepted(account.id)
        if tested.linked is not None and not is_resolved(get_source(source_id), account):
            resolve(account.id, tested.linked)
    elif account is not None and tested.is_refused:
        sign_ins.note_refused(account.id, asked_at)
    if tested.ok:
        outages.note_reached(source_id)
        note_clock(source_id, tested.clock_skew)
    else:
        health.note_trouble(source_id, tested.words)


@bp.get("/<int:source_id>")
def show(source_id: int) -> str:
    """One source: what it holds that nobody recognises, its pulls, and who is signed in on it."""
    source = get_source(source_id)
    return render_template(
        "sources/show.html",
        one=overview_of(source, g.user.id),
        people=names_with_accounts(source.id),
        pulls=list_pulls(source.id),
        traits=backend_class(source.kind).traits,
        brought=change_sets_of_pulls(source.id, g.user.id),
        **of_source(source, is_admin=g.user.is_admin),
        **_unmatched(source),
    )


def _unmatched(source: Source) -> dict[str, Any]:
    """What nobody could tell, a page of it, by folder."""
    after = request.args.get("after", 0, type=int)
    found = list_unmatched(source.id, after=after, limit=UNMATCHED_PAGE + 1)
    shown = found[:UNMATCHED_PAGE]
    return {
        "folders": [
            (folder, list(items)) for folder, items in groupby(shown, lambda item: item.folder)
        ],
        "after": shown[-1].id if len(found) > UNMATCHED_PAGE else None,
        "was_read": was_read(source.id),
    }


@bp.get("/<int:source_id>/pull")
def pull_progress(source_id: int) -> ResponseReturnValue:
    """How far the pull is: the part of a page, or, without a script, a page that reloads itself."""
    source, latest = get_source(source_id), latest_pull(source_id)
    if not htmx.wants_fragment():
        return render_template("sources/pull.html", source=source, pull=latest)
    part = render_template("sources/_pull.html", source=source, pull=latest)
    if latest is None or latest.finished_at is None:
        return part
    return htmx.fragments(part, *_what_a_pull_changed(source))


def _what_a_pull_changed(source: Source) -> list[str]:
    """The parts of the page that is open that the pull may have made old."""
    on_page = htmx.current_path()
    if on_page not in (url_for(".index"), url_for(".show", source_id=source.id)):
        return []
    one = overview_of(source, g.user.id)
    parts = [render_template("sources/_counts.html", one=one, oob=True)]
    parts.append(render_template("sources/_health.html", one=one, oob=True))
    if on_page != url_for(".index"):
        parts.append(
            render_template(
                "sources/_unmatched.html", one=one, source=source, oob=True, **_unmatched(source)
            )
        )
    return parts


@bp.post("/<int:source_id>/pull")
def pull(source_id: int) -> ResponseReturnValue:
    """Ask for what is new, or for everything; say so where the source is being read already."""
    source = get_source(source_id)
    asked = _ask_for_pull(source_id, everything="everything" in request.form)
    db.session.commit()
    words = asked_words(source.name, asked)
    if not htmx.wants_fragment():
        flash(words)
        return redirect(url_for(".pull_progress", source_id=source_id), code=303)
    part = render_template("sources/_pull.html", source=source, pull=asked)
    return htmx.fragments(part, *marks.beside(words, None))


def _ask_for_pull(source_id: int, *, everything: bool) -> Pull:
    """A person who asks for everything while everything is read need not have it read twice."""
    latest = latest_pull(source_id)
    if latest and latest.finished_at is None and latest.is_sweep and is_being_read(latest):
        return latest
    return request_pull(source_id, is_sweep=everything)


@bp.post("/<int:source_id>/remove")
@admin_only
def remove(source_id: int) -> ResponseReturnValue:
    """Removing what is gone already is no error: the wish is fulfilled."""
    try:
        source = get_source(source_id)
    except NotFound:
        return htmx.go_to(url_for(".index"))
    name = source.name
    remove_source(source)
    db.session.commit()
    flash(f"{name} is removed. What you have watched stays.")
    return htmx.go_to(url_for(".index"))


def _form(
    typed: Typed, *, errors: dict[str, str] | None = None, tested: Tested | None = None
) -> str:
    """The form with what was typed, but for the secrets."""
    return render_template("sources/new.html", typed=typed, errors=errors or {}, tested=tested)


def _test_known(source: Source) -> Tested:
    kind, account = source.kind, account_on(source.id, g.user.id)
    try:
        connection = live_connection(source, account)
    except SignInRefused as error:
        return Tested(ok=False, words=error.message)
    finally:
        db.session.rollback()
    return _test(kind, connection)


def _test(kind: str, connection: Connection) -> Tested:
    tried = try_sign_in(kind, connection)
    if tried.signed_in is None:
        return Tested(ok=False, words=tried.words, is_refused=tried.refused)
    signed_in = tried.signed_in
    return Tested(
        ok=True, words=tried.words, clock_skew=signed_in.clock_skew, linked=signed_in.linked
    )
