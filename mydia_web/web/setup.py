"""/setup: the first run, which creates the first user, an admin."""

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
    if any_user():
        return _to_login()
    return _form()


@bp.post("/setup")
@public
@talks_to_servers
@limiter.limit("10/minute")
def create_first_user() -> ResponseReturnValue:
    """Create the admin, and go on to adding a source. Whoever comes second has to sign in."""
    if any_user():
        return _to_login()
    db.session.rollback()
    begin_write()
    name = request.form.get("name", "")
    password = request.form.get("password", "")
    try:
        user = add_first_user(name, password, time_zone=_time_zone_of_browser())
    except InvalidValue as error:
        db.session.rollback()
        return _form({error.field: error.message}), 422
    if user is None:
        return _to_login()
    db.session.commit()
    sign_in(user)
    return redirect(url_for("sources.new"), code=303)


def _time_zone_of_browser() -> str:
    """Return UTC where the browser names none, or one that is not known here."""
    name = request.form.get("time_zone", "")
    if name in list_time_zones():
        return name
    return "UTC"


def _form(errors: dict[str, str] | None = None) -> str:
    return render_template(
        "setup/index.html",
        name=request.form.get("name", ""),
        errors=errors or {},
        min_password=MIN_PASSWORD,
    )


def _to_login() -> ResponseReturnValue:
    return redirect(url_for("auth.login"), code=303)
