"""The push itself: it runs in a thread of its own and knows backends, but no database."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, NotOnServer
from mydia_web.backends.precondition import RemoteChanged
from mydia_web.backends.reading import Push, Reading
from mydia_web.backends.values import RemoteState, Target
from mydia_web.clock import now
from mydia_web.sync.outbound.batches import SINGLE_TITLE_FAILURES, AlreadyFailedError, ReadBatch
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome, RemoteNews

log = logging.getLogger(__name__)

#: Titles of one request that may have to be looked up first, as the claim lasts only a minute.
MAX_LOOKUPS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """A delivery that the server has taken; what it shows has yet to be read."""

    delivery: Delivery
    asked_at: datetime
    seconds: float
    #: By `time.monotonic`.
    written_at: float

    @property
    def push(self) -> Push:
        return self.delivery.targets[0][1], self.delivery.wanted


def deliver(backend: Backend, delivery: Delivery) -> Outcome:
    """Push to every copy. Never raises: one row must not end the worker."""
    asked_at = now()
    began = time.monotonic()
    outcome = _push(backend, delivery)
    assert outcome is not None
    return replace(outcome, asked_at=asked_at, seconds=time.monotonic() - began)


def deliver_in_batch(batch: ReadBatch, delivery: Delivery) -> Outcome | Unconfirmed:
    """Push to every copy, with what was read for the whole batch. Never raises."""
    asked_at = now()
    began = time.monotonic()
    outcome = _push(batch, delivery)
    ended = time.monotonic()
    if outcome is not None:
        return replace(outcome, asked_at=asked_at, seconds=ended - began)
    return Unconfirmed(
        delivery=delivery, asked_at=asked_at, seconds=ended - began, written_at=ended
    )


def confirm(batch: ReadBatch, taken: Sequence[Unconfirmed]) -> list[Outcome]:
    """Read in one request what these titles show now. Never raises."""
    began = time.monotonic()
    try:
        readings = batch.read_again([each.push for each in taken])
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        outcomes = _failed_together([each.delivery for each in taken], _failure(error))
    else:
        outcomes = [
            _confirmed(batch, each, reading) for each, reading in zip(taken, readings, strict=True)
        ]
    share = (time.monotonic() - began) / len(taken)
    return [
        replace(outcome, asked_at=each.asked_at, seconds=each.seconds + share)
        for outcome, each in zip(outcomes, taken, strict=True)
    ]


def _confirmed(
    batch: ReadBatch, taken: Unconfirmed, reading: Reading | BackendError | None
) -> Outcome:
    try:
        if isinstance(reading, BackendError):
            raise reading
        if reading is None:
            reading = batch.backend.read(taken.push)
        state = batch.backend.confirm(taken.push, reading)
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        return Outcome(delivery=taken.delivery, failure=_failure(error))
    return _arrived(taken.delivery, taken.push[0], state)


def can_share(delivery: Delivery) -> bool:
    """Return whether it can go out in a request with others. A position cannot."""
    if delivery.problem or delivery.wanted.position_ms:
        return False
    return len(delivery.targets) == 1


def deliver_together(backend: Backend, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Push all in one request, where each of several `can_share` it. Never raises."""
    if len(deliveries) == 1:
        return [deliver(backend, deliveries[0])]
    asked_at = now()
    began = time.monotonic()
    try:
        outcomes = _push_together(backend, deliveries)
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        failure = _failure(error)
        if failure.failure_class in SINGLE_TITLE_FAILURES:
            return [deliver(backend, delivery) for delivery in deliveries]
        outcomes = _failed_together(deliveries, failure)
    share = (time.monotonic() - began) / len(deliveries)
    return [replace(outcome, asked_at=asked_at, seconds=share) for outcome in outcomes]


