"""The push itself, in a thread of its own: it knows a backend and what to deliver, and no database."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, FailureClass, NotOnServer
from mydia_web.backends.precondition import RemoteChanged
from mydia_web.backends.reading import Push, Reading
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.clock import now
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.handfuls import AlreadyFailedError, Handful

log = logging.getLogger(__name__)

#: Of the titles in one batch, at most so many may have to be looked up first: the claim lasts a
#: minute.
MOST_LOOKED_UP = 25
#: What one title can spoil for the whole batch, and for no other by itself.
_MAY_BE_OF_ONE: frozenset[FailureClass] = frozenset({"unconfirmed", "invalid", "unmatched", "bug"})


def deliver(backend: Backend, delivery: Delivery) -> Outcome:
    """Push to every copy. Never raises, for a row must not take the worker along."""
    asked_at, began = now(), time.monotonic()
    outcome = _push(backend, delivery)
    assert outcome is not None
    return replace(outcome, asked_at=asked_at, seconds=time.monotonic() - began)


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


def deliver_from(handful: Handful, delivery: Delivery) -> Outcome | Unconfirmed:
    """As `deliver`, upon what is read for the whole handful."""
    asked_at, began = now(), time.monotonic()
    outcome = _push(handful, delivery)
    ended = time.monotonic()
    if outcome is None:
        return Unconfirmed(
            delivery=delivery, asked_at=asked_at, seconds=ended - began, written_at=ended
        )
    return replace(outcome, asked_at=asked_at, seconds=ended - began)


def confirm(handful: Handful, taken: Sequence[Unconfirmed]) -> list[Outcome]:
    """Read in one request what these show now. Never raises."""
    began = time.monotonic()
    try:
        readings = handful.read_again([one.push for one in taken])
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        outcomes = _failed_together([one.delivery for one in taken], _failure(error))
    else:
        outcomes = [
            _confirmed(handful, one, reading) for one, reading in zip(taken, readings, strict=True)
        ]
    each = (time.monotonic() - began) / len(taken)
    return [
        replace(outcome, asked_at=one.asked_at, seconds=one.seconds + each)
        for outcome, one in zip(outcomes, taken, strict=True)
    ]


def _confirmed(
    handful: Handful, one: Unconfirmed, reading: Reading | BackendError | None
) -> Outcome:
    try:
        if isinstance(reading, BackendError):
            raise reading
        found = handful.backend.read(one.push) if reading is None else reading
        state = handful.backend.confirm(one.push, found)
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        return Outcome(one.delivery, failure=_failure(error))
    return _arrived(one.delivery, one.push[0], state)


def can_share(delivery: Delivery) -> bool:
    """Can it go out in one request with others? A position cannot: services take those one by one."""
    return len(delivery.targets) == 1 and not delivery.wanted.position_ms and not delivery.problem


def deliver_many(backend: Backend, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Push all in one request, where they `can_share` it. Never raises."""
    if len(deliveries) == 1:
        return [deliver(backend, deliveries[0])]
    asked_at, began = now(), time.monotonic()
    try:
        outcomes = _push_many(backend, deliveries)
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        failure = _failure(error)
        if failure.failure_class in _MAY_BE_OF_ONE:
            return [deliver(backend, delivery) for delivery in deliveries]
        outcomes = _failed_together(deliveries, failure)
    each = (time.monotonic() - began) / len(deliveries)
    return [replace(outcome, asked_at=asked_at, seconds=each) for outcome in outcomes]


def _failed_together(deliveries: Sequence[Delivery], failure: Failure) -> list[Outcome]:
    """One request failed, not as many as it carried."""
    failures = [failure, *[replace(failure, is_echo=True)] * (len(deliveries) - 1)]
    return [
        Outcome(delivery, failure=one) for delivery, one in zip(deliveries, failures, strict=True)
    ]


def _push(pusher: Backend | Handful, delivery: Delivery) -> Outcome | None:
    """None: it was taken, and has to be confirmed."""
    if delivery.problem:
        return Outcome(delivery, failure=delivery.problem)
    states: list[tuple[int, RemoteState]] = []
    found: list[tuple[str, RemoteState]] = []
    missing: NotOnServer | None = None
    at_item: int | None = None
    push = _pushing(pusher, delivery)
    try:
        for at_item, target in delivery.targets:
            try:
                known = _known(pusher, target)
                state = push(known, delivery.wanted)
            except NotOnServer as error:
                missing = error
                continue
            if state is None:
                return None
            if at_item is None:
                found.append((known.remote_id, state))
            else:
                states.append((at_item, state))
        if not states and not found:
            raise missing or NotOnServer("This title is not on the server any more.")
    except RemoteChanged as error:
        failure = _failure(error)
        news = (at_item, error.found, error.looked_at) if at_item is not None else None
        return Outcome(delivery, tuple(states), tuple(found), replace(failure, news=news))
    except Exception as error:  # noqa: BLE001 - `_failure` logs what is none of a backend's
        return Outcome(delivery, tuple(states), tuple(found), _failure(error))
    return Outcome(delivery, tuple(states), tuple(found))


def _push_many(backend: Backend, deliveries: Sequence[Delivery]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    known: list[tuple[Delivery, Target]] = []
    for delivery in deliveries:
        try:
            known.append((delivery, _known(backend, delivery.targets[0][1])))
        except NotOnServer as error:
            outcomes.append(Outcome(delivery, failure=_failure(error)))
    taken = (
        backend.push_many([(target, delivery.wanted) for delivery, target in known])
        if known
        else ()
    )
    for (delivery, target), state in zip(known, taken, strict=True):
        if isinstance(state, BackendError):
            outcomes.append(Outcome(delivery, failure=_failure(state)))
        else:
            outcomes.append(_arrived(delivery, target, state))
    return outcomes


def _arrived(delivery: Delivery, target: Target, state: RemoteState) -> Outcome:
    """The outcome for a delivery with one target."""
    item_id = delivery.targets[0][0]
    if item_id is None:
        return Outcome(delivery, found=((target.remote_id, state),))
    return Outcome(delivery, states=((item_id, state),))


def _pushing(
    pusher: Backend | Handful, delivery: Delivery
) -> Callable[[Target, Wanted], RemoteState | None]:
    """How to push to each copy. Of several, each is confirmed before the next is pushed."""
    if isinstance(pusher, Handful) and len(delivery.targets) > 1:
        return pusher.push_and_confirm
    return pusher.push


def _known(pusher: Backend | Handful, target: Target) -> Target:
    """The target with the id by which the service knows the title."""
    if target.remote_id:
        return target
    backend = pusher.backend if isinstance(pusher, Handful) else pusher
    return replace(target, remote_id=backend.find(target))


def _failure(error: Exception) -> Failure:
    if isinstance(error, AlreadyFailedError):
        return replace(_failure(error.error), is_echo=True)
    if not isinstance(error, BackendError):
        log.error("A push failed inside mydia-web.", exc_info=error)
        return Failure(
            "bug", f"An error inside mydia-web ({type(error).__name__}). Its log tells more."
        )
    return Failure(
        error.failure_class,
        error.message,
        source_wide=error.source_wide,
        retry_after=getattr(error, "retry_after", 0),
        may_have_arrived=error.may_have_arrived,
    )
