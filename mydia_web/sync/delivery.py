"""From a claimed row to the calls a backend makes, and back: everything a push needs, gathered before it is sent."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import or_, select

from mydia_web.backends.base import Backend, RemoteState, Target, Wanted
from mydia_web.backends.errors import BackendError, FailureClass, NotOnServer
from mydia_web.db import db
from mydia_web.library.models import ExternalId
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.sources.models import SourceAccount, SourceItem

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed row, free of the database: a thread may carry it to the server."""

    row_id: int
    claim_token: str
    #: Until when the claim holds, in UTC.
    lease_until: datetime
    attempt: int
    user_id: int
    source_id: int
    media_item_id: int
    episode_id: int | None
    change_set_id: int | None
    #: None: the user has no account on the source any more.
    account_id: int | None
    wanted: Wanted
    #: (source item id, where it goes) for each copy on the source.
    targets: tuple[tuple[int, Target], ...]
    #: Why it cannot even be tried.
    problem: "Failure | None" = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery did not succeed, in words for a person."""

    failure_class: FailureClass
    message: str
    #: The server could not be reached at all, or asked to be left alone: its other rows would fare the same.
    source_wide: bool = False
    #: Seconds the server asked us to wait.
    retry_after: float = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery."""

    delivery: Delivery
    #: (source item id, state the server then showed)
    states: tuple[tuple[int, RemoteState], ...] = ()
    failure: Failure | None = None
    #: How long the server was spoken to.
    seconds: float = 0.0


def prepare(rows: Sequence[QueuedChange]) -> list[Delivery]:
    """What these rows ask for, with the copies that shall take it."""
    copies, accounts = _copies(rows), _accounts(rows)
    return [
        Delivery(
            row_id=row.id,
            claim_token=row.claim_token or "",
            lease_until=row.lease_until or row.intent_at,
            attempt=row.attempt_count,
            user_id=row.user_id,
            source_id=row.source_id,
            media_item_id=row.media_item_id,
            episode_id=row.episode_id,
            change_set_id=row.change_set_id,
            account_id=accounts.get((row.source_id, row.user_id)),
            wanted=wanted(row),
            targets=tuple(copies.get((row.source_id, _content(row)), ())),
            problem=None if _is_known(row) else _UNKNOWN,
        )
        for row in rows
    ]


def wanted(row: QueuedChange) -> Wanted:
    """The row's two registers as one wish: a mark that was followed by a position carries both.

    A kind of change that this version does not know wishes nothing.
    """
    if not _is_known(row):
        return Wanted("progress_update", row.intent_at)
    change_type: Literal["progress_update", "mark_watched", "mark_unwatched"] = ChangeType(
        row.change_type
    ).value
    if row.position_ms:
        change_type = "progress_update"
    return Wanted(
        change_type=change_type,
        at=row.intent_at,
        watched=row.completed,
        position_ms=row.position_ms,
        duration_ms=row.duration_ms,
    )


def deliver(backend: Backend, delivery: Delivery) -> Outcome:
    """Push to every copy. Runs in a thread of its own; never raises, for a row must not take the worker along."""
    began = time.monotonic()
    outcome = _push(backend, delivery)
    return replace(outcome, seconds=time.monotonic() - began)


def _push(backend: Backend, delivery: Delivery) -> Outcome:
    if delivery.problem:
        return Outcome(delivery, failure=delivery.problem)
    states: list[tuple[int, RemoteState]] = []
    missing: NotOnServer | None = None
    try:
        for item_id, target in delivery.targets:
            try:
                states.append((item_id, backend.push(target, delivery.wanted)))
            except NotOnServer as error:
                missing = error
        if not states:
            raise missing or NotOnServer("This title is not on the server any more.")
    except BackendError as error:
        return Outcome(delivery, tuple(states), _failure(error))
    except Exception as error:
        log.exception("A push failed inside mydia-web.", extra={"row": delivery.row_id})
        failure = Failure("bug", f"An error inside mydia-web ({type(error).__name__}). Its log tells more.")
        return Outcome(delivery, tuple(states), failure)
    return Outcome(delivery, tuple(states))


def _failure(error: BackendError) -> Failure:
    return Failure(
        error.failure_class,
        error.message,
        source_wide=error.source_wide,
        retry_after=getattr(error, "retry_after", 0),
    )


_UNKNOWN = Failure(
    "invalid",
    "This version of mydia-web does not know this kind of change. Update mydia-web, then try it again.",
)


def _is_known(row: QueuedChange) -> bool:
    return row.change_type in list(ChangeType)


def _content(row: QueuedChange) -> tuple[str, int]:
    return ("movie", row.media_item_id) if row.episode_id is None else ("episode", row.episode_id)


def _accounts(rows: Sequence[QueuedChange]) -> dict[tuple[int, int], int]:
    """(source, user) → account id."""
    query = select(SourceAccount.source_id, SourceAccount.user_id, SourceAccount.id).where(
        SourceAccount.source_id.in_({row.source_id for row in rows}),
        SourceAccount.user_id.in_({row.user_id for row in rows}),
    )
    return {(source_id, user_id): account_id for source_id, user_id, account_id in db.session.execute(query)}


def _copies(rows: Sequence[QueuedChange]) -> dict[tuple[int, tuple[str, int]], list[tuple[int, Target]]]:
    """For each (source, content) its copies, read in two queries for all rows."""
    films = {row.media_item_id for row in rows if row.episode_id is None}
    episodes = {row.episode_id for row in rows if row.episode_id is not None}
    ids = _external_ids(films, episodes)
    query = select(SourceItem).where(
        SourceItem.source_id.in_({row.source_id for row in rows}),
        or_(SourceItem.media_item_id.in_(films), SourceItem.episode_id.in_(episodes)),
    )
    copies: dict[tuple[int, tuple[str, int]], list[tuple[int, Target]]] = {}
    for item in db.session.scalars(query.order_by(SourceItem.id)):
        content = (
            ("movie", item.media_item_id) if item.media_item_id is not None else ("episode", item.episode_id)
        )
        target = Target(item.remote_id, content[0], item.path, ids.get(content, {}))  # type: ignore[arg-type]
        copies.setdefault((item.source_id, content), []).append((item.id, target))  # type: ignore[arg-type]
    return copies


def _external_ids(films: set[int], episodes: set[int]) -> dict[tuple[str, int], dict[str, str]]:
    query = select(ExternalId).where(
        or_(ExternalId.media_item_id.in_(films), ExternalId.episode_id.in_(episodes))
    )
    found: dict[tuple[str, int], dict[str, str]] = {}
    for row in db.session.scalars(query):
        key = ("movie", row.media_item_id) if row.media_item_id is not None else ("episode", row.episode_id)
        found.setdefault(key, {})[row.provider] = row.value  # type: ignore[arg-type]
    return found
