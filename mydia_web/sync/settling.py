"""What a push's outcome means for its row, its account and its source."""

import logging
from datetime import timedelta

from sqlalchemy import case, update

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.states import keep_state
from mydia_web.sync.delivery import Failure, Outcome
from mydia_web.sync.retry import MAX_RETRY_AFTER, pause_after, retry_at

log = logging.getLogger(__name__)


def settle(outcome: Outcome) -> None:
    """Write down what became of a delivery. The caller commits."""
    delivery, failure = outcome.delivery, outcome.failure
    for source_item_id, state in outcome.states:
        keep_state(delivery.source_id, delivery.user_id, source_item_id, state)
    kept = _taken(outcome) if failure is None else _refused(outcome, failure)
    if not kept and outcome.states:
        PlaybackSyncRepository().heal(delivery.row_id)


def _taken(outcome: Outcome) -> bool:
    delivery = outcome.delivery
    db.session.execute(
        update(Source)
        .where(Source.id == delivery.source_id)
        .values(last_ok_at=now(), last_error=None, failure_count=0, **_no_longer_down())
    )
    return PlaybackSyncRepository().mark_synced(delivery.row_id, delivery.claim_token, delivery.seq)


def _refused(outcome: Outcome, failure: Failure) -> bool:
    delivery, queue = outcome.delivery, PlaybackSyncRepository()
    _note(outcome, failure)
    if failure.failure_class == "rate_limited":
        return queue.release(
            delivery.row_id, delivery.claim_token, error=failure.message, error_class=failure.failure_class
        )
    return queue.mark_failed(
        delivery.row_id,
        delivery.claim_token,
        delivery.seq,
        failure.message,
        failure.failure_class,
        retry_at=retry_at(failure.failure_class, delivery.attempt, now()),
    )


def _note(outcome: Outcome, failure: Failure) -> None:
    """Let the source or the account wait where not the row but they are the trouble."""
    delivery = outcome.delivery
    log.info("not delivered: %s", failure.message, extra={"row_id": delivery.row_id})
    if failure.failure_class == "auth":
        own = (SourceAccount.source_id == delivery.source_id, SourceAccount.user_id == delivery.user_id)
        db.session.execute(
            update(SourceAccount).where(*own, SourceAccount.refused_at.is_(None)).values(refused_at=now())
        )
    source = db.session.get(Source, delivery.source_id)
    if source is None or failure.failure_class not in ("transient", "rate_limited"):
        return
    source.last_error, source.last_error_at = failure.message, now()
    if source.pause_reason == "operator":
        return
    if failure.failure_class == "rate_limited":
        wait = min(timedelta(seconds=failure.retry_after), MAX_RETRY_AFTER)
        source.paused_until, source.pause_reason = now() + wait, "rate_limited"
        return
    source.failure_count += 1
    if pause := pause_after(source.failure_count):
        source.paused_until, source.pause_reason = now() + pause, "down"


def _no_longer_down() -> dict[str, object]:
    by_us = Source.pause_reason.in_(["down", "rate_limited"])
    return {
        "paused_until": case((by_us, None), else_=Source.paused_until),
        "pause_reason": case((by_us, None), else_=Source.pause_reason),
    }
