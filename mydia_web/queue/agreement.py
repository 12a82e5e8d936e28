"""How each server's copy of a film or episode stands, and which servers a click will reach."""

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

SyncState = Literal["waiting", "sending", "delivered", "needs you"]


@dataclass(slots=True, kw_only=True)
class CopyStatus:
    """One copy of a content on one source: the state it last showed, and what it is still owed."""

    source_id: int
    source_item_id: int
    source_name: str
    kind: str
    path: str
    #: The address of its page on the source; "" if it has none.
    web_link: str
    #: Whether the user has an account there.
    linked: bool
    #: None: it has not shown its state yet.
    watched: bool | None = None
    position_seconds: int = 0
    seen_at: datetime | None = None
    #: None: nothing was ever owed to it.
    sync: SyncState | None = None
    next_attempt_at: datetime | None = None
    error_message: str | None = None


def copy_statuses(user_id: int, content: Content) -> Sequence[CopyStatus]:
    """Return the status of every copy of the content, by the name of its source."""
    is_account = and_(SourceAccount.source_id == Source.id, SourceAccount.user_id == user_id)
    is_state = and_(
        SourceItemState.source_item_id == SourceItem.id,
        SourceItemState.source_account_id == SourceAccount.id,
    )
    is_owed = and_(
        QueuedChange.user_id == user_id,
        QueuedChange.source_id == SourceItem.source_id,
        QueuedChange.play_key == "",
        QueuedChange.of(content),
    )
    query = (
        select(Source, SourceAccount.id, SourceItem, SourceItemState, QueuedChange)
        .select_from(SourceItem)
        .join(Source, Source.id == SourceItem.source_id)
        .outerjoin(SourceAccount, is_account)
        .outerjoin(SourceItemState, is_state)
        .outerjoin(QueuedChange, is_owed)
        .where(SourceItem.of(content))
        .order_by(Source.name, SourceItem.id)
    )
    return [_copy_status(*row) for row in db.session.execute(query)]


def names_of_told(change_set_id: int) -> Sequence[str]:
    """Return the names of the sources that have yet to receive this change set."""
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
    change: QueuedChange | None,
) -> CopyStatus:
    status = CopyStatus(
        source_id=source.id,
        source_item_id=copy.id,
        source_name=source.name,
        kind=source.kind,
        path=copy.path,
        web_link=_web_link(source, copy),
        linked=account_id is not None,
    )
    if state is not None:
        status.watched = state.watched
        status.position_seconds = state.position_ms // 1000
        status.seen_at = state.seen_at
    if change is not None:
        status.sync = _sync_state(change)
        status.next_attempt_at = change.next_attempt_at
        status.error_message = change.error_message
    return status


def _web_link(source: Source, copy: SourceItem) -> str:
    connection = Connection(source.base_url, server_id=source.server_id)
    target = Target(remote_id=copy.remote_id, kind=copy.content_key.kind, path=copy.path)
    return backend_class(source.kind).web_link(connection, target)


def _sync_state(change: QueuedChange) -> SyncState:
    if change.status == Status.SYNCED:
        return "delivered"
    if change.status == Status.SYNCING:
        return "sending"
    if change.next_attempt_at:
        return "waiting"
    return "needs you"
