"""What stands around every page: the user, the navigation, and what servers are still owed."""

from functools import cached_property
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import and_, func, or_, select

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
#: A badge says "999+" beyond this; counting further would only cost time.
_COUNTED = 1000


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
    """How many changes servers are owed, counted when a page first asks: as the queue's page,
    everyone's for admins.
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
        failed, scheduled = (
            QueuedChange.status == Status.FAILED,
            QueuedChange.next_attempt_at.is_not(None),
        )
        under_way = QueuedChange.status.in_([Status.PENDING, Status.SYNCING])
        owed = self._count(or_(under_way, and_(failed, scheduled)))
        needs_you = self._count(and_(failed, ~scheduled))
        found = db.session.execute(select(owed, needs_you)).one()
        return int(found[0]), int(found[1])

    def _count(self, which: Any) -> Any:
        rows = select(QueuedChange.id).where(which).limit(_COUNTED)
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


def _shell() -> dict[str, Any]:
    return {
        "current_user": g.get("user"),
        "nav": _SECTIONS.get(request.blueprint or "", ""),
        "sync_badge": sync_badge(),
        "this_page": request.full_path.rstrip("?"),
    }


def _protect(response: Response) -> Response:
    response.headers.extend(
        {name: text for name, text in _HEADERS.items() if name not in response.headers}
    )
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store"
        response.vary.add("HX-Request")
    return response
