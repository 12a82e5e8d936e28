"""One transaction per request: a request that may write takes the write lock before it reads.

Views commit; what they leave uncommitted is rolled back when the request ends. A request that
failed only because another one was in its way runs again.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, has_request_context, request, session
from flask_sqlalchemy.session import Session
from sqlalchemy import event

from mydia_web.db import begin_write, retry_on_conflict

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

View = TypeVar("View", bound=Callable[..., Any])


def talks_to_servers(view: View) -> View:
    """Start the view without the write lock, because it waits for more than the database.

    Such a view reads, ends its transaction with `db.session.rollback()`, waits, and only then
    calls `begin_write()`.
    """
    view.talks_to_servers = True  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> None:
    app.before_request(_begin)
    app.dispatch_request = _run_again(app.dispatch_request)  # type: ignore[method-assign]


def _begin() -> None:
    g.pop("committed", None)
    g.opened_to_write = _is_opened_to_write()
    if g.opened_to_write:
        begin_write()


def _is_opened_to_write() -> bool:
    if request.method in SAFE_METHODS or _talks_to_servers(request.endpoint):
        return False
    # Without a session or a token it will be turned away, and must not make others wait.
    return "user" in session or "Authorization" in request.headers


def _talks_to_servers(endpoint: str | None) -> bool:
    view = current_app.view_functions.get(endpoint or "")
    return view is None or bool(getattr(view, "talks_to_servers", False))


def _run_again(dispatch: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Flask's dispatch: repeat a view after a conflict, unless it has committed something."""

    def has_committed_nothing() -> bool:
        return "committed" not in g

    def dispatch_request(*context: Any) -> Any:
        if not g.get("opened_to_write"):
            return dispatch(*context)
        return retry_on_conflict(lambda: dispatch(*context), can_run_again=has_committed_nothing)

    return dispatch_request


@event.listens_for(Session, "after_commit")
def _note_commit(_session: Session) -> None:
    if has_request_context():
        g.committed = True
