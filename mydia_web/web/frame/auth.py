"""Signing in: every page needs a user, unless its view is marked `@public`."""

import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect  # type: ignore[import-untyped]

from mydia_web.accounts.models import User
from mydia_web.accounts.users import any_user, authenticate, user_of_token
from mydia_web.clock import now
from mydia_web.config import secret
from mydia_web.db import begin_write, db
from mydia_web.web.frame import htmx
from mydia_web.web.frame.transactions import SAFE_METHODS, talks_to_servers

bp = Blueprint("auth", __name__)
csrf = CSRFProtect()
limiter = Limiter(get_remote_address)

View = TypeVar("View", bound=Callable[..., Any])

#: How often a session in use is renewed; an unused one ends after `PERMANENT_SESSION_LIFETIME`.
_RENEW_EVERY = timedelta(days=1)
_WRONG_SIGN_IN = "Wrong name or password."


def public(view: View) -> View:
    """Open the view to everyone."""
    view.public = True  # type: ignore[attr-defined]
    return view


def for_servers(view: View) -> View:
    """Open the view to servers: a secret in the address identifies them, and no CSRF token."""
    view.for_servers = True  # type: ignore[attr-defined]
    return public(view)


def admin_only(view: View) -> View:
    """Open the view to admins only. Goes below the route decorator."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not g.user.is_admin:
            abort(403)
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def register(app: Flask) -> None:
    app.before_request(_authenticate)
    app.register_blueprint(bp)


def is_api() -> bool:
    """Return whether the request is for programs, which sign in by token and read JSON."""
    return request.path.startswith(("/api/", "/webhooks/")) or request.path == "/metrics"


def _authenticate() -> ResponseReturnValue | None:
    """Deny by default, then check CSRF: a cookie, unlike a bearer token, proves no intent."""
    g.user = None
    if request.endpoint == "static":
        return None
    bearer = _bearer_token()
    g.user = _user_of_bearer(bearer) if bearer else _user_of_session()
    if g.user is None and not _is_marked("public"):
        return _require_login()
    if not bearer and not _is_marked("for_servers") and current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()
    return None


def _bearer_token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if is_api() and scheme.lower() == "bearer":
        return token.strip()
    return None


def _user_of_bearer(token: str) -> User | None:
    """Return the token's owner, and note its use.

    So even a reading request writes; it gives the write lock back at once.
    """
    begin_write()
    user = user_of_token(token)
    if user and request.method in SAFE_METHODS:
        db.session.commit()
    return user


def _user_of_session() -> User | None:
    user_id, fingerprint = session.get("user", (None, ""))
    user = db.session.get(User, user_id) if isinstance(user_id, int) else None
    if user is None or not hmac.compare_digest(str(fingerprint), _fingerprint(user)):
        session.pop("user", None)
        return None
    _renew()
    return user


def _fingerprint(user: User) -> str:
    """Return what changes with the password, so that a new password ends all sessions."""
    return hmac.digest(secret().encode(), user.password_hash.encode(), "sha256").hex()[:32]


def _renew() -> None:
    renewed_at = datetime.fromtimestamp(session.get("renewed_at", 0), UTC)
    if renewed_at < now() - _RENEW_EVERY:
        session["renewed_at"] = int(now().timestamp())


def _is_marked(mark: str) -> bool:
    # An unknown address has no view; the answer will be 404 or 405.
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or bool(getattr(view, mark, False))


def _require_login() -> ResponseReturnValue:
    if is_api():
        abort(401)
    if not any_user():
        return htmx.go_to(url_for("setup.index"))
    return htmx.go_to(url_for("auth.login", next=_page_to_return_to()))


def _page_to_return_to() -> str | None:
    if request.method != "GET" or htmx.wants_fragment() or request.full_path == "/?":
        return None
    return request.full_path.rstrip("?")


def sign_in(user: User) -> None:
    """Start a new session, dropping whatever an earlier one held or someone planted in it."""
    session.clear()
    session.permanent = True
    session["user"] = (user.id, _fingerprint(user))
    session["renewed_at"] = int(now().timestamp())


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    if g.user:
        return redirect(htmx.way_back(), code=303)
    if not any_user():
        return redirect(url_for("setup.index"), code=303)
    return _form()


@bp.post("/login")
@public
@talks_to_servers
@limiter.limit("10/minute")
def sign_in_with_password() -> ResponseReturnValue:
    """Check the password. That is slow on purpose, so no write lock is held."""
    name = request.form.get("name", "")
    user = authenticate(name, request.form.get("password", ""))
    if user is None:
        return _form(name, error=_WRONG_SIGN_IN), 422
    sign_in(user)
    return redirect(htmx.way_back(), code=303)


def _form(name: str = "", error: str | None = None) -> str:
    return render_template("auth/login.html", name=name, error=error, next=htmx.way_back())


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    session.clear()
    flash("You are signed out.")
    return redirect(url_for("auth.login"), code=303)
