"""/settings: the user's time zone, theme, password and API tokens."""

from flask import Blueprint, flash, g, make_response, render_template, request, url_for
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
from mydia_web.web.frame.shell import THEMES, chosen_theme
from mydia_web.web.frame.transactions import talks_to_servers

bp = Blueprint("settings", __name__, url_prefix="/settings")

_A_YEAR = 60 * 60 * 24 * 365


@bp.get("")
def index() -> str:
    return _page()


@bp.post("")
def save() -> ResponseReturnValue:
    """Save the time zone, and the theme in the browser: a phone may be dark, a television light."""
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
    # The same as the switch in app.js: without the cookie the system decides.
    max_age = 0 if theme == "system" else _A_YEAR
    response.set_cookie("theme", theme, max_age=max_age, samesite="Lax")
    return response


@bp.post("/password")
@talks_to_servers
@limiter.limit("10/minute")
def save_password() -> ResponseReturnValue:
    """Change the password. Checking the old one is slow on purpose, so no write lock is held."""
    current = request.form.get("old_password", "")
    new = request.form.get("password", "")
    try:
        password_hash = new_password_hash(g.user, current, new)
    except InvalidValue as error:
        return _refused(error)
    db.session.rollback()
    begin_write()
    g.user.password_hash = password_hash
    db.session.commit()
    sign_in(g.user)
    flash("Your password has been changed. Other browsers are signed out.")
    return htmx.go_to(url_for(".index"))


@bp.post("/tokens")
def create_token() -> ResponseReturnValue:
    """Create a token, and show it this once."""
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
    words = "Token revoked. Whatever used it is signed out."
    return htmx.done(words, part=_tokens_or_page, page=url_for(".index"))


def _refused(error: InvalidValue) -> ResponseReturnValue:
    db.session.rollback()
    return _page(errors={error.field: error.message}), 422


def _tokens_or_page(*, errors: dict[str, str] | None = None, token: str | None = None) -> str:
    if not htmx.wants_fragment():
        return _page(errors=errors, token=token)
    return render_template("settings/_tokens.html", **_tokens(errors or {}, token))


def _page(*, errors: dict[str, str] | None = None, token: str | None = None) -> str:
    return render_template(
        "settings/index.html",
        time_zones=sorted(list_time_zones()),
        time_zone=request.form.get("time_zone", g.user.time_zone),
        chosen=request.form.get("theme") or chosen_theme(),
        themes=THEMES,
        min_password=MIN_PASSWORD,
        **_tokens(errors or {}, token),
    )


def _tokens(errors: dict[str, str], new_token: str | None) -> dict[str, object]:
    return {"errors": errors, "tokens": list_tokens(g.user.id), "new_token": new_token}
