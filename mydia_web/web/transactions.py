"""One transaction for each request: a request that may write takes the write lock before it reads anything.

Views commit; what they leave uncommitted is rolled back when the request ends.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request, session

from mydia_web.db import begin_write

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


View = TypeVar("View", bound=Callable[..., Any])


def talks_to_servers(view: View) -> View:
    """For views that wait for something else than the database: they begin without the write lock.

    Such a view reads, ends its transaction with `db.session.rollback()`, waits, and only then calls `begin_write()`.
    """
    view.talks_to_servers = True  # type: ignore[attr-defined]
    return view


def register(app: Flask) -> None:
    app.before_request(_begin)


def _begin() -> None:
    # Who has neither a session nor a token will be turned away, and must not make others wait.
    known = "user" in session or "Authorization" in request.headers
    if known and request.method not in SAFE_METHODS and not _talks(request.endpoint):
        begin_write()


def _talks(endpoint: str | None) -> bool:
    view = current_app.view_functions.get(endpoint or "")
    return view is None or bool(getattr(view, "talks_to_servers", False))
