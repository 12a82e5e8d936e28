"""The sample queue: every state of a change, the attempts behind it, and what the servers show."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.demo.evenings import JUST_MARKED
from mydia_web.demo.household import NO_ANSWER, Household
from mydia_web.library.models import Content
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.attempts import KEPT, SyncAttempt
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import LEASE, PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceAccount, SourceItem, SourceItemState
from mydia_web.sync.outbound.retry import backoff

_KEPT_FOR = timedelta(days=21)
#: How long ago the Living room began to refuse Sam.
_REFUSED_FOR = timedelta(days=4)
_UNDO_WINDOW = timedelta(seconds=10)
#: Milliseconds until a server that is switched off was given up, and until a running one answered.
_TIMEOUT_MS = 5_004
_ANSWER_MS = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Attempts that all ended in the same way."""

    error_class: str
    message: str
    last_at: datetime
    attempts: int = 1
    #: When the change is tried again; None: it needs a person, or a new sign-in.
    again_at: datetime | None = None

    @property
    def milliseconds(self) -> int:
        if self.error_class == "transient":
            return _TIMEOUT_MS
        return _ANSWER_MS

    def times(self) -> Iterator[datetime]:
        """Yield when each attempt was made, the oldest first and paced as a worker paces them."""
        pauses = [backoff(number, jitter=lambda *_: 1) for number in range(1, self.attempts)]
        at = self.last_at - sum(pauses, timedelta())
        yield at
        for pause in pauses:
            at += pause
            yield at


def settle_queue(home: Household) -> None:
    """Deliver nearly everything, as time would have; let the rest fail in every way there is."""
    db.session.execute(delete(QueuedChange).where(QueuedChange.origin == "import"))
    query = select(QueuedChange).order_by(QueuedChange.intent_at, QueuedChange.id)
    rows = db.session.scalars(query).all()
    accounts = defaultdict[tuple[int, int], list[QueuedChange]](list)
    for row in rows:
        _deliver(row)
        accounts[row.source_id, row.user_id].append(row)
    of_alex = accounts[home.living_room.id, home.alex.id]
    _owe_to_bedroom(home, accounts[home.bedroom.id, home.alex.id])
    _refuse_sam(home, accounts[home.living_room.id, home.sam.id])
    _leave_open(home, of_alex)
    _recover([row for row in of_alex if row.status == Status.SYNCED][-1])
    db.session.flush()
    PlaybackSyncRepository().prune(home.at - _KEPT_FOR)
    _show_states(home, [row for row in rows if row.status != Status.SYNCED])


def _deliver(row: QueuedChange) -> None:
    delivered_at = row.intent_at + timedelta(seconds=11 + row.id % 7)
    row.status = Status.SYNCED
    row.synced_seq = row.intent_seq
    row.next_attempt_at = None
    row.created_at = row.intent_at
    row.updated_at = delivered_at
    row.last_attempt_at = delivered_at


def _owe(row: QueuedChange, due_at: datetime | None) -> None:
    """Take the delivery back: the change was not sent yet."""
    row.status = Status.PENDING
    row.synced_seq = row.intent_seq - 1
    row.next_attempt_at = due_at
    row.last_attempt_at = None
    row.updated_at = row.intent_at


def _fail(row: QueuedChange, failure: _Failure) -> None:
    _owe(row, failure.again_at)
    row.status = Status.FAILED
    row.error_class = failure.error_class
    row.error_message = failure.message
    row.attempt_count = failure.attempts
    row.last_attempt_at = failure.last_at
    row.updated_at = failure.last_at
    _add_attempts(row, failure)


def _add_attempts(row: QueuedChange, failure: _Failure) -> None:
    for number, at in enumerate(list(failure.times())[-KEPT:]):
        attempt = SyncAttempt(queued_change_id=row.id, at=at, outcome=failure.error_class)
        attempt.message = failure.message
        attempt.milliseconds = failure.milliseconds + 3 * number
        _add_attempt(attempt)


def _add_attempt(attempt: SyncAttempt) -> None:
    """Add it before the next one: their ids tell their order."""
    db.session.add(attempt)
    db.session.flush()


def _owe_to_bedroom(home: Household, rows: Sequence[QueuedChange]) -> None:
    """Let the first few fail until the server is taken for down; the others wait with it."""
    owed = [row for row in rows if row.intent_at > home.down_since]
    failures = (9, 6)
    for row, attempts in zip(owed, failures, strict=False):
        failure = _Failure(
            error_class="transient",
            message=NO_ANSWER,
            last_at=home.at - timedelta(minutes=6),
            attempts=attempts,
            again_at=home.at + timedelta(minutes=9, seconds=13 * attempts),
        )
        _fail(row, failure)
    for row in owed[len(failures) :]:
        _owe(row, row.intent_at + _UNDO_WINDOW)


