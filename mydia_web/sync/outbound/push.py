"""The push itself, in a thread of its own: it knows a backend and what to deliver, and no database."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from mydia_web.backends.base import Backend, RemoteState, Target
from mydia_web.backends.errors import BackendError, FailureClass, NotOnServer
from mydia_web.backends.looking import Overtaken
from mydia_web.clock import now
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome

log = logging.getLogger(__name__)

#: Of the titles in one batch, at most so many may have to be looked up first: the claim lasts a minute.
MOST_LOOKED_UP = 25
#: What one title can spoil for the whole batch, and for no other by itself.
_MAY_BE_OF_ONE: frozenset[FailureClass] = frozenset({"unconfirmed", "invalid", "unmatched", "bug"})


def deliver(backend: Backend, delivery: Delivery) -> Outcome:
    """Push to every copy. Never raises, for a row must not take the worker along."""
    asked_at, began = now(), time.monotonic()
    outcome = _push(backend, delivery)
    return replace(outcome, asked_at=asked_at, seconds=time.monotonic() - began)


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
        # One request failed, not as many as it carried.
        failures = [failure, *[replace(failure, is_echo=True)] * (len(deliveries) - 1)]
        outcomes = [
            Outcome(delivery, failure=one) for delivery, one in zip(deliveries, failures, strict=True)
        ]
    each = (time.monotonic() - began) / len(deliveries)
    return [replace(outcome, asked_at=asked_at, seconds=each) for outcome in outcomes]


def _push(backend: Backend, delivery: Delivery) -> Outcome:
    if delivery.problem:
        return Outcome(delivery, failure=delivery.problem)
    states: list[tuple[int, RemoteState]] = []
    found: list[tuple[str, RemoteState]] = []
    missing: NotOnServer | None = None
    at_item: int | None = None
    try:
        for at_item, target in delivery.targets:
            try:
                known = _known(backend, target)
                state = backend.push(known, delivery.wanted)
            except NotOnServer as error:
                missing = error
                continue
            if at_item is None:
                found.append((known.remote_id, state))
            else:
                states.append((at_item, state))
        if not states and not found:
            raise missing or NotOnServer("This title is not on the server any more.")
    except Overtaken as error:
        failure = _failure(error)
        news = (at_item, error.found) if at_item is not None else None
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
    taken = backend.push_many([(target, delivery.wanted) for delivery, target in known]) if known else ()
    for (delivery, target), state in zip(known, taken, strict=True):
        if isinstance(state, BackendError):
            outcomes.append(Outcome(delivery, failure=_failure(state)))
        elif (item_id := delivery.targets[0][0]) is None:
            outcomes.append(Outcome(delivery, found=((target.remote_id, state),)))
        else:
            outcomes.append(Outcome(delivery, states=((item_id, state),)))
    return outcomes


def _known(backend: Backend, target: Target) -> Target:
    """The target with the id by which the service knows the title."""
    return target if target.remote_id else replace(target, remote_id=backend.find(target))


def _failure(error: Exception) -> Failure:
    if not isinstance(error, BackendError):
        log.error("A push failed inside mydia-web.", exc_info=error)
        return Failure("bug", f"An error inside mydia-web ({type(error).__name__}). Its log tells more.")
    return Failure(
        error.failure_class,
        error.message,
        source_wide=error.source_wide,
        retry_after=getattr(error, "retry_after", 0),
        may_have_arrived=error.may_have_arrived,
    )
