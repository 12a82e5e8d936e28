"""What the outcomes of pushes mean for their rows, accounts and sources. Nothing here commits."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, or_, select, update

from mydia_web.backends.values import RemoteItem, RemoteState
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
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.retry import MAX_RETRY_AFTER, pause_after, retry_at

log = logging.getLogger(__name__)

#: A source's last success is noted at most this often: the row of a busy one would change with
#: every push.
_NOTE_EVERY = timedelta(seconds=5)


def settle(outcomes: Sequence[Outcome]) -> None:
    """Write down what became of these deliveries."""
    once = {outcome.delivery.row_id: outcome for outcome in outcomes}
    # A worker that was slow may have claimed a row again: then one of the two claims was lost.
    again = [outcome for outcome in outcomes if once[outcome.delivery.row_id] is not outcome]
    if again:
        settle(again)
    _settle(list(once.values()))


def _settle(outcomes: Sequence[Outcome]) -> None:
    """Of each row one."""
    if not has_one_writer():
        lock_rows(QueuedChange.id.in_([one.delivery.row_id for one in outcomes]))
    keep_states([shown for outcome in outcomes for shown in _shown(outcome)])
    note_attempts(
        [_attempt(one) for one in outcomes if one.failure is not None or one.delivery.attempt > 1]
    )
    delivered = {
        one.delivery.row_id: one.delivery.claim_token for one in outcomes if one.failure is None
    }
    kept = PlaybackSyncRepository().mark_many_synced(delivered) if delivered else set()
    _note_accepted(outcomes)
    for outcome in outcomes:
        _tell(outcome)
        if outcome.failure is not None and _refused(outcome, outcome.failure):
            kept.add(outcome.delivery.row_id)
        if outcome.delivery.row_id not in kept and _may_have_arrived(outcome):
            _tell_again(outcome.delivery)
        if outcome.delivery.wanted.is_past_play:
            _after_past_play(outcome.delivery)
    for source_id in {one.delivery.source_id for one in outcomes if _was_understood(one)}:
        _is_well(source_id, now())


def _note_accepted(outcomes: Sequence[Outcome]) -> None:
    """Before the refusals: one that is older than a success which came back beside it is not
    believed.
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
    """Return whether the server took the push, or at least showed the title to the person who is
    signed in there.
    """
    return outcome.failure is None or outcome.failure.failure_class in ("overtaken", "unconfirmed")


def _attempt(outcome: Outcome) -> Attempt:
    failure = outcome.failure
    result, words = (failure.failure_class, failure.message) if failure else ("ok", "")
    return Attempt(
        row_id=outcome.delivery.row_id, outcome=result, message=words, seconds=outcome.seconds
    )


def _after_past_play(delivery: Delivery) -> None:
    """A play that came to a title which was to be unwatched meanwhile has undone that there."""
    queue = PlaybackSyncRepository()
    state_row_id = unwatched_since(delivery.row_id)
    if state_row_id is not None:
        queue.cancel_row(delivery.row_id)
        queue.heal(state_row_id, delivery.wanted.at)


def _tell(outcome: Outcome) -> None:
    delivery, failure = outcome.delivery, outcome.failure
    ids = {
        "change_set": delivery.change_set_id,
        "row": delivery.row_id,
        "source": delivery.source_id,
    }
    figures = {"attempt": delivery.attempt, "seconds": round(outcome.seconds, 3)}
    result = failure.failure_class if failure else "ok"
    words = f"not delivered: {failure.message}" if failure else "delivered"
    log.info(words, extra={**ids, **figures, "user": delivery.user_id, "outcome": result})


def _may_have_arrived(outcome: Outcome) -> bool:
    """Not only what was answered: the reply may have been lost, or not understood."""
    failure = outcome.failure
    return failure is None or failure.may_have_arrived or bool(outcome.states or outcome.found)


def _tell_again(delivery: Delivery) -> None:
    """After a push whose claim was lost: it may have overtaken a newer one.

    The whole state goes out again: the row asks only for what is not delivered yet, knows nothing
    of the server's own news, and may have been dropped.
    """
    queue, content = PlaybackSyncRepository(), _content_of(delivery)
    told = sources_to_tell(delivery.user_id, content) if content else ()
    source = next((one for one in told if one.source_id == delivery.source_id), None)
    if content is None or source is None:
        queue.heal(delivery.row_id, delivery.wanted.at)
        return
    act = Act(delivery.user_id, "web")
    # From here on the row is ours: whoever changes the state has told it before we read, or folds
    # into what we tell.
    row_id = enqueue_current_state(act, content, source)
    if row_id is None:
        return
    queue.heal(row_id, delivery.wanted.at)
    locked_progress(delivery.user_id, content)
    enqueue_current_state(act, content, source)


def _shown(outcome: Outcome) -> list[ShownState]:
    delivery = outcome.delivery
    if delivery.account_id is None:
        return []
    states = list(outcome.states)
    for remote_id, state in outcome.found:
        item_id = _item_found(delivery, remote_id)
        states += [(item_id, state)] if item_id is not None else []
    versions = {item_id: target.version_id for item_id, target in delivery.targets}
    return [
        ShownState(
            delivery.account_id,
            item_id,
            state,
            is_listed=False,
            version_id=versions.get(item_id, "") if state.position_ms else "",
        )
        for item_id, state in states
    ]


