"""Where a film or episode stands on each server, and which servers a click will reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, select

from mydia_web.backends.values import Connection, Target
from mydia_web.db import db
from mydia_web.library.models import Content
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemState
from mydia_web.sources.registry import backend_class


@dataclass(frozen=True, slots=True)
class CopyStatus:
    """One copy of a content on one source, as it last showed this user's state, and what it is
    still owed.
    """

    source_id: int
    source_item_id: int
    source_name: str
    kind: str
    path: str
    #: Where a browser opens it there; "" where that has no page of its own.
    web_link: str
    #: Whether the user has an account there.
    linked: bool
    #: None: it has not shown its state yet.
    watched: bool | None
    position_seconds: int
    seen_at: datetime | None
    #: None: nothing was ever owed to it.
    sync: Literal["waiting", "sending", "delivered", "needs you"] | None
    next_attempt_at: datetime | None
    error_message: str | None


def copy_statuses(user_id: int, content: Content) -> Sequence[CopyStatus]:
    """Every copy of the content, by the name of its source."""
    owed = and_(
        QueuedChange.user_id == user_id,
        QueuedChange.source_id == SourceItem.source_id,
        QueuedChange.play_key == "",
        QueuedChange.of(content),
    )
    query = (
        select(Source, SourceAccount.id, SourceItem, SourceItemState, QueuedChange)
        .select_from(SourceItem)
        .join(Source, Source.id == SourceItem.source_id)
        .outerjoin(
            SourceAccount,
            and_(SourceAccount.source_id == Source.id, SourceAccount.user_id == user_id),
        )
        .outerjoin(
            SourceItemState,
            and_(
                SourceItemState.source_item_id == SourceItem.id,
                SourceItemState.source_account_id == SourceAccount.id,
            ),
        )
        .outerjoin(QueuedChange, owed)
        .where(SourceItem.of(content))
        .order_by(Source.name, SourceItem.id)
    )
    return [_copy_status(*row) for row in db.session.execute(query)]


def names_of_told(change_set_id: int) -> Sequence[str]:
    """The sources that are still to hear of this act."""
    return db.session.scalars(
        select(Source.name)
        .join(QueuedChange, QueuedChange.source_id == Source.id)
        .where(QueuedChange.change_set_id == change_set_id, QueuedChange.status != Status.SYNCED)
        .distinct()
        .order_by(Source.name)
    ).all()


def _copy_status(
    source: Source,
    account_id: int | None,
    copy: SourceItem,
    state: SourceItemState | None,
    owed: QueuedChange | None,
) -> CopyStatus:
    return CopyStatus(
        source_id=source.id,
        source_item_id=copy.id,
        source_name=source.name,
        kind=source.kind,
        path=copy.path,
        web_link=_web_link(source, copy),
        linked=account_id is not None,
        watched=state.watched if state else None,
        position_seconds=state.position_ms // 1000 if state else 0,
        seen_at=state.seen_at if state else None,
        sync=_sync(owed) if owed else None,
        next_attempt_at=owed.next_attempt_at if owed else None,
        error_message=owed.error_message if owed else None,
    )


def _web_link(source: Source, copy: SourceItem) -> str:
    kind: Literal["movie", "episode"] = "movie" if copy.episode_id is None else "episode"
    connection = Connection(source.base_url, server_id=source.server_id)
    return backend_class(source.kind).web_link(connection, Target(copy.remote_id, kind, copy.path))


def _sync(owed: QueuedChange) -> Literal["waiting", "sending", "delivered", "needs you"]:
    if owed.status == Status.SYNCED:
        return "delivered"
    if owed.status == Status.SYNCING:
        return "sending"
    return "waiting" if owed.next_attempt_at else "needs you"
