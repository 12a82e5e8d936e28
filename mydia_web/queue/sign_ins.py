"""What follows for an account, and for its changes, when a server takes or refuses its sign-in.

All requests report here: pushes, pulls, tests, new sign-ins and open connections. A refusal is
believed only after a second request some seconds later was refused too, and never if the account
had a success since the refused request began. In between, changes wait by themselves. Any success
ends the doubt, and what waited is due at once. Nothing here commits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import ColumnElement, bindparam, or_, select

from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import SourceAccount

#: A second refusal is believed if its request began this long after the first one.
CONFIRM_AFTER = timedelta(seconds=5)
#: How long one delivery probes for all others of its account. If it has no answer by then, another
#: one may.
PROBE_LEASE = timedelta(seconds=60)
#: A success is noted at most this often while the sign-in is not in question.
NOTE_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The verdict on a refused request."""

    is_believed: bool
    #: When the account is asked again by itself; None: only a person's new sign-in helps.
    ask_at: datetime | None = None


class Answer(Enum):
    """The permission of a delivery to ask the server of an account in question."""

    #: It asks, for all others.
    PROBE = "probe"
    #: Another delivery asks, or it is too early.
    WAIT = "wait"
    #: The sign-in is refused, and nobody has asked to try it again.
    REFUSED = "refused"


def note_accepted(account_id: int) -> None:
    """Note that the server has just taken the sign-in."""
    note_many_accepted({account_id: now()})


def note_many_accepted(latest: Mapping[int, datetime]) -> None:
    """Note when the sign-in of each of these accounts was last taken."""
    for account_id in _worth_noting(latest):
        account = _lock_account(account_id)
        if account is not None:
            _note_accepted(account, latest[account_id])


def _note_accepted(account: SourceAccount, at: datetime) -> None:
    account.accepted_at = max(account.accepted_at or at, at)
    first_refusal = account.doubted_at or account.refused_at
    if first_refusal is not None and not _is_newer(first_refusal, at):
        _clear_until(account, at)
        PlaybackSyncRepository().resume_account(account.source_id, account.user_id)


def note_refused(account_id: int, asked_at: datetime) -> Refusal:
    """Note that the server refused the sign-in to a request that began at `asked_at`."""
    account = _lock_account(account_id)
    at = now()
    if account is None:
        return Refusal(is_believed=True)
    if _is_newer(account.accepted_at, asked_at):
        return Refusal(is_believed=False, ask_at=at + CONFIRM_AFTER)
    if account.refused_at is None and not _is_second_try(account, asked_at):
        account.doubted_at = account.doubted_at or asked_at
        account.ask_at = max(account.doubted_at + CONFIRM_AFTER, at)
        return Refusal(is_believed=False, ask_at=account.ask_at)
    account.refused_at = account.refused_at or asked_at
    account.ask_at = None
    return Refusal(is_believed=True)


def note_unusable(account_id: int) -> None:
    """Note that the stored sign-in cannot even be tried, which is believed at once."""
    account = _lock_account(account_id)
    if account is not None and account.refused_at is None:
        account.refused_at = now()
        account.ask_at = None


def note_linked(account: SourceAccount, *, was_accepted: bool) -> None:
    """Make what waited for a new sign-in due. `was_accepted`: the server was there to take it."""
    if was_accepted:
        account.accepted_at = now()
    _clear(account)
    db.session.flush()
    PlaybackSyncRepository().resume_account(account.source_id, account.user_id)


def ask_again(source_ids: Sequence[int], user_id: int | None = None) -> None:
    """Let one delivery ask now for each account in question, of one user or of all."""
    query = (
        select(SourceAccount)
        .where(SourceAccount.source_id.in_(source_ids), _is_in_question())
        .order_by(SourceAccount.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if user_id is not None:
        query = query.where(SourceAccount.user_id == user_id)
    for account in db.session.scalars(query).all():
        account.ask_at = now()
        PlaybackSyncRepository().resume_account(account.source_id, account.user_id, limit=1)


def answers_for(account_ids: Collection[int]) -> dict[int, Answer]:
    """Return whether a delivery may ask, for each account in question. One caller may probe."""
    if not account_ids:
        return {}
    # An account that somebody is just settling is no reason to wait: the next claim sees it.
    query = (
        select(SourceAccount)
        .where(SourceAccount.id.in_(account_ids), _is_in_question())
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    return {account.id: _answer(account) for account in db.session.scalars(query).all()}


def _answer(account: SourceAccount) -> Answer:
    at = now()
    if account.ask_at is None:
        return Answer.REFUSED
    # A time further ahead than we ever set it means that the clock was set back.
    if at < account.ask_at <= at + PROBE_LEASE:
        return Answer.WAIT
    account.ask_at = at + PROBE_LEASE
    return Answer.PROBE


def _is_in_question() -> ColumnElement[bool]:
    return or_(SourceAccount.refused_at.is_not(None), SourceAccount.doubted_at.is_not(None))


def _is_second_try(account: SourceAccount, asked_at: datetime) -> bool:
    return account.doubted_at is not None and asked_at >= account.doubted_at + CONFIRM_AFTER


def _is_newer(at: datetime | None, other: datetime) -> bool:
    """Return whether `at` lies after the other time, and not ahead of a clock set back since."""
    return at is not None and other < at <= now()


def _clear_until(account: SourceAccount, at: datetime) -> None:
    """Forget refusals up to `at`. A believed one that is newer becomes a first one again."""
    second_refusal = account.refused_at
    is_answered = not _is_newer(second_refusal, at)
    _clear(account)
    if not is_answered:
        account.doubted_at = second_refusal
        account.ask_at = now()


def _clear(account: SourceAccount) -> None:
    account.refused_at = None
    account.doubted_at = None
    account.ask_at = None


def _lock_account(account_id: int) -> SourceAccount | None:
    # The key is left free: who writes a state of the account does not wait for us.
    lock = {"key_share": True}
    return db.session.get(SourceAccount, account_id, with_for_update=lock, populate_existing=True)


def _worth_noting(latest: Mapping[int, datetime]) -> Sequence[int]:
    """Return the ids of the accounts whose success changes anything, in the order of locks."""
    if not latest:
        return []
    parameters = {"ids": list(latest), "not_since": max(latest.values()) - NOTE_EVERY}
    return db.session.connection().execute(_WORTH_NOTING, parameters).scalars().all()


_accounts = SourceAccount.__table__.c
_WORTH_NOTING = (
    select(_accounts.id)
    .where(
        _accounts.id.in_(bindparam("ids", expanding=True)),
        or_(
            _accounts.refused_at.is_not(None),
            _accounts.doubted_at.is_not(None),
            _accounts.accepted_at.is_(None),
            _accounts.accepted_at < bindparam("not_since", type_=UTCDateTime),
        ),
    )
    .order_by(_accounts.id)
)
