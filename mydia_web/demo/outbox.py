"""The sample queue: every way a change can stand, and what each server shows meanwhile."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.demo.attempts import ANSWER, NO_ANSWER, add_failures, add_success
from mydia_web.demo.library import Library
from mydia_web.demo.servers import OUT_OF_REACH, Servers
from mydia_web.library.models import Content, Episode
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import LEASE, PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemState

#: Delivered rows are kept so long.
KEPT = timedelta(days=21)
#: How long ago the Living room began to refuse Sam.
REFUSED_FOR = timedelta(days=4)
#: A change is undone this long after its click before any server hears of it.
UNDO_WINDOW = timedelta(seconds=10)

_Key = tuple[int | None, int | None]


def settle_queue(
    alex: User, sam: User, library: Library, servers: Servers, at: datetime, down_since: datetime
) -> None:
    """Deliver nearly everything, as time would have."""
    queue = PlaybackSyncRepository()
    queue.cancel(QueuedChange.origin == "import")
    rows = db.session.scalars(
        select(QueuedChange).order_by(QueuedChange.intent_at, QueuedChange.id)
    ).all()
    for row in rows:
        _deliver(row)
    _owe_to_bedroom([row for row in rows if row.source_id == servers.bedroom.id], at, down_since)
    living = [row for row in rows if row.source_id == servers.living_room.id]
    _refuse_sam(
        [row for row in living if row.user_id == sam.id], servers.living_room, sam, at - REFUSED_FOR
    )
    _trouble(_by_content(living, alex), library, at)
    _recover([row for row in living if row.user_id == alex.id and row.status == Status.SYNCED][-1])
    db.session.flush()
    queue.prune(at - KEPT)
    owed = {row for row in rows if row.status != Status.SYNCED}
    _show_states(
        owed, {servers.living_room.id: at - timedelta(minutes=32), servers.bedroom.id: down_since}
    )


def _deliver(row: QueuedChange) -> None:
    done = row.intent_at + timedelta(seconds=11 + row.id % 7)
    row.status, row.synced_seq, row.next_attempt_at = Status.SYNCED, row.intent_seq, None
    row.created_at, row.updated_at, row.last_attempt_at = row.intent_at, done, done


def _owe(row: QueuedChange, due_at: datetime | None) -> None:
    """Take the delivery back: the row is owed still."""
    row.status = Status.PENDING if due_at else Status.FAILED
    row.synced_seq, row.next_attempt_at = row.intent_seq - 1, due_at
    row.last_attempt_at, row.updated_at = None, row.intent_at


def _fail(
    row: QueuedChange,
    error_class: str,
    message: str,
    *,
    tried_at: datetime,
    attempts: int,
    again_at: datetime | None,
) -> None:
    _owe(row, again_at)
    row.status, row.error_class, row.error_message = Status.FAILED, error_class, message
    row.last_attempt_at = row.updated_at = tried_at
    row.attempt_count = attempts
    took = NO_ANSWER if error_class == "transient" else ANSWER
    add_failures(row, error_class, message, last_at=tried_at, times=attempts, took=took)


def _owe_to_bedroom(rows: Iterable[QueuedChange], at: datetime, down_since: datetime) -> None:
    """The first few were tried until the server was taken for down; the others wait with it."""
    tried_at, attempts = at - timedelta(minutes=6), 9
    for row in (row for row in rows if row.intent_at > down_since):
        if attempts > 4:
            again_at = at + timedelta(minutes=9, seconds=13 * attempts)
            _fail(
                row,
                "transient",
                OUT_OF_REACH,
                tried_at=tried_at,
                attempts=attempts,
                again_at=again_at,
            )
            attempts -= 3
        else:
            _owe(row, row.intent_at + UNDO_WINDOW)


def _refuse_sam(rows: Iterable[QueuedChange], source: Source, sam: User, since: datetime) -> None:
    own = (SourceAccount.source_id == source.id, SourceAccount.user_id == sam.id)
    account = db.session.scalars(select(SourceAccount).where(*own)).one()
    account.refused_at = since
    message = (
        f"Kodi at {source.base_url.removeprefix('http://')} refused the user name or password."
    )
    for row in (row for row in rows if row.intent_at > since):
        _fail(row, "auth", message, tried_at=row.intent_at + UNDO_WINDOW, attempts=1, again_at=None)


def _trouble(rows: dict[_Key, QueuedChange], library: Library, at: datetime) -> None:
    """What the Living room has not taken from Alex, each for a reason of its own."""
    films = library.films
    for title in ("A Parliament of Foxes", "The Marigold Protocol"):
        _owe(rows[_key(films[title])], at + UNDO_WINDOW)
    syncing = rows[_key(films["The Salt Atlas"])]
    _owe(syncing, at)
    syncing.status, syncing.next_attempt_at, syncing.attempt_count = Status.SYNCING, None, 1
    syncing.claim_token, syncing.lease_until, syncing.last_attempt_at = (
        str(uuid.uuid4()),
        at + LEASE,
        at,
    )
    syncing.updated_at = at
    moved = "“The Understudy’s Summer (2022).mkv” is not in Kodi's library any more."
    _needs_alex(rows[_key(films["The Understudy’s Summer"])], "unmatched", moved)
    refused = 'Kodi does not take VideoLibrary.SetEpisodeDetails as it was sent: "Invalid params."'
    _needs_alex(rows[_key(library.episodes["The Quiet Orbit", 0, 1])], "invalid", refused)


def _recover(row: QueuedChange) -> None:
    """Delivered, though not at once."""
    gone = "Kodi at 127.0.0.1:48081 closed the connection before it answered."
    first, second = row.updated_at, row.updated_at + timedelta(seconds=15)
    add_failures(row, "transient", gone, last_at=first)
    add_success(row, second)
    row.updated_at = row.last_attempt_at = second


def _needs_alex(row: QueuedChange, error_class: str, message: str) -> None:
    _fail(
        row, error_class, message, tried_at=row.intent_at + UNDO_WINDOW, attempts=1, again_at=None
    )


def _by_content(rows: Iterable[QueuedChange], user: User) -> dict[_Key, QueuedChange]:
    return {
        (None, row.episode_id) if row.episode_id else (row.media_item_id, None): row
        for row in rows
        if row.user_id == user.id
    }


def _key(content: Content) -> _Key:
    return (None, content.id) if isinstance(content, Episode) else (content.id, None)


def _show_states(owed: set[QueuedChange], seen_at: dict[int, datetime]) -> None:
    """Each server, last seen then, shows what it was told or has told us; not what it is still
    owed.
    """
    missing = {
        (
            row.user_id,
            row.source_id,
            (None, row.episode_id) if row.episode_id else (row.media_item_id, None),
        )
        for row in owed
    }
    progress = {
        (one.user_id, (one.media_item_id, one.episode_id)): one
        for one in db.session.scalars(select(PlaybackProgress))
    }
    pairs = db.session.execute(
        select(SourceAccount, SourceItem)
        .join(Source, Source.id == SourceAccount.source_id)
        .join(SourceItem, SourceItem.source_id == Source.id)
        .where(Source.kind == "kodi")
    )
    states = []
    for account, item in pairs:
        key = (item.media_item_id, item.episode_id)
        known = (account.user_id, account.source_id, key) not in missing
        found = progress.get((account.user_id, key)) if known else None
        seen = account.refused_at or seen_at[account.source_id]
        states.append(
            {"source_account_id": account.id, "source_item_id": item.id, **_state(found, seen)}
        )
    db.session.execute(insert(SourceItemState), states)


def _state(progress: PlaybackProgress | None, seen_at: datetime) -> dict[str, Any]:
    watched = progress is not None and progress.watched
    dated = progress is not None and progress.last_watched_at.year > 1970
    return {
        "watched": watched,
        "position_ms": progress.position_seconds * 1000 if progress else 0,
        "play_count": int(watched),
        "last_played_at": progress.last_watched_at if progress and dated else None,
        "seen_at": seen_at,
    }