def _push_together(backend: Backend, deliveries: Sequence[Delivery]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    identified: list[tuple[Delivery, Target]] = []
    for delivery in deliveries:
        try:
            identified.append((delivery, _identify(backend, delivery.targets[0][1])))
        except NotOnServer as error:
            outcomes.append(Outcome(delivery=delivery, failure=_failure(error)))
    if not identified:
        return outcomes
    states = backend.push_many([(target, delivery.wanted) for delivery, target in identified])
    for (delivery, target), state in zip(identified, states, strict=True):
        if isinstance(state, BackendError):
            outcomes.append(Outcome(delivery=delivery, failure=_failure(state)))
        else:
            outcomes.append(_arrived(delivery, target, state))
    return outcomes


def _failed_together(deliveries: Sequence[Delivery], failure: Failure) -> list[Outcome]:
    """Return failures of which only the first counts: one request failed, not several."""
    first, *others = deliveries
    echo = replace(failure, is_echo=True)
    return [
        Outcome(delivery=first, failure=failure),
        *(Outcome(delivery=delivery, failure=echo) for delivery in others),
    ]


def _push(pusher: Backend | ReadBatch, delivery: Delivery) -> Outcome | None:
    """Push to each copy, one after the other. None: it was taken, and has to be confirmed."""
    if delivery.problem:
        return Outcome(delivery=delivery, failure=delivery.problem)
    states: list[tuple[int, RemoteState]] = []
    found: list[tuple[str, RemoteState]] = []
    failure: Failure | None = None
    missing = NotOnServer("This title is not on the server any more.")
    for item_id, copy in delivery.targets:
        try:
            target = _identify(pusher, copy)
            state = _push_copy(pusher, delivery, target)
        except NotOnServer as error:
            missing = error
            continue
        except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
            failure = _failure(error, item_id)
            break
        if state is None:
            return None
        if item_id is None:
            found.append((target.remote_id, state))
        else:
            states.append((item_id, state))
    if not failure and not states and not found:
        failure = _failure(missing)
    return Outcome(delivery=delivery, states=tuple(states), found=tuple(found), failure=failure)


def _push_copy(
    pusher: Backend | ReadBatch, delivery: Delivery, target: Target
) -> RemoteState | None:
    # Each of several copies is confirmed before the next one is pushed.
    if isinstance(pusher, ReadBatch) and len(delivery.targets) > 1:
        return pusher.push_and_confirm(target, delivery.wanted)
    return pusher.push(target, delivery.wanted)


def _identify(pusher: Backend | ReadBatch, target: Target) -> Target:
    """Return the target with the id by which the service knows the title."""
    if target.remote_id:
        return target
    backend = pusher.backend if isinstance(pusher, ReadBatch) else pusher
    return replace(target, remote_id=backend.find(target))


def _arrived(delivery: Delivery, target: Target, state: RemoteState) -> Outcome:
    """Return the success of a delivery with one target."""
    item_id = delivery.targets[0][0]
    if item_id is None:
        return Outcome(delivery=delivery, found=((target.remote_id, state),))
    return Outcome(delivery=delivery, states=((item_id, state),))


def _failure(error: Exception, item_id: int | None = None) -> Failure:
    """Return the failure in words. `item_id` is the copy that was pushed, if it is a known one."""
    if isinstance(error, AlreadyFailedError):
        return replace(_failure(error.error), is_echo=True)
    if not isinstance(error, BackendError):
        log.error("A push failed inside mydia-web.", exc_info=error)
        words = f"An error inside mydia-web ({type(error).__name__}). Its log tells more."
        return Failure(failure_class="bug", message=words)
    news = None
    if isinstance(error, RemoteChanged) and item_id is not None:
        news = RemoteNews(item_id, error.found, error.looked_at)
    return Failure(
        failure_class=error.failure_class,
        message=error.message,
        source_wide=error.source_wide,
        retry_after=getattr(error, "retry_after", 0),
        may_have_arrived=error.may_have_arrived,
        news=news,
    )
