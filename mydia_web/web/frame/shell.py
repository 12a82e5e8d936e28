"""The surroundings of every page: the user, the navigation, the number of changes owed."""

from functools import cached_property
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import ColumnElement, ScalarSelect, and_, func, or_, select

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange, Status

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: The badge says "999+" from here on; counting further would only cost time.
_MAX_COUNT = 1000

THEMES = ("system", "light", "dark")

#: The entry of the navigation to which each blueprint's pages belong.
_SECTIONS = {
    "watch": "continue",
    "history": "history",
    "library": "library",
    "items": "library",
    "queue": "queue",
    "sources": "sources",
}


class SyncBadge:
    """The number of changes owed to servers, counted when a page first asks for it.

    Like the queue's page, it counts everyone's changes for admins.
    """

    def __init__(self, user_id: int | None) -> None:
        self._user_id = user_id

    @property
    def owed(self) -> int:
        """Changes that go out by themselves."""
        return self._counts[0]

    @property
    def needs_you(self) -> int:
        """Changes that wait for a person."""
        return self._counts[1]

    @cached_property
    def _counts(self) -> tuple[int, int]:
        is_under_way = QueuedChange.status.in_([Status.PENDING, Status.SYNCING])
        has_failed = QueuedChange.status == Status.FAILED
        is_scheduled = QueuedChange.next_attempt_at.is_not(None)
        owed = self._count(or_(is_under_way, and_(has_failed, is_scheduled)))
        needs_you = self._count(and_(has_failed, ~is_scheduled))
        counts = db.session.execute(select(owed, needs_you)).one()
        return counts[0], counts[1]

    def _count(self, condition: ColumnElement[bool]) -> ScalarSelect[int]:
        rows = select(QueuedChange.id).where(condition).limit(_MAX_COUNT)
        if self._user_id is not None:
            rows = rows.where(QueuedChange.user_id == self._user_id)
        return select(func.count()).select_from(rows.subquery()).scalar_subquery()


def register(app: Flask) -> None:
    app.context_processor(_shell)
    app.after_request(_protect)


def sync_badge() -> SyncBadge | None:
    user = g.get("user")
    if user is None:
        return None
    return SyncBadge(None if user.is_admin else user.id)


def chosen_theme() -> str:
    """Return the theme that this browser is set to."""
    theme = request.cookies.get("theme", "system")
    if theme in THEMES:
        return theme
    return "system"


def _shell() -> dict[str, Any]:
    # The blueprint of the page's package: those nested in it have its name in front.
    blueprint = (request.blueprint or "").partition(".")[0]
    return {
        "current_user": g.get("user"),
        "nav": _SECTIONS.get(blueprint, ""),
        "sync_badge": sync_badge(),
        "theme": chosen_theme(),
    }


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
        response.vary.add("HX-Request")
    return response
