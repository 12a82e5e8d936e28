"""What it means for an account, and for what is owed to it, that its server took or refused the
sign-in.

The one place for all ways of asking: a push, a pull, a test, a new sign-in, an open connection. A
refusal is believed only after a second try some seconds later was refused too, and not at all where
the account had a success since the refused request began. In between, what is owed waits by itself.
Any success ends it, and what waited is due at once. Nothing here commits.
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

#: A second try that begins so long after the first is believed.
CONFIRM_AFTER = timedelta(seconds=5)
#: While one delivery asks for all others of its account; after so long without an answer another
#: one may.
PROBE_LEASE = timedelta(seconds=60)
#: A success is noted at most this often while nothing is in question.
NOTE_EVERY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What became of a refusal."""

    is_believed: bool
    #: When the account is asked again by itself; None: a person must say so.
    ask_at: datetime | None = None


class Answer(Enum):
    """Whether a delivery may ask the server of an account in question."""

    #: It asks, for all others.
    PROBE = "probe"
    #: Another one asks, or it is too early.
    WAIT = "wait"
    #: The sign-in is refused, and nobody wants it tried.
    REFUSED = "refused"


def note_accepted(account_id: int) -> None:
    """The server has just taken the sign-in: what waited for that is due."""
    note_many_accepted({account_id: now()})


def note_many_accepted(latest: Mapping[int, datetime]) -> None:
    """As `note_accepted`, for each of these accounts with the time at which it was last taken."""
    for account_id in _worth_noting(latest):
        account = _locked(account_id)
        if account is not None:
            _note_accepted(account, latest[account_id])


def _note_accepted(account: SourceAccount, at: datetime) -> None:
    account.accepted_at = max(account.accepted_at or at, at)
    first_refusal = account.doubted_at or account.refused_at
    if first_refusal is not None and not _is_newer(first_refusal, at):
        _clear_up_to(account, at)
        PlaybackSyncRepository().resume_account(account.source_id, account.user_id)


def note_refused(account_id: int, asked_at: datetime) -> Refusal:
    """The server refused the sign-in to a request that began at `asked_at`."""
    account, at = _locked(account_id), now()
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
    """The stored sign-in cannot even be tried: no server need be asked to believe that."""
    account = _locked(account_id)
    if account is not None and account.refused_at is None:
        account.refused_at = now()
        account.ask_at = None


def note_linked(account: SourceAccount, *, was_accepted: bool) -> None:
    """A person signed in anew: what waited for that is due. Whether the server was there to say yes
    is told.
    """
    if was_accepted:
        account.accepted_at = now()
    _clear(account)
    db.session.flush()
    PlaybackSyncRepository().resume_account(account.source_id, account.user_id)


def ask_again(source_ids: Sequence[int], user_id: int | None = None) -> None:
    """A person wants accounts in question asked now, those of one user or all: one delivery asks,
    then the rest go.
    """
    of_user = [] if user_id is None else [SourceAccount.user_id == user_id]
    which = (SourceAccount.source_id.in_(source_ids), _in_question(), *of_user)
    query = (
        select(SourceAccount)
        .where(*which)
        .order_by(SourceAccount.id)
        .with_for_update(key_share=True)
    )
    for account in db.session.scalars(query.execution_options(populate_existing=True)).all():
        account.ask_at = now()
        PlaybackSyncRepository().resume_account(account.source_id, account.user_id, limit=1)


def answers_for(account_ids: Collection[int]) -> dict[int, Answer]:
    """For those of the accounts that are in question: may a delivery ask? A `PROBE` is given to one
    caller only.
    """
    if not account_ids:
        return {}
    # One that somebody is just settling is no reason to wait; it is seen at the next claim.
    query = select(SourceAccount).where(SourceAccount.id.in_(account_ids), _in_question())
    query = query.with_for_update(skip_locked=True, key_share=True).execution_options(
        populate_existing=True
    )
    return {account.id: _answer(account) for account in db.session.scalars(query).all()}


def _answer(account: SourceAccount) -> Answer:
    at = now()
    if account.ask_at is None:
        return Answer.REFUSED
    # Further ahead than any of us sets it: the clock was set back.
    if at < account.ask_at <= at + PROBE_LEASE:
        return Answer.WAIT
    account.ask_at = at + PROBE_LEASE
    return Answer.PROBE


def _worth_noting(latest: Mapping[int, datetime]) -> Sequence[int]:
    if not latest:
        return []
    asked = {"ids": list(latest), "not_since": max(latest.values()) - NOTE_EVERY}
    return db.session.connection().execute(_WORTH_NOTING, asked).scalars().all()


def _in_question() -> ColumnElement[bool]:
    return or_(SourceAccount.refused_at.is_not(None), SourceAccount.doubted_at.is_not(None))


def _is_second_try(account: SourceAccount, asked_at: datetime) -> bool:
    return account.doubted_at is not None and asked_at >= account.doubted_at + CONFIRM_AFTER


def _is_newer(one: datetime | None, other: datetime) -> bool:
    """Return whether it lies after the other. What lies ahead of now is of a clock that was set
    back since.
    """
    return one is not None and other < one <= now()


def _clear_up_to(account: SourceAccount, at: datetime) -> None:
    """Forget the refusals until `at`. Where only the first of two lies before it, the second is in
    doubt again.
    """
    second = account.refused_at if _is_newer(account.refused_at, at) else None
    _clear(account)
    if second is not None:
        account.doubted_at = second
        account.ask_at = now()


def _clear(account: SourceAccount) -> None:
    account.refused_at = account.doubted_at = account.ask_at = None


def _locked(account_id: int) -> SourceAccount | None:
    # Its key is left free: whoever keeps a state of it does not wait for us.
    lock = {"key_share": True}
    return db.session.get(SourceAccount, account_id, with_for_update=lock, populate_existing=True)


_WORTH_NOTING = (
    select(SourceAccount.__table__.c.id)
    .where(
        SourceAccount.__table__.c.id.in_(bindparam("ids", expanding=True)),
        or_(
            SourceAccount.refused_at.is_not(None),
            SourceAccount.doubted_at.is_not(None),
            SourceAccount.accepted_at.is_(None),
            SourceAccount.accepted_at < bindparam("not_since", type_=UTCDateTime),
        ),
    )
    .order_by(SourceAccount.__table__.c.id)
)
