"""The list of sources, the page of one, adding, testing and removing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

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
from mydia_web.sources.models import Source
from mydia_web.sources.overview import account_on, names_with_accounts, overview, overview_of
from mydia_web.sources.registry import KINDS, all_traits, backend_class
from mydia_web.sync.clients import live_connection
from mydia_web.sync.pulls import list_pulls, request_pull
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import admin_only
from mydia_web.web.frame.transactions import talks_to_servers
from mydia_web.web.sources.forms import Attempt, SourceForm, read_form, try_reach, try_sign_in
from mydia_web.web.sources.linking import ask_for_code, keep_account
from mydia_web.web.sources.pulls import unmatched_titles
from mydia_web.web.sources.settings import live_updates, sync_settings

bp = Blueprint("sources", __name__, url_prefix="/sources")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionTest:
    """The outcome of a connection test, in words."""

    ok: bool
    words: str
    clock_skew: timedelta | None = None
    #: Who signed in, where the server accepted it.
    linked: Linked | None = None
    #: The server is there and refuses the sign-in.
    is_refused: bool = False
    #: A second press adds the source all the same; with a code, where that was wanted.
    can_be_added: bool = False
    wants_code: bool = False


@bp.get("")
def index() -> str:
    overviews = overview(g.user.id)
    pulls = [one.last_pull for one in overviews if one.last_pull]
    is_running = any(pull.finished_at is None for pull in pulls)
    return render_template("sources/index.html", overviews=overviews, running=is_running)


@bp.get("/<int:source_id>")
def show(source_id: int) -> str:
    """Show one source: what it does not recognise, its pulls, its accounts and settings."""
    source = get_source(source_id)
    pulls = list_pulls(source.id)
    return render_template(
        "sources/show.html",
        overview=overview_of(source, g.user.id),
        people=names_with_accounts(source.id),
        pulls=pulls,
        latest_pull=pulls[0] if pulls else None,
        traits=backend_class(source.kind).traits,
        change_sets=change_sets_of_pulls(source.id, g.user.id),
        **live_updates(source, is_admin=g.user.is_admin),
        **sync_settings(source),
        **unmatched_titles(source, after=request.args.get("after", 0, type=int)),
    )


@bp.get("/new")
@admin_only
def new() -> str:
    """Show the kinds to choose from, then the form of the chosen kind."""
    if request.args.get("kind", "") not in KINDS:
        return render_template("sources/kinds.html", kinds=all_traits())
    return _form(read_form())


@bp.post("")
@admin_only
@talks_to_servers
def add() -> ResponseReturnValue:
    """Sign in, then add the source and request its first pull.

    A server that does not answer, or is another product, is added only at a second press.
    """
    form = read_form()
    try:
        checked_source(form.kind, form.name, form.base_url)
    except InvalidValue as error:
        return _invalid(form, error)
    finally:
        db.session.rollback()
    wants_code = "link" in request.form
    attempt = _try(form, wants_code=wants_code)
    if attempt.refused or (attempt.failed and "anyway" not in request.form):
        return _not_added(form, attempt, wants_code=wants_code)
    begin_write()
    try:
        source = add_source(form.kind, form.name, form.base_url, tls=form.tls)
    except InvalidValue as error:
        return _invalid(form, error)
    if wants_code:
        db.session.commit()
        return ask_for_code(source.id, form)
    keep_account(source, g.user.id, form, attempt)
    request_pull(source.id)
    db.session.commit()
    flash(_added_words(source, attempt))
    return htmx.go_to(url_for(".index"))


def _try(form: SourceForm, *, wants_code: bool) -> Attempt:
    if wants_code:
        return try_reach(form.kind, form.connection())
    return try_sign_in(form.kind, form.connection())


def _invalid(form: SourceForm, error: InvalidValue) -> ResponseReturnValue:
    if htmx.wants_fragment():
        return _render_test(ConnectionTest(ok=False, words=error.message))
    return _form(form, errors={error.field: error.message}), 422


def _not_added(form: SourceForm, attempt: Attempt, *, wants_code: bool) -> ResponseReturnValue:
    tested = ConnectionTest(
        ok=False,
        words=f"{attempt.words} Nothing was added.",
        can_be_added=not attempt.refused,
        wants_code=wants_code,
    )
    if htmx.wants_fragment():
        return _render_test(tested)
    return _form(form, tested=tested), 422


def _added_words(source: Source, attempt: Attempt) -> str:
    if attempt.signed_in:
        return f"{source.name} is added. Its library is being read."
    return f"{source.name} is added, but: {attempt.words} mydia will keep trying."


@bp.post("/test")
@admin_only
@talks_to_servers
def test_new() -> ResponseReturnValue:
    """Try what the form says before anything is stored."""
    form = read_form()
    db.session.rollback()
    tested = _test(form.kind, form.connection())
    if htmx.wants_fragment():
        return _render_test(tested)
    return _form(form, tested=tested), 200 if tested.ok else 422


@bp.post("/<int:source_id>/test")
@talks_to_servers
def test(source_id: int) -> ResponseReturnValue:
    """Test the connection with the user's own account, and note the outcome."""
    asked_at = now()
    tested = _test_source(get_source(source_id))
    begin_write()
    _note_test(source_id, tested, asked_at)
    db.session.commit()
    if htmx.wants_fragment():
        return _render_test(tested)
    flash(tested.words)
    return redirect(url_for(".show", source_id=source_id), code=303)


def _test_source(source: Source) -> ConnectionTest:
    kind = source.kind
    try:
        connection = live_connection(source, account_on(source.id, g.user.id))
    except SignInRefused as error:
        return ConnectionTest(ok=False, words=error.message)
    finally:
        db.session.rollback()
    return _test(kind, connection)


def _test(kind: str, connection: Connection) -> ConnectionTest:
    attempt = try_sign_in(kind, connection)
    signed_in = attempt.signed_in
    if signed_in is None:
        return ConnectionTest(ok=False, words=attempt.words, is_refused=attempt.refused)
    return ConnectionTest(
        ok=True, words=attempt.words, clock_skew=signed_in.clock_skew, linked=signed_in.linked
    )


def _note_test(source_id: int, tested: ConnectionTest, asked_at: datetime) -> None:
    _note_sign_in(source_id, tested, asked_at)
    if tested.ok:
        outages.note_reached(source_id)
        note_clock(source_id, tested.clock_skew)
    else:
        health.note_trouble(source_id, tested.words)


def _note_sign_in(source_id: int, tested: ConnectionTest, asked_at: datetime) -> None:
    account = account_on(source_id, g.user.id)
    if account is None:
        return
    if tested.is_refused:
        sign_ins.note_refused(account.id, asked_at)
    if not tested.ok:
        return
    sign_ins.note_accepted(account.id)
    if tested.linked is not None and not is_resolved(get_source(source_id), account):
        resolve(account.id, tested.linked)


@bp.post("/<int:source_id>/remove")
@admin_only
def remove(source_id: int) -> ResponseReturnValue:
    """Remove a source; one that is gone already is no error."""
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
    form: SourceForm,
    *,
    errors: dict[str, str] | None = None,
    tested: ConnectionTest | None = None,
) -> str:
    """Render the form as it was filled in, without the secrets."""
    traits = form.traits
    # An account service has to know our app before it gives a code; a server does not.
    offers_code_first = bool(traits.linking) and traits.address != "fixed"
    return render_template(
        "sources/new.html",
        form=form,
        traits=traits,
        code_first=offers_code_first,
        errors=errors or {},
        tested=tested,
    )


def _render_test(tested: ConnectionTest) -> str:
    return render_template("sources/_test.html", tested=tested)
