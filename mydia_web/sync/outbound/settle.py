"""Settle the outcomes of pushes: their rows, accounts and sources. Nothing here commits."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, or_, select, update

from mydia_web.backends.values import RemoteItem
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import UTCDateTime, db, has_one_writer, insert_for
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.outbox import enqueue_current_state
from mydia_web.playback.records import locked_progress
from mydia_web.queue import sign_ins
from mydia_web.queue.attempts import Attempt, note_attempts
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.outages import note_recovered
from mydia_web.queue.plays import unwatched_since
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.rows import lock_rows
from mydia_web.sources.health import is_paused
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sources.recipients import sources_to_tell
from mydia_web.sources.states import ShownState, keep_states
from mydia_web.sync.inbound.merging import AccountMerge
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome, RemoteNews
from mydia_web.sync.outbound.retry import MAX_RETRY_AFTER, pause_after, retry_at

log = logging.getLogger(__name__)

#: A source's last success is noted at most this often: the row of a busy one would change with
#: every push.
_NOTE_EVERY = timedelta(seconds=5)


def settle(outcomes: Sequence[Outcome]) -> None:
    """Write down what became of these deliveries."""
    last = {outcome.delivery.row_id: outcome for outcome in outcomes}
    # A slow worker may have claimed a row a second time: the first claim was lost then.
    earlier = [outcome for outcome in outcomes if last[outcome.delivery.row_id] is not outcome]
    if earlier:
        settle(earlier)
    _settle_rows(list(last.values()))


def _settle_rows(outcomes: Sequence[Outcome]) -> None:
    """Settle outcomes of different rows."""
    if not has_one_writer():
        lock_rows(QueuedChange.id.in_([outcome.delivery.row_id for outcome in outcomes]))
    _keep_states(outcomes)
    _note_attempts(outcomes)
    synced_ids = _mark_synced(outcomes)
    _note_accepted(outcomes)
    for outcome in outcomes:
        _settle_row(outcome, is_synced=outcome.delivery.row_id in synced_ids)
    answered = {outcome.delivery.source_id for outcome in outcomes if _was_understood(outcome)}
    for source_id in answered:
        _note_success(source_id, now())


def _settle_row(outcome: Outcome, *, is_synced: bool) -> None:
    _log(outcome)
    is_settled = is_synced
    if outcome.failure is not None:
        is_settled = _settle_failure(outcome, outcome.failure)
    if not is_settled and _may_have_arrived(outcome):
        _send_again(outcome.delivery)
    if outcome.delivery.wanted.is_past_play:
        _check_past_play(outcome.delivery)


def _keep_states(outcomes: Sequence[Outcome]) -> None:
    states: list[ShownState] = []
    for outcome in outcomes:
        states += _shown_states(outcome)
    keep_states(states)


def _note_attempts(outcomes: Sequence[Outcome]) -> None:
    """Note the attempts that failed, and the ones that succeeded after a failure."""
    attempts = []
    for outcome in outcomes:
        result = "ok"
        words = ""
        if outcome.failure is not None:
            result = outcome.failure.failure_class
            words = outcome.failure.message
        elif outcome.delivery.attempt <= 1:
            continue
        attempt = Attempt(
            row_id=outcome.delivery.row_id,
            outcome=result,
            message=words,
            seconds=outcome.seconds,
        )
        attempts.append(attempt)
    note_attempts(attempts)


def _mark_synced(outcomes: Sequence[Outcome]) -> set[int]:
    """Mark what was delivered; return the ids of the rows whose claim still held."""
    claims = {
        outcome.delivery.row_id: outcome.delivery.claim_token
        for outcome in outcomes
        if outcome.failure is None
    }
    if not claims:
        return set()
    return PlaybackSyncRepository().mark_many_synced(claims)


def _note_accepted(outcomes: Sequence[Outcome]) -> None:
    """Note accepted sign-ins.

    This comes before the refusals: one that is older than a success beside it is not believed.
    """
    latest: dict[int, datetime] = {}
    for outcome in outcomes:
        account_id = outcome.delivery.account_id
        if account_id is not None and _was_understood(outcome):
            latest[account_id] = max(latest.get(account_id, UNKNOWN_TIME), _answered_at(outcome))
    sign_ins.note_many_accepted(latest)


def _answered_at(outcome: Outcome) -> datetime:
    asked_at = outcome.asked_at or now()
    return min(asked_at + timedelta(seconds=outcome.seconds), now())


def _was_understood(outcome: Outcome) -> bool:
    """Return whether the server took the push, or at least showed the title to that account."""
    return outcome.failure is None or outcome.failure.failure_class in ("overtaken", "unconfirmed")


def _may_have_arrived(outcome: Outcome) -> bool:
    """Return whether the server may hold the push: its reply may have been lost or garbled."""
    if outcome.failure is None or outcome.failure.may_have_arrived:
        return True
    return bool(outcome.states or outcome.found)


def _log(outcome: Outcome) -> None:
    delivery = outcome.delivery
    words = "delivered"
    result = "ok"
    if outcome.failure is not None:
        words = f"not delivered: {outcome.failure.message}"
        result = outcome.failure.failure_class
    log.info(
        words,
        extra={
            "change_set": delivery.change_set_id,
            "row": delivery.row_id,
            "source": delivery.source_id,
            "user": delivery.user_id,
            "attempt": delivery.attempt,
            "seconds": round(outcome.seconds, 3),
            "outcome": result,
        },
    )


def _check_past_play(delivery: Delivery) -> None:
    """Send "unwatched" again if a play came to a title that was to be unwatched meanwhile."""
    queue = PlaybackSyncRepository()
    state_row_id = unwatched_since(delivery.row_id)
    if state_row_id is not None:
        queue.cancel_row(delivery.row_id)
        queue.heal(state_row_id, delivery.wanted.at)


def _send_again(delivery: Delivery) -> None:
    """Send the whole state again after a push whose claim was lost.

    That push may have overtaken a newer one.
    The row itself would not do: it owes only what is not delivered yet, knows nothing of the
    server's own changes, and may have been dropped.
    """
    queue = PlaybackSyncRepository()
    content = _content_of(delivery)
    recipients = sources_to_tell(delivery.user_id, content) if content else ()
    source = next((target for target in recipients if target.source_id == delivery.source_id), None)
    if content is None or source is None:
        queue.heal(delivery.row_id, delivery.wanted.at)
        return
    act = Act(delivery.user_id, "web")
    # From here on the row is locked: whoever changes the state has enqueued that before we read it,
    # or folds it into what we enqueue.
    row_id = enqueue_current_state(act, content, source)
    if row_id is None:
        return
    queue.heal(row_id, delivery.wanted.at)
    locked_progress(delivery.user_id, content)
    enqueue_current_state(act, content, source)


# What the server showed


def _shown_states(outcome: Outcome) -> list[ShownState]:
    delivery = outcome.delivery
    if delivery.account_id is None:
        return []
    states = list(outcome.states)
    for remote_id, state in outcome.found:
        item_id = _keep_item(delivery, remote_id)
        if item_id is not None:
            states.append((item_id, state))
    versions = {item_id: target.version_id for item_id, target in delivery.targets}
    return [
        ShownState(
            account_id=delivery.account_id,
            source_item_id=item_id,
            state=state,
            is_listed=False,
            version_id=versions.get(item_id, "") if state.position_ms else "",
        )
        for item_id, state in states
    ]


def _keep_item(delivery: Delivery, remote_id: str) -> int | None:
    """Keep the id by which an account service knows the title.

    Return the item's id; None if the title is gone here.
    """
    # While its row stands, so do the source and the title.
    row = select(QueuedChange.id).where(QueuedChange.id == delivery.row_id)
    if db.session.scalar(row.with_for_update(read=True, key_share=True)) is None:
        return None
    insert = insert_for(SourceItem).values(
        source_id=delivery.source_id, remote_id=remote_id, **delivery.content.columns
    )
    upsert = insert.on_conflict_do_update(
        index_elements=["source_id", "remote_id"], set_={"remote_id": insert.excluded.remote_id}
    )
    return int(db.session.scalar(upsert.returning(SourceItem.id)) or 0)


def _take_over(delivery: Delivery, news: RemoteNews, asked_at: datetime) -> None:
    """Merge what a push found on the server instead of what it expected.

    The row goes out again with what is wanted then. This may be written down much later than it was
    read: what the server has shown since is newer.
    """
    source = db.session.get(Source, delivery.source_id)
    copy = db.session.get(SourceItem, news.source_item_id)
    content = _content_of(delivery)
    if source is None or copy is None or content is None or delivery.account_id is None:
        return
    item = RemoteItem(
        remote_id=copy.remote_id, kind=content.content_kind, title=content.title, state=news.state
    )
    with Act(delivery.user_id, "pull", source_id=source.id) as act:
        merge = AccountMerge(act, source, delivery.account_id, Report())
        merge.take_found(copy, item, content, news.read_at or asked_at)


def _content_of(delivery: Delivery) -> Content | None:
    """Return None for a title that is gone here."""
    if delivery.content.kind == "episode":
        return db.session.get(Episode, delivery.content.id)
    return db.session.get(MediaItem, delivery.content.id)


# Failures


def _settle_failure(outcome: Outcome, failure: Failure) -> bool:
    """Put the row back, to wait for its time or for a person. False: its claim was lost."""
    delivery = outcome.delivery
    queue = PlaybackSyncRepository()
    asked_at = outcome.asked_at or now()
    if failure.news is not None:
        _take_over(delivery, failure.news, asked_at)
    if failure.failure_class == "auth":
        ask_at = _note_refused(delivery, failure, asked_at)
        if ask_at is not None:
            return queue.mark_in_doubt(
                delivery.row_id,
                delivery.claim_token,
                failure.message,
                retry_at=ask_at,
                may_have_arrived=failure.may_have_arrived,
            )
    if failure.failure_class in ("transient", "rate_limited") and not failure.is_echo:
        _note_trouble(delivery.source_id, failure)
    if failure.failure_class == "rate_limited":
        return queue.release(
            delivery.row_id,
            delivery.claim_token,
            error=failure.message,
            error_class=failure.failure_class,
            may_have_arrived=failure.may_have_arrived,
        )
    return queue.mark_failed(
        delivery.row_id,
        delivery.claim_token,
        failure.message,
        failure.failure_class,
        retry_at=_retry_at(delivery, failure),
        may_have_arrived=failure.may_have_arrived,
    )


def _retry_at(delivery: Delivery, failure: Failure) -> datetime | None:
    """Return when the row is due again, at the latest when a server that is down is next probed."""
    at = retry_at(failure.failure_class, delivery.attempt, now())
    if at is None or failure.failure_class != "transient":
        return at
    source = db.session.get(Source, delivery.source_id)
    if source is None or source.pause_reason != "down":
        return at
    return min(at, source.paused_until or at)


def _note_refused(delivery: Delivery, failure: Failure, asked_at: datetime) -> datetime | None:
    """Note a refused sign-in.

    Return when the account is asked once more; None if the refusal is believed.
    """
    if delivery.account_id is None:
        return None
    if not failure.was_asked:
        sign_ins.note_unusable(delivery.account_id)
        return None
    return sign_ins.note_refused(delivery.account_id, asked_at).ask_at


def _note_trouble(source_id: int, failure: Failure) -> None:
    """Let the whole source wait if the server and not the row is the trouble."""
    # Locked: a person may be pausing it, or another worker counting its own failure.
    source = db.session.get(Source, source_id, with_for_update={"key_share": True})
    if source is None:
        return
    source.last_error = failure.message
    source.last_error_at = now()
    if source.pause_reason == "operator":
        return
    is_silent = source.pause_reason == "rate_limited" and is_paused(source)
    if failure.failure_class == "rate_limited":
        until = now() + min(timedelta(seconds=failure.retry_after), MAX_RETRY_AFTER)
        if is_silent:
            until = max(until, source.paused_until or until)
        source.paused_until = until
        source.pause_reason = "rate_limited"
        return
    source.failure_count += 1
    pause = pause_after(source.failure_count)
    if pause is not None and not is_silent:
        source.paused_until = now() + pause
        source.pause_reason = "down"


# Successes


def _note_success(source_id: int, at: datetime) -> None:
    parameters = {"source": source_id, "at": at, "not_since": at - _NOTE_EVERY}
    if db.session.connection().execute(_NOTE_SUCCESS, parameters).rowcount:
        note_recovered(source_id)


_source = Source.__table__
_AT = bindparam("at", type_=UTCDateTime)
# A push from before may succeed while the server already asked for silence.
_silence_is_over = and_(_source.c.pause_reason == "rate_limited", _source.c.paused_until <= _AT)
_is_worth_noting = or_(
    _source.c.failure_count > 0,
    _source.c.pause_reason == "down",
    _silence_is_over,
    _source.c.last_error.is_not(None),
    _source.c.last_ok_at.is_(None),
    _source.c.last_ok_at < bindparam("not_since", type_=UTCDateTime),
)
_NOTE_SUCCESS = (
    update(_source)
    .where(_source.c.id == bindparam("source"), _is_worth_noting)
    .values(
        last_ok_at=_AT,
        last_error=None,
        failure_count=0,
        paused_until=case((_silence_is_over, None), else_=_source.c.paused_until),
        pause_reason=case((_silence_is_over, None), else_=_source.c.pause_reason),
    )
)