def _refuse_sam(home: Household, rows: Sequence[QueuedChange]) -> None:
    since = home.at - _REFUSED_FOR
    own = (
        SourceAccount.source_id == home.living_room.id,
        SourceAccount.user_id == home.sam.id,
    )
    account = db.session.scalars(select(SourceAccount).where(*own)).one()
    account.refused_at = since
    address = home.living_room.base_url.removeprefix("http://")
    for row in rows:
        if row.intent_at > since:
            _fail_once(row, "auth", f"Kodi at {address} refused the user name or password.")


def _leave_open(home: Household, rows: Sequence[QueuedChange]) -> None:
    """Leave some of Alex's changes open at the Living room, each for a reason of its own."""
    by_content = {row.content_key: row for row in rows}
    films = home.library.films

    def row_of(content: Content) -> QueuedChange:
        return by_content[content.key]

    for title in JUST_MARKED:
        _owe(row_of(films[title]), home.at + _UNDO_WINDOW)
    _begin_sending(row_of(films["The Salt Atlas"]), home.at)
    _fail_once(
        row_of(films["The Understudy’s Summer"]),
        "unmatched",
        "“The Understudy’s Summer (2022).mkv” is not in Kodi's library any more.",
    )
    _fail_once(
        row_of(home.library.episodes["The Quiet Orbit", 0, 1]),
        "invalid",
        'Kodi does not take VideoLibrary.SetEpisodeDetails as it was sent: "Invalid params."',
    )


def _begin_sending(row: QueuedChange, at: datetime) -> None:
    """Put a change into the hands of a worker."""
    _owe(row, None)
    row.status = Status.SYNCING
    row.attempt_count = 1
    row.claim_token = str(uuid.uuid4())
    row.lease_until = at + LEASE
    row.last_attempt_at = at
    row.updated_at = at


def _fail_once(row: QueuedChange, error_class: str, message: str) -> None:
    tried_at = row.intent_at + _UNDO_WINDOW
    _fail(row, _Failure(error_class=error_class, message=message, last_at=tried_at))


def _recover(row: QueuedChange) -> None:
    """Let a change be delivered at the second attempt."""
    first = row.updated_at
    second = first + timedelta(seconds=15)
    failed = SyncAttempt(queued_change_id=row.id, at=first, outcome="transient")
    failed.message = "Kodi at 127.0.0.1:48081 closed the connection before it answered."
    failed.milliseconds = _ANSWER_MS
    _add_attempt(failed)
    succeeded = SyncAttempt(queued_change_id=row.id, at=second, outcome="ok", message="")
    succeeded.milliseconds = _ANSWER_MS
    _add_attempt(succeeded)
    row.updated_at = second
    row.last_attempt_at = second


def _show_states(home: Household, owed: Sequence[QueuedChange]) -> None:
    """Let each server show what it was told or has told us, but not what it is still owed."""
    not_there = {(row.user_id, row.source_id, row.content_key) for row in owed}
    progress = {
        (row.user_id, row.content_key): row for row in db.session.scalars(select(PlaybackProgress))
    }
    seen_at = {
        home.living_room.id: home.at - timedelta(minutes=32),
        home.bedroom.id: home.down_since,
    }
    pairs = db.session.execute(
        select(SourceAccount, SourceItem)
        .join(Source, Source.id == SourceAccount.source_id)
        .join(SourceItem, SourceItem.source_id == Source.id)
        .where(Source.kind == "kodi")
    )
    states = []
    for account, item in pairs:
        shown = progress.get((account.user_id, item.content_key))
        if (account.user_id, account.source_id, item.content_key) in not_there:
            shown = None
        state = {
            "source_account_id": account.id,
            "source_item_id": item.id,
            "seen_at": account.refused_at or seen_at[account.source_id],
        }
        states.append(state | _state_of(shown))
    db.session.execute(insert(SourceItemState), states)


def _state_of(progress: PlaybackProgress | None) -> dict[str, Any]:
    if progress is None:
        return {"watched": False, "position_ms": 0, "play_count": 0, "last_played_at": None}
    last_played_at = None
    if progress.last_watched_at != UNKNOWN_TIME:
        last_played_at = progress.last_watched_at
    return {
        "watched": progress.watched,
        "position_ms": progress.position_seconds * 1000,
        "play_count": int(progress.watched),
        "last_played_at": last_played_at,
    }
