"""The sample attempts: what each row that is not delivered yet, or was with trouble, has behind it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from mydia_web.db import db
from mydia_web.queue.attempts import KEPT, SyncAttempt
from mydia_web.queue.models import QueuedChange
from mydia_web.sync.outbound.retry import backoff

#: Milliseconds until a server that is switched off was given up, and until one that runs answered.
NO_ANSWER, ANSWER = 5_004, 38


def add_failures(
    row: QueuedChange,
    outcome: str,
    message: str,
    *,
    last_at: datetime,
    times: int = 1,
    took: int = ANSWER,
) -> None:
    """So many attempts that ended alike, each as long before the next as a worker pauses."""
    for number, at in enumerate(list(_times(last_at, times))[-KEPT:]):
        _add(row, at, outcome, message, took + 3 * number)


def add_success(row: QueuedChange, at: datetime) -> None:
    _add(row, at, "ok", "", ANSWER)


def _times(last_at: datetime, times: int) -> Iterator[datetime]:
    """The oldest first."""
    pauses = [backoff(number, jitter=lambda *_: 1) for number in range(1, times)]
    at = last_at - sum(pauses, timedelta())
    yield at
    for pause in pauses:
        at += pause
        yield at


def _add(row: QueuedChange, at: datetime, outcome: str, message: str, took: int) -> None:
    db.session.add(
        SyncAttempt(
            queued_change_id=row.id, at=at, outcome=outcome, message=message, milliseconds=took
        )
    )
    # One after the other: their ids tell their order.
    db.session.flush()
