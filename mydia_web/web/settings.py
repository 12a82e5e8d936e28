"""/settings: one's own time zone, look, password and API tokens."""

from flask import Blueprint, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.accounts.users import (
    MIN_PASSWORD,
    add_token,
    list_tokens,
    new_password_hash,
    revoke_token,
    set_time_zone,
)
from mydia_web.clock import list_time_zones
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue
from mydia_web.web.frame import htmx
from mydia_web.web.frame.auth import limiter, sign_in
from mydia_web.web.frame.transactions import talks_to_servers
from mydia_web.web.items import marks

bp = Blueprint("settings", __name__, url_prefix="/settings")

THEMES = ("system", "light", "dark")
_A_YEAR = 60 * 60 * 24 * 365


@bp.get("")
def index() -> str:
    return _page()


@bp.post("")
def save() -> ResponseReturnValue:
    """The look is kept by the browser: a phone may be dark and a television light."""
    theme = request.form.get("theme", "system")
    try:
        set_time_zone(g.user, request.form.get("time_zone", ""))
        if theme not in THEMES:
            raise InvalidValue("theme", f"Choose one of: {', '.join(THEMES)}.")
    except InvalidValue as error:
        return _refused(error)
    db.session.commit()
    flash("Saved.")
    response = make_response(htmx.go_to(url_for(".index")))
    # As the switch in app.js does it: without the cookie the system decides.
    response.set_cookie("theme", theme, max_age=0 if theme == "system" else _A_YEAR, samesite="Lax")
    return response


@bp.post("/password")
@talks_to_servers
@limiter.limit("10/minute")
def save_password() -> ResponseReturnValue:
    """Checking a password takes a while on purpose; it needs no write lock."""
    old, new = request.form.get("old_password", ""), request.form.get("password", "")
    try:
        password_hash = new_password_hash(g.user, old, new)
    except InvalidValue as error:
        return _refused(error)
    db.session.rollback()
    begin_write()
    g.user.password_hash = password_hash
    db.session.commit()
    sign_in(g.user)
    flash("Your password is changed. Other browsers are signed out.")
    return htmx.go_to(url_for(".index"))


@bp.post("/tokens")
def create_token() -> ResponseReturnValue:
    """The token is shown in this answer, once."""
    try:
        token = add_token(g.user, request.form.get("name", ""))
    except InvalidValue as error:
        db.session.rollback()
        return _tokens_or_page(errors={"token_name": error.message}), 422
    db.session.commit()
    return _tokens_or_page(token=token)


@bp.post("/tokens/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    revoke_token(g.user.id, token_id)
    db.session.commit()
    words = "The token is revoked. Whatever used it is signed out."
    if htmx.wants_fragment():
        return htmx.fragments(_tokens_or_page(), *marks.beside(words, None))
    flash(words)
    return redirect(url_for(".index"), code=303)


def _refused(error: InvalidValue) -> ResponseReturnValue:
    db.session.rollback()
    return _page(errors={error.field: error.message}), 422


def _tokens_or_page(*, errors: dict[str, str] | None = None, token: str | None = None) -> str:
    if not htmx.wants_fragment():
        return _page(errors=errors, token=token)
    tokens = list_tokens(g.user.id)
    return render_template(
        "settings/_tokens.html", tokens=tokens, new_token=token, errors=errors or {}
    )


def _page(*, errors: dict[str, str] | None = None, token: str | None = None) -> str:
    return render_template(
        "settings/index.html",
        errors=errors or {},
        time_zones=sorted(list_time_zones()),
        time_zone=request.form.get("time_zone", g.user.time_zone),
        theme=request.form.get("theme") or request.cookies.get("theme", "system"),
        themes=THEMES,
        min_password=MIN_PASSWORD,
        tokens=list_tokens(g.user.id),
        new_token=token,
    )
