"""Who is asking: every page needs a signed-in user, unless its view is marked `@public`."""

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

#: A session that is used is renewed this often; one that is not ends after
#: `PERMANENT_SESSION_LIFETIME`.
_RENEW_EVERY = timedelta(days=1)
_WRONG = "The name or the password is wrong."


def public(view: View) -> View:
    """Open the view to everybody."""
    view.public = True  # type: ignore[attr-defined]
    return view


def for_servers(view: View) -> View:
    """Open the view to servers, which prove themselves by a secret in its address and know no CSRF
    token.
    """
    view.for_servers = True  # type: ignore[attr-defined]
    return public(view)


def admin_only(view: View) -> View:
    """Open the view to admins only. Stands below the route decorator."""

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
    """Is it for programs, which sign in with a token and read JSON?"""
    return request.path.startswith(("/api/", "/webhooks/")) or request.path == "/metrics"


def _authenticate() -> ResponseReturnValue | None:
    """Default deny, then the CSRF check: a bearer token proves the intent by itself, a cookie does
    not.
    """
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
    return token.strip() if is_api() and scheme.lower() == "bearer" else None


def _user_of_bearer(token: str) -> User | None:
    """Its use is noted, so even a reading request writes; that one then gives the write lock back
    at once.
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
    """Changes with the password, so that a new one ends all sessions."""
    return hmac.digest(secret().encode(), user.password_hash.encode(), "sha256").hex()[:32]


def _renew() -> None:
    renewed_at = datetime.fromtimestamp(session.get("renewed_at", 0), UTC)
    if renewed_at < now() - _RENEW_EVERY:
        session["renewed_at"] = int(now().timestamp())


def _is_marked(mark: str) -> bool:
    # An address that leads nowhere has no view; its answer is 404 or 405.
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or bool(getattr(view, mark, False))


def _require_login() -> ResponseReturnValue:
    if is_api():
        abort(401)
    if not any_user():
        return htmx.go_to(url_for("setup.index"))
    wanted = (
        request.full_path.rstrip("?")
        if request.method == "GET" and not htmx.wants_fragment()
        else None
    )
    return htmx.go_to(url_for("auth.login", next=None if wanted == "/" else wanted))


def sign_in(user: User) -> None:
    """A new session: what an earlier one held, or someone planted in it, is gone."""
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
    return render_template("auth/login.html", name="", error=None, next=htmx.way_back())


@bp.post("/login")
@public
@talks_to_servers
@limiter.limit("10/minute")
def sign_in_with_password() -> ResponseReturnValue:
    """Checking a password takes a while on purpose; it needs no write lock."""
    name = request.form.get("name", "")
    user = authenticate(name, request.form.get("password", ""))
    if user is None:
        page = render_template("auth/login.html", name=name, error=_WRONG, next=htmx.way_back())
        return page, 422
    sign_in(user)
    return redirect(htmx.way_back(), code=303)


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    session.clear()
    flash("You are signed out.")
    return redirect(url_for("auth.login"), code=303)
