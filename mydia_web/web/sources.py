"""/sources: the servers and folders that hold what is watched: how they are, adding and removing them."""

from contextlib import closing
from dataclasses import dataclass

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.backends.base import Connection
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import accounts, health
from mydia_web.sources.accounts import get_source
from mydia_web.sources.models import Source
from mydia_web.sources.overview import account_on, list_unmatched, names_with_accounts, overview, overview_of
from mydia_web.sources.registry import KINDS, open_backend
from mydia_web.sync.pulls import latest_pull, list_pulls, request_pull
from mydia_web.web import htmx, marks
from mydia_web.web.auth import admin_only
from mydia_web.web.transactions import talks_to_servers


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of trying a connection, in words."""

    ok: bool
    words: str


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
    kind = request.args.get("kind", "")
    if kind not in KINDS:
        return render_template("sources/kinds.html", kinds=KINDS)
    return _form()


@bp.post("")
@admin_only
def add() -> ResponseReturnValue:
    """Add the source, sign its adder in on it and ask for the first pull. No server is waited for."""
    base_url, credentials = _sent_address()
    try:
        source = accounts.add_source(_sent("kind"), _sent("name"), base_url)
    except InvalidValue as error:
        return _form(errors={error.field: error.message}), 422
    accounts.link_account(source, g.user.id, credentials)
    request_pull(source.id)
    db.session.commit()
    flash(f"{source.name} is added. Its library is being read.")
    return htmx.go_to(url_for(".index"))


@bp.post("/test")
@admin_only
@talks_to_servers
def test_new() -> ResponseReturnValue:
    """Try what stands in the form, before anything is stored."""
    base_url, credentials = _sent_address()
    db.session.rollback()
    tested = _test(_sent("kind"), Connection(base_url, credentials))
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=tested)
    return _form(tested=tested), 200 if tested.ok else 422


@bp.post("/<int:source_id>/test")
@talks_to_servers
def test(source_id: int) -> ResponseReturnValue:
    """Reach the source with the account of the person who asks, and note how that went."""
    tested = _test_known(get_source(source_id))
    begin_write()
    if tested.ok:
        health.note_reached(source_id)
    else:
        health.note_trouble(source_id, tested.words)
    db.session.commit()
    if htmx.wants_fragment():
        return render_template("sources/_test.html", tested=tested)
    flash(tested.words)
    return redirect(url_for(".show", source_id=source_id), code=303)


@bp.get("/<int:source_id>")
def show(source_id: int) -> str:
    """One source: what it holds that nobody recognises, its pulls, and who is signed in on it."""
    source = get_source(source_id)
    after = request.args.get("after", 0, type=int)
    found = list_unmatched(source.id, after=after, limit=UNMATCHED_PAGE + 1)
    unmatched = found[:UNMATCHED_PAGE]
    return render_template(
        "sources/show.html",
        one=overview_of(source, g.user.id),
        people=names_with_accounts(source.id),
        pulls=list_pulls(source.id),
        unmatched=unmatched,
        after=unmatched[-1].id if len(found) > UNMATCHED_PAGE else None,
    )


@bp.get("/<int:source_id>/pull")
def pull_progress(source_id: int) -> ResponseReturnValue:
    """How far the pull is: the part of a page, or, without a script, a page that reloads itself."""
    source = get_source(source_id)
    template = "sources/_pull.html" if htmx.wants_fragment() else "sources/pull.html"
    return render_template(template, source=source, pull=latest_pull(source.id))


@bp.post("/<int:source_id>/pull")
def pull(source_id: int) -> ResponseReturnValue:
    """Ask for a pull; the one under way where there is one."""
    source = get_source(source_id)
    asked = request_pull(source.id)
    db.session.commit()
    if not htmx.wants_fragment():
        return redirect(url_for(".pull_progress", source_id=source_id), code=303)
    part = render_template("sources/_pull.html", source=source, pull=asked)
    return htmx.fragments(part, *marks.beside(f"{source.name} is being read.", None))


@bp.post("/<int:source_id>/remove")
@admin_only
def remove(source_id: int) -> ResponseReturnValue:
    """Removing what is gone already is no error: the wish is fulfilled."""
    try:
        source = get_source(source_id)
    except NotFound:
        return htmx.go_to(url_for(".index"))
    name = source.name
    accounts.remove_source(source)
    db.session.commit()
    flash(f"{name} is removed. What you have watched stays.")
    return htmx.go_to(url_for(".index"))


@bp.post("/<int:source_id>/account")
def link(source_id: int) -> ResponseReturnValue:
    """Sign the user in on the source, or in anew; what waited for that goes out again."""
    source = get_source(source_id)
    accounts.link_account(source, g.user.id, _sent_address()[1])
    own = (QueuedChange.source_id == source.id, QueuedChange.user_id == g.user.id)
    PlaybackSyncRepository().retry(*own, QueuedChange.error_class == "auth")
    request_pull(source.id)
    db.session.commit()
    flash(f"Your account on {source.name} is saved. It is being read.")
    return htmx.go_to(url_for(".show", source_id=source.id))


def _sent(name: str) -> str:
    return request.form.get(name, "").strip()


def _sent_address() -> tuple[str, dict[str, str]]:
    """Where it is, and the sign-in: also one that was pasted as a part of the address, which is kept elsewhere."""
    credentials = {"username": _sent("username"), "password": request.form.get("password", "")}
    return accounts.split_sign_in(_sent("kind"), _sent("base_url"), credentials)


def _form(*, errors: dict[str, str] | None = None, tested: Tested | None = None) -> str:
    """The form with what was typed, but for the password."""
    kind = request.values.get("kind", "")
    if kind not in KINDS:
        abort(404)
    base_url = _sent_address()[0]
    typed = {"kind": kind, "name": _sent("name"), "base_url": base_url, "username": _sent("username")}
    return render_template("sources/new.html", typed=typed, errors=errors or {}, tested=tested)


def _test_known(source: Source) -> Tested:
    kind, account = source.kind, account_on(source.id, g.user.id)
    try:
        connection = accounts.connection_of(source, account)
    except SignInRefused as error:
        return Tested(False, error.message)
    finally:
        db.session.rollback()
    return _test(kind, connection)


def _test(kind: str, connection: Connection) -> Tested:
    """Waits for the server: no transaction may be open."""
    try:
        with closing(open_backend(kind, connection)) as backend:
            found = backend.check()
    except InvalidValue as error:
        return Tested(False, error.message)
    except BackendError as error:
        return Tested(False, error.message)
    what = " ".join(filter(None, (found.product, found.version)))
    name = f"“{found.name}” " if found.name and found.name != found.product else ""
    return Tested(True, f"{name}answers: {what}." if name else f"{what} answers.")
