"""/setup: the first run. Makes the first user, an admin, and goes on to adding a source."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.accounts.users import MIN_PASSWORD, add_first_user, any_user
from mydia_web.clock import list_time_zones
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue
from mydia_web.web.frame.auth import limiter, public, sign_in
from mydia_web.web.frame.transactions import talks_to_servers

bp = Blueprint("setup", __name__)


@bp.get("/setup")
@public
def index() -> ResponseReturnValue:
    return _done() if any_user() else _form()


@bp.post("/setup")
@public
@talks_to_servers
@limiter.limit("10/minute")
def create_first_user() -> ResponseReturnValue:
    """Whoever comes second finds the work done and is sent to sign in."""
    if any_user():
        return _done()
    db.session.rollback()
    begin_write()
    try:
        user = add_first_user(
            request.form.get("name", ""),
            request.form.get("password", ""),
            time_zone=_asked_time_zone(),
        )
    except InvalidValue as error:
        db.session.rollback()
        return _form({error.field: error.message}), 422
    if user is None:
        return _done()
    db.session.commit()
    sign_in(user)
    return redirect(url_for("sources.new"), code=303)


def _asked_time_zone() -> str:
    """What the browser says; one it alone knows, or no script to say it, is no reason to stop."""
    asked = request.form.get("time_zone", "")
    return asked if asked in list_time_zones() else "UTC"


def _form(errors: dict[str, str] | None = None) -> str:
    return render_template(
        "setup/index.html",
        name=request.form.get("name", ""),
        errors=errors or {},
        min_password=MIN_PASSWORD,
    )


def _done() -> ResponseReturnValue:
    return redirect(url_for("auth.login"), code=303)