def _item_found(delivery: Delivery, remote_id: str) -> int | None:
    """The item by which an account service knows the title, kept from now on; None: the title is
    gone here.
    """
    # While its row stands, so do the source and the title.
    own = select(QueuedChange.id).where(QueuedChange.id == delivery.row_id)
    if db.session.scalar(own.with_for_update(read=True, key_share=True)) is None:
        return None
    row = insert_for(SourceItem).values(
        source_id=delivery.source_id,
        remote_id=remote_id,
        media_item_id=None if delivery.episode_id is not None else delivery.media_item_id,
        episode_id=delivery.episode_id,
    )
    same = row.on_conflict_do_update(
        index_elements=["source_id", "remote_id"], set_={"remote_id": row.excluded.remote_id}
    )
    return int(db.session.scalar(same.returning(SourceItem.id)) or 0)


def _is_well(source_id: int, at: datetime) -> None:
    noted = {"source": source_id, "at": at, "not_since": at - _NOTE_EVERY}
    if db.session.connection().execute(_IS_WELL, noted).rowcount:
        note_recovered(source_id)


_source, _AT = Source.__table__, bindparam("at", type_=UTCDateTime)
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
_IS_WELL = (
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


def _refused(outcome: Outcome, failure: Failure) -> bool:
    """Put the row back, to wait for its time or for a person. False: its claim was lost."""
    queue, delivery = PlaybackSyncRepository(), outcome.delivery
    if failure.news is not None:
        item_id, found, looked_at = failure.news
        _take_news(delivery, item_id, found, looked_at or outcome.asked_at or now())
    if failure.failure_class == "auth" and (again_at := _ask_sign_in_again(outcome, failure)):
        return _wait_for_second_try(delivery, failure, again_at)
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
    """Of a server that is down, no later than it is probed: its pause is what spares it."""
    own = retry_at(failure.failure_class, delivery.attempt, now())
    if own is None or failure.failure_class != "transient":
        return own
    source = db.session.get(Source, delivery.source_id)
    is_down = source is not None and source.pause_reason == "down"
    return min(own, source.paused_until or own) if source and is_down else own


def _ask_sign_in_again(outcome: Outcome, failure: Failure) -> datetime | None:
    """Return when the account is asked once more; None: the refusal is believed."""
    account_id = outcome.delivery.account_id
    if account_id is None:
        return None
    if not failure.was_asked:
        sign_ins.note_unusable(account_id)
        return None
    return sign_ins.note_refused(account_id, outcome.asked_at or now()).ask_at


def _wait_for_second_try(delivery: Delivery, failure: Failure, again_at: datetime) -> bool:
    return PlaybackSyncRepository().mark_in_doubt(
        delivery.row_id,
        delivery.claim_token,
        failure.message,
        retry_at=again_at,
        may_have_arrived=failure.may_have_arrived,
    )


def _note_trouble(source_id: int, failure: Failure) -> None:
    """Let the whole source wait where not the row but the server is the trouble."""
    # Held: a person may be pausing it, or another worker counting its own failure.
    source = db.session.get(Source, source_id, with_for_update={"key_share": True})
    if source is None:
        return
    source.last_error, source.last_error_at = failure.message, now()
    if source.pause_reason == "operator":
        return
    is_silent = source.pause_reason == "rate_limited" and is_paused(source)
    silent_until = source.paused_until if is_silent else None
    if failure.failure_class == "rate_limited":
        until = now() + min(timedelta(seconds=failure.retry_after), MAX_RETRY_AFTER)
        source.paused_until, source.pause_reason = max(until, silent_until or until), "rate_limited"
        return
    source.failure_count += 1
    if silent_until:
        return
    if pause := pause_after(source.failure_count):
        source.paused_until, source.pause_reason = now() + pause, "down"


def _take_news(
    delivery: Delivery, source_item_id: int, found: RemoteState, looked_at: datetime
) -> None:
    """Merge what a push found on the server instead of what it expected. It goes out again with
    what is wanted then.

    It may be written down much later than it was seen: what the server has shown since is newer.
    """
    source, copy = (
        db.session.get(Source, delivery.source_id),
        db.session.get(SourceItem, source_item_id),
    )
    content = _content_of(delivery)
    if source is None or copy is None or content is None or delivery.account_id is None:
        return
    item = RemoteItem(copy.remote_id, content.content_kind, content.title, state=found)
    with Act(delivery.user_id, "pull", source_id=source.id) as act:
        AccountMerge(act, source, delivery.account_id, Report()).take_found(
            copy, item, content, looked_at
        )


def _content_of(delivery: Delivery) -> Content | None:
    """Return None for a title that is gone here."""
    if delivery.episode_id is not None:
        return db.session.get(Episode, delivery.episode_id)
    return db.session.get(MediaItem, delivery.media_item_id)
